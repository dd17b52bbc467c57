// What the log says of the canary of a rollout before is nothing to the one that is judged now.
import { expect, test } from "vitest";
import { instant, seconds } from "../../base/time.ts";
import { slicesOf } from "./cell.ts";
import { cellsOf, emptyFold, foldText } from "./fold.ts";

const END = 1_790_000_000_500;
const TOOK = 42;

const line = (role: string): string =>
  ["g1", "1790000000.500", "0.042", "200", role, "p1", "37/52", "GET", "127.0.0.1:8001", "200"]
    .concat(["0.000", "0.041", "120", "OK", "", "", ""])
    .join("\t")
    .concat("\n");

function foldOf(role: string, canarySince: number) {
  const ways = { joined: new Map(), canarySince: instant(canarySince), warmup: seconds(0), pool: [] };
  const fold = emptyFold({ ...ways, users: true });
  foldText(fold, line(role));
  const [slice] = slicesOf(cellsOf(fold));
  const { canary, stable, mirrored, traffic } = slice!;
  const copied = mirrored === undefined ? 0 : mirrored.canary.requests + mirrored.stable.requests;
  return { canary: canary.requests, stable: stable.requests, copied, traffic: traffic.requests };
}

const NOTHING = { canary: 0, stable: 0, copied: 0, traffic: 0 };

test.each([
  { role: "canary", now: { ...NOTHING, canary: 1, traffic: 1 }, before: { ...NOTHING, traffic: 1 } },
  { role: "stable", now: { ...NOTHING, stable: 1, traffic: 1 }, before: { stable: 1, traffic: 1 } },
  { role: "copy", now: { ...NOTHING, copied: 1 }, before: NOTHING },
  { role: "twin", now: { ...NOTHING, copied: 1 }, before: NOTHING },
])("a request of the $role counts from when on there is a canary", ({ role, now, before }) => {
  expect(foldOf(role, END - TOOK)).toEqual(now);
  expect(foldOf(role, END - TOOK + 1)).toEqual({ ...NOTHING, ...before });
});

import { expect, test } from "vitest";
import { instant, seconds } from "../../base/time.ts";
import { NO_EVIDENCE } from "../../model/evidence.ts";
import { slicesOf } from "./cell.ts";
import { cellsOf, emptyFold, foldText, type Ways } from "./fold.ts";

const END = 1_790_000_000_500;
const COPIED = "127.0.0.1:8001";
const SERVED = "127.0.0.1:8002";

interface Logged {
  readonly status?: string;
  readonly took?: string;
}

const line = (role: string, { status = "200", took = "0.010" }: Logged = {}): string => {
  const address = role === "copy" ? COPIED : SERVED;
  const key = role === "stable" ? "37/52" : "";
  const before = ["g1", "1790000000.500", took, status, role, role === "copy" ? "p1" : "s1", key, "GET"];
  return `${[...before, address, status, "0.000", took, "120", "", "", "", ""].join("\t")}\n`;
};

function sliceOf(text: string, ways: Partial<Ways> = {}) {
  const fold = emptyFold({ joined: new Map(), warmup: seconds(0), users: true, pool: [], ...ways });
  foldText(fold, text);
  expect(fold.garbage).toBe(0);
  return slicesOf(cellsOf(fold))[0];
}

test("a copy and the request that was copied are told beside the traffic, not in it", () => {
  const text = line("stable") + line("stable") + line("twin") + line("copy", { status: "500" });
  expect(sliceOf(text)).toMatchObject({
    canary: NO_EVIDENCE,
    stable: { requests: 2 },
    mirrored: { canary: { requests: 1, failures: { 500: 1 } }, stable: { requests: 1, failures: {} } },
    traffic: { requests: 2, failed: 0 },
  });
});

test("where nothing is mirrored nothing is told of it", () => {
  expect(sliceOf(line("stable"))).not.toHaveProperty("mirrored");
});

test("a copy that a slot answers that has just joined may be slow, and may not fail", () => {
  const joined = new Map([[COPIED, instant(END - 3000)]]);
  const text = line("copy", { took: "2.500" }) + line("copy", { status: "503" });
  expect(sliceOf(text, { joined, warmup: seconds(10) })?.mirrored?.canary).toMatchObject({
    requests: 2,
    failures: { 503: 1 },
    latency: {},
    cold: 2,
  });
  expect(sliceOf(text, { joined, warmup: seconds(2) })?.mirrored?.canary).toMatchObject({ cold: 1 });
});

test("a client that leaves says nothing of either release", () => {
  const text = line("twin", { status: "499" }) + line("copy");
  expect(sliceOf(text)?.mirrored).toMatchObject({
    canary: { requests: 1, failures: {} },
    stable: { requests: 0, failures: {} },
  });
});

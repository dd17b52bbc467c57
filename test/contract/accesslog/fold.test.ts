import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { instant, seconds } from "../../../src/base/time.ts";
import { parseCell, slicesOf, type Cell } from "../../../src/drivers/accesslog/cell.ts";
import { FOLD } from "../../../src/drivers/accesslog/fold-script.ts";
import { ENDED, LOGGED_KINDS } from "../../../src/drivers/accesslog/logged.ts";
import { cellsOf, emptyFold, foldText, type Ways } from "../../../src/drivers/accesslog/fold.ts";

// The fold runs on the gateway's host in awk, and here in TypeScript: they must count the same.

const FIRST = 1_790_000_000_000;
const SLOT = "127.0.0.1:8001";
const POOL = [SLOT, "127.0.0.1:8002"];

/** As a reader of the log gets them. */
function inAwk(
  text: string,
  { joined, warmup, users, pool, stopped, canarySince }: Ways,
): { cells: readonly Cell[]; end: string } {
  const list = [...joined].map(([address, since]) => `${address}=${since / 1000}`).join(" ");
  const stops = [...(stopped ?? [])].flatMap(([address, times]) =>
    times.map((at) => `${address}=${at / 1000}`),
  );
  const values = { most: 1e9, room: 1e9, since: 0, early: 0, joined: list, warm: warmup / 1000 };
  const given = Object.entries({
    ...values,
    users: users ? 1 : 0,
    pool: pool.join(" "),
    stopped: stops.join(" "),
    canary: canarySince === undefined ? "" : canarySince / 1000,
  });
  const args = given.flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  const command = ["-c", 'LC_ALL=C exec awk "$@"', "awk", ...args, FOLD];
  const ran = spawnSync("sh", command, { input: text });
  const lines = ran.stdout.toString().trimEnd().split("\n");
  const cells = lines.slice(0, -1).map(parseCell);
  if (!cells.every((cell) => cell !== null)) throw new Error(`${lines.join("\n")}${ran.stderr.toString()}`);
  return { cells, end: lines.at(-1) ?? "" };
}

const line = fc
  .tuple(
    fc.constantFrom("g1", "g1", "g1", "g1", "g1", "g2"),
    fc.integer({ min: FIRST, max: FIRST + 2000 }).map((ms) => (ms / 1000).toFixed(3)),
    fc
      .oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 9000 }))
      .map((ms) => (ms / 1000).toFixed(3)),
    fc.constantFrom(
      "200",
      "200",
      "200",
      "206",
      "302",
      "304",
      "404",
      "429",
      "499",
      "500",
      "502",
      "000",
      "",
      "101",
    ),
    fc.constantFrom("canary", "stable", "stable", "all", "copy", "twin"),
    fc.constantFrom("s1", "s1b1", "p1b1", "p2b2", "w1_2", "pb1"),
    fc.oneof(
      fc.constantFrom("canary", "stable"),
      fc.integer({ min: 0, max: 99 }).map((n) => `${String(n).padStart(2, "0")}/${String(99 - n)}`),
    ),
    fc.constantFrom("GET", "GET", "POST", "HEAD"),
    fc.constantFrom(
      "",
      SLOT,
      SLOT,
      "127.0.0.1:8002",
      `${SLOT}, 127.0.0.1:8002`,
      `[::1]:1 : ${SLOT}`,
      "shop_p1",
    ),
    fc.constantFrom("", "200", "502, 200", "-, 200", "504, 502", "404"),
    fc.constant("0.000"),
    fc.constantFrom("", "-", "0.001", "0.001, 2.000", "- : 0.3"),
    fc.constant("120"),
    fc.constantFrom("OK", "OK", ""),
    fc.constantFrom("", "", "", "", ENDED, ...LOGGED_KINDS.keys()),
    fc.constantFrom("", "10", "10", "-, 20", "5"),
    fc.constantFrom("", "10", "10", "20"),
  )
  .map((fields) => `${fields.join("\t")}\n`);

test.each<{ readonly id: string; readonly ways: Ways }>([
  { id: "users", ways: { joined: new Map(), warmup: seconds(0), users: true, pool: POOL } },
  { id: "requests", ways: { joined: new Map(), warmup: seconds(0), users: false, pool: POOL } },
  {
    id: "slots that joined",
    ways: { joined: new Map([[SLOT, instant(FIRST + 500)]]), warmup: seconds(1), users: true, pool: POOL },
  },
  {
    id: "a canary that was none before",
    ways: {
      joined: new Map(),
      canarySince: instant(FIRST + 700),
      warmup: seconds(0),
      users: true,
      pool: POOL,
    },
  },
  {
    id: "slots that were stopped with requests in flight",
    ways: {
      joined: new Map(),
      warmup: seconds(0),
      users: true,
      pool: POOL,
      stopped: new Map([
        [SLOT, [instant(FIRST + 500), instant(FIRST + 1500)]],
        ["127.0.0.1:8002", [instant(FIRST + 1000)]],
      ]),
    },
  },
])("awk counts as TypeScript does: $id", ({ ways }) => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 300, size: "max" }), (lines) => {
      const text = lines.join("");
      const fold = emptyFold(ways);
      foldText(fold, text);
      const { cells, end } = inAwk(text, ways);
      expect(slicesOf(cells)).toEqual(slicesOf(cellsOf(fold)));
      expect(end).toBe(`end ${text.length} ${fold.garbage} 0 0`);
    }),
    { numRuns: 40 },
  );
});

test("awk keeps the same users of many as TypeScript does", () => {
  const [first = ""] = fc.sample(line, { numRuns: 1, seed: 3 });
  const pair = (n: number): string => String(n % 100).padStart(2, "0");
  const text = Array.from({ length: 4000 }, (_, i) => {
    const n = (i * 7919) % 10_000;
    const fields = first.split("\t");
    const role = n < 900 ? "canary" : "stable";
    const known = ["g1", `1790000000.${String(100 + (i % 100))}`, "0.050", i % 3 === 0 ? "500" : "200", role];
    return [...known, fields[5], `${pair(Math.floor(n / 100))}/${pair(n)}`, ...fields.slice(7)].join("\t");
  }).join("");
  const ways: Ways = { joined: new Map(), warmup: seconds(0), users: true, pool: [] };
  const fold = emptyFold(ways);
  foldText(fold, text);
  expect(slicesOf(inAwk(text, ways).cells)).toEqual(slicesOf(cellsOf(fold)));
  expect(fold.garbage).toBe(0);
});

test("the control: a count that is wrong by one shows", () => {
  const ways: Ways = { joined: new Map(), warmup: seconds(0), users: false, pool: POOL };
  const one = fc.sample(line, { numRuns: 50, seed: 1 }).join("");
  const fold = emptyFold(ways);
  foldText(fold, one + fc.sample(line, { numRuns: 20, seed: 2 }).join(""));
  expect(slicesOf(inAwk(one, ways).cells)).not.toEqual(slicesOf(cellsOf(fold)));
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketOf } from "../../model/traffic.ts";
import { NO_EVIDENCE, sliceOf, USERS_KEPT, type RoleEvidence } from "../../model/evidence.ts";
import { instant, seconds } from "../../base/time.ts";
import { slicesOf, userOf } from "./cell.ts";
import { cellsOf, emptyFold, foldText, type Fold, type Ways } from "./fold.ts";

const LINE = {
  version: "g1",
  end: "1790000000.500",
  duration: "0.042",
  status: "200",
  role: "stable",
  group: "s0",
  key: "37/52",
  method: "GET",
  addresses: "127.0.0.1:8001",
  statuses: "200",
  connectTimes: "0.000",
  responseTimes: "0.041",
  bytesSent: "120",
  completion: "OK",
  kind: "",
  received: "",
  announced: "",
};
type Over = Partial<typeof LINE>;
const line = (over: Over = {}): string => `${Object.values({ ...LINE, ...over }).join("\t")}\n`;

/** Without its end. */
const bare = (over: Over = {}): string => line(over).slice(0, -1);

const WAYS: Ways = {
  joined: new Map(),
  warmup: seconds(10),
  users: true,
  pool: ["127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003"],
};
const secondsOf = (fold: Fold) => slicesOf(cellsOf(fold));

function foldOf(text: string, ways: Partial<Ways> = {}) {
  const fold = emptyFold({ ...WAYS, ...ways });
  const rest = foldText(fold, text);
  return { seconds: secondsOf(fold), garbage: fold.garbage, rest };
}
/** The only slice's counts. */
function countsOf(text: string) {
  const { latency, ...counts } = foldOf(text).seconds[0]!.traffic;
  return { ...counts, measured: Object.values(latency).reduce((sum, count) => sum + count, 0) };
}

const GOOD = { requests: 1, failed: 0, cut: 0, retried: 0, fellBack: 0, measured: 1 };

test.each([
  { id: "an answer of 200 is a good request", over: {}, expected: GOOD },
  { id: "404 is an answer", over: { status: "404" }, expected: GOOD },
  {
    id: "502 is a failure and measures nothing",
    over: { status: "502" },
    expected: { ...GOOD, failed: 1, measured: 0 },
  },
  {
    id: "000 is a failure",
    over: { status: "000", completion: "" },
    expected: { ...GOOD, failed: 1, measured: 0 },
  },
  {
    id: "no status is a failure",
    over: { status: "", completion: "" },
    expected: { ...GOOD, failed: 1, measured: 0 },
  },
  {
    id: "499 is the client's own wish: neither failed nor cut nor measured",
    over: { status: "499", completion: "", duration: "5.000", responseTimes: "5.000" },
    expected: { ...GOOD, measured: 0 },
  },
  {
    id: "a second slot that answers is a retry",
    over: {
      addresses: "127.0.0.1:8001, 127.0.0.1:8002",
      statuses: "502, 200",
      responseTimes: "0.001, 0.041",
    },
    expected: { ...GOOD, retried: 1 },
  },
  {
    id: "a canary's request that a stable slot answers fell back",
    over: { group: "p1b1", addresses: "127.0.0.1:8001, 127.0.0.1:8002", statuses: "-, 200" },
    expected: { ...GOOD, retried: 1, fellBack: 1 },
  },
  {
    id: "one that another slot of its own role answers did not",
    over: { group: "p2b2", addresses: "127.0.0.1:8001, 127.0.0.1:8002", statuses: "-, 200" },
    expected: { ...GOOD, retried: 1 },
  },
  {
    id: "a retry over an internal redirect is a retry",
    over: { addresses: "127.0.0.1:8001 : [::1]:8002", statuses: "502 : 200", responseTimes: "- : 0.041" },
    expected: { ...GOOD, retried: 1 },
  },
  {
    id: "the colons of one IPv6 address are no retry",
    over: { addresses: "[fe80::1:2]:8001" },
    expected: GOOD,
  },
  {
    id: "a retry that fails as well is a failure only",
    over: { status: "502", addresses: "127.0.0.1:8001, 127.0.0.1:8002", statuses: "502, 502" },
    expected: { ...GOOD, failed: 1, measured: 0 },
  },
  {
    id: "an answer that the client did not wait for is the client's own wish",
    over: { completion: "", received: "50000", announced: "100000" },
    expected: GOOD,
  },
  {
    id: "an answer of which less came from the slot than it had announced is cut",
    over: { received: "50000", announced: "100000" },
    expected: { ...GOOD, cut: 1 },
  },
  {
    id: "of two slots the last one's bytes count",
    over: { addresses: "a:1, b:2", received: "0, 100000", announced: "100000" },
    expected: { ...GOOD, retried: 1 },
  },
  {
    id: "an answer that came whole is not cut",
    over: { received: "100000", announced: "100000" },
    expected: GOOD,
  },
  {
    id: "an answer of unknown length is not cut",
    over: { received: "50008", announced: "" },
    expected: GOOD,
  },
  { id: "an answer of nginx's own is not cut", over: { received: "", announced: "" }, expected: GOOD },
  {
    id: "a HEAD brings nothing of what it announces",
    over: { method: "HEAD", received: "0", announced: "500" },
    expected: GOOD,
  },
  {
    id: "a 304 brings nothing of what it announces",
    over: { status: "304", received: "0", announced: "500" },
    expected: GOOD,
  },
  {
    id: "a WebSocket that ends is neither cut nor measured",
    over: { status: "101", completion: "", duration: "900.000", responseTimes: "900.000" },
    expected: { ...GOOD, measured: 0 },
  },
  {
    id: "an event stream that ends is neither cut nor measured",
    over: { kind: "events", duration: "900.000", responseTimes: "900.000" },
    expected: { ...GOOD, measured: 0 },
  },
])("$id", ({ over, expected }) => {
  expect(countsOf(line(over))).toEqual(expected);
});

test("a request belongs to the slice in which it ended", () => {
  const text = line({ end: "1790000003.249", duration: "2.001" }) + line({ end: "1790000003.250" });
  expect(foldOf(text).seconds.map(({ slice, traffic }) => [slice, traffic.requests])).toEqual([
    [7160000012, 1],
    [7160000013, 1],
  ]);
});

/** Of the only slice: what is said of the stable release. */
const stableOf = (text: string): RoleEvidence => foldOf(text).seconds[0]!.stable;
const END = 1_790_000_000_500;
const ARRIVED = { [sliceOf(instant(END - 42))]: 1 };
const USER = { user: userOf(3752), arrived: END - 42, bucket: bucketOf(42), failure: null };
const WELL = { ...NO_EVIDENCE, requests: 1, latency: { [bucketOf(42)]: 1 }, arrived: ARRIVED, users: [USER] };
const failed = (failure: number) => {
  const user = { ...USER, bucket: null, failure };
  return { ...WELL, failures: { [failure]: 1 }, latency: {}, users: [user], failedUsers: [user] };
};

test.each([
  { id: "a good answer has a time", over: {}, expected: WELL },
  { id: "502 is a failure without a time", over: { status: "502", statuses: "502" }, expected: failed(502) },
  {
    id: "404 is a failure with a time",
    over: { status: "404" },
    expected: {
      ...failed(404),
      latency: WELL.latency,
      users: [{ ...USER, failure: 404 }],
      failedUsers: [{ ...USER, failure: 404 }],
    },
  },
  { id: "no answer is the failure 0", over: { status: "000", completion: "" }, expected: failed(0) },
  {
    id: "an answer that the slot broke off is the failure 0",
    over: { received: "5", announced: "10" },
    expected: failed(0),
  },
  {
    id: "what another slot repaired is the failure of the first",
    over: { addresses: "127.0.0.1:8001, 127.0.0.1:8002", statuses: "503, 200" },
    expected: failed(503),
  },
  {
    id: "a first slot that said nothing is a bad gateway",
    over: { addresses: "127.0.0.1:8001, 127.0.0.1:8002", statuses: "-, 200" },
    expected: failed(502),
  },
  {
    id: "a client that left is told apart, and arrived",
    over: { status: "499", completion: "" },
    expected: {
      ...NO_EVIDENCE,
      left: { [bucketOf(42)]: 1 },
      arrived: ARRIVED,
      users: [{ ...USER, failure: 499 }],
    },
  },
  {
    id: "what lasts is a request without a time",
    over: { status: "101" },
    expected: { ...WELL, latency: {}, users: [{ ...USER, bucket: null }] },
  },
  {
    id: "whom a rule sent is neither in the share nor among the users",
    over: { key: "stable" },
    expected: { ...WELL, arrived: {}, users: [] },
  },
])("for the judge $id", ({ over, expected }) => {
  expect(stableOf(line(over))).toEqual(expected);
});

const SLOT = "127.0.0.1:8001";
const joinedAt = (at: number): Partial<Ways> => ({ joined: new Map([[SLOT, instant(at)]]) });

test("a slot that has just joined may be slow, and may not fail", () => {
  const bad = line({ role: "canary", status: "503", statuses: "503" });
  const [slice] = foldOf(line({ role: "canary" }) + bad, joinedAt(END - 5000)).seconds;
  expect(slice!.canary).toEqual({
    ...WELL,
    requests: 2,
    failures: { 503: 1 },
    latency: {},
    arrived: { [sliceOf(instant(END - 42))]: 2 },
    users: [{ ...USER, bucket: null }],
    failedUsers: [{ ...USER, bucket: null, failure: 503 }],
    cold: 2,
  });
});

test("of each user the first request to arrive is kept", () => {
  const text = line({ duration: "0.042" }) + line({ duration: "0.100" }) + line({ duration: "0.050" });
  expect(stableOf(text).users).toEqual([{ ...USER, arrived: END - 100, bucket: bucketOf(100) }]);
});

test("of many users those are kept whose numbers are smallest, in both roles together", () => {
  const pair = (n: number): string => String(n).padStart(2, "0");
  const text = Array.from({ length: 400 }, (_, i) =>
    line({ role: i < 100 ? "canary" : "stable", key: `${pair(Math.floor(i / 100))}/${pair(i % 100)}` }),
  ).join("");
  const [slice] = foldOf(text).seconds;
  const all = Array.from({ length: 400 }, (_, i) => userOf(i)).toSorted((a, b) => a - b);
  const kept = [...slice!.canary.users, ...slice!.stable.users].map(({ user }) => user);
  expect(kept.toSorted((a, b) => a - b)).toEqual(all.slice(0, USERS_KEPT));
  expect(slice!.canary.users.length).toBeGreaterThan(USERS_KEPT / 8);
});

test.each([
  { id: "by the role", over: { role: "canary" }, ways: {}, expected: { canary: 1, cold: 0, stable: 0 } },
  {
    id: "as cold soon after its slot joined",
    over: { role: "canary" },
    ways: joinedAt(END - 5000),
    expected: { canary: 1, cold: 1, stable: 0 },
  },
  {
    id: "as warm later",
    over: { role: "canary" },
    ways: joinedAt(END - 20_000),
    expected: { canary: 1, cold: 0, stable: 0 },
  },
  {
    id: "split by servers, for the stable when its slot never joined",
    over: { role: "all", key: "stable" },
    ways: {},
    expected: { canary: 0, cold: 0, stable: 1 },
  },
  {
    id: "split by servers, for the stable when it arrived before its slot joined",
    over: { role: "all", key: "stable" },
    ways: joinedAt(END - 41),
    expected: { canary: 0, cold: 0, stable: 1 },
  },
  {
    id: "split by servers, for the canary when its slot had joined",
    over: { role: "all", key: "stable", addresses: `${SLOT}, 127.0.0.1:8002`, statuses: "200, 200" },
    ways: joinedAt(END - 20_000),
    expected: { canary: 1, cold: 0, stable: 0 },
  },
  {
    id: "for nobody when nobody was tried",
    over: { role: "all", key: "stable", addresses: "" },
    ways: {},
    expected: { canary: 0, cold: 0, stable: 0 },
  },
])("a request counts $id", ({ over, ways, expected }) => {
  const [slice] = foldOf(line(over), ways).seconds;
  const { canary, stable, traffic } = slice!;
  expect({ canary: canary.requests, cold: canary.cold, stable: stable.requests }).toEqual(expected);
  expect(traffic.requests).toBe(1);
});

test("the time of a request goes into its bucket", () => {
  const text = line({ duration: "0.042" }) + line({ duration: "0.042" }) + line({ duration: "0.000" });
  expect(foldOf(text).seconds[0]!.traffic.latency).toEqual({ [bucketOf(42)]: 2, [bucketOf(0)]: 1 });
});

test.each([
  "",
  "g1",
  '127.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 612',
  bare().replace("g1", "g2"),
  `${bare()}\tone more`,
  bare({ end: "soon" }),
  bare({ end: "1790000000" }),
  bare({ end: "99999999999999999.000" }),
  bare({ duration: "-0.001" }),
  bare({ status: "2000" }),
  bare().slice(20),
  "\u0000".repeat(500),
])("%j is garbage: counted, skipped, and the next line is read", (garbage) => {
  const { seconds, garbage: count } = foldOf(`${garbage}\n${line()}`);
  expect({ count, requests: seconds.map(({ traffic }) => traffic.requests) }).toEqual({
    count: 1,
    requests: [1],
  });
});

test("an unfinished last line is left for the next time", () => {
  const text = line() + line().slice(0, 30);
  expect(foldOf(text)).toMatchObject({ garbage: 0, rest: line().length });
});

const anyLine = fc
  .record({
    end: fc.integer({ min: 1_790_000_000_000, max: 1_790_000_004_000 }).map((ms) => (ms / 1000).toFixed(3)),
    duration: fc.integer({ min: 0, max: 3000 }).map((ms) => (ms / 1000).toFixed(3)),
    status: fc.constantFrom("200", "301", "404", "499", "500", "502", "000", "", "101", "x"),
    role: fc.constantFrom("canary", "stable", "all", "copy", "twin"),
    key: fc.constantFrom("37/52", "00/01", "canary", "stable"),
    addresses: fc.constantFrom("", "127.0.0.1:8001", "127.0.0.1:8001, 127.0.0.1:8002", "[::1]:1 : a:2"),
    statuses: fc.constantFrom("", "200", "502, 200", "-, 404"),
    completion: fc.constantFrom("OK", ""),
    kind: fc.constantFrom("", "events"),
    received: fc.constantFrom("", "10", "-, 20"),
    announced: fc.constantFrom("", "10", "20"),
  })
  .map(line);

test("the order of the lines does not matter", () => {
  fc.assert(
    fc.property(fc.array(anyLine), fc.array(fc.nat()), (lines, keys) => {
      const shuffled = lines
        .map((text, i) => ({ text, key: keys[i] ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ text }) => text);
      expect(foldOf(shuffled.join(""))).toEqual(foldOf(lines.join("")));
    }),
  );
});

test("where the text is broken into batches does not matter", () => {
  fc.assert(
    fc.property(fc.array(anyLine), fc.array(fc.nat({ max: 400 })), (lines, sizes) => {
      const text = lines.join("");
      const fold = emptyFold(WAYS);
      let carried = "";
      let at = 0;
      for (const size of [...sizes, text.length]) {
        const batch = carried + text.slice(at, at + size);
        at += size;
        carried = batch.slice(foldText(fold, batch));
      }
      expect({ seconds: secondsOf(fold), garbage: fold.garbage, carried }).toEqual({
        seconds: foldOf(text).seconds,
        garbage: foldOf(text).garbage,
        carried: "",
      });
    }),
  );
});

test("no text makes it throw", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), anyLine, fc.constantFrom("\t", "\n", "g1\t"))), (parts) => {
      expect(() => foldOf(parts.join(""))).not.toThrow();
    }),
  );
});

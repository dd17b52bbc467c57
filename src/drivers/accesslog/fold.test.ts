import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketOf } from "../../model/traffic.ts";
import { emptyFold, findArrival, foldText, secondsOf } from "./fold.ts";

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

function foldOf(text: string) {
  const fold = emptyFold();
  const rest = foldText(fold, text);
  return { seconds: secondsOf(fold), garbage: fold.garbage, rest };
}
/** The only second's counts. */
function countsOf(text: string) {
  const { latency, ...counts } = foldOf(text).seconds[0]!.traffic;
  return { ...counts, measured: Object.values(latency).reduce((sum, count) => sum + count, 0) };
}

const GOOD = { requests: 1, failed: 0, cut: 0, retried: 0, measured: 1 };

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

test("a request belongs to the second in which it arrived", () => {
  const text =
    line({ end: "1790000003.000", duration: "2.001" }) + line({ end: "1790000003.000", duration: "2.000" });
  expect(foldOf(text).seconds.map(({ second, traffic }) => [second, traffic.requests])).toEqual([
    [1790000000, 1],
    [1790000001, 1],
  ]);
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
    addresses: fc.constantFrom("", "127.0.0.1:8001", "127.0.0.1:8001, 127.0.0.1:8002"),
    responseTimes: fc.constantFrom("", "-", "0.001", "0.001, 2.000"),
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
      const fold = emptyFold();
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

test("an arrival is found by when the request began, not by when it ended", () => {
  const early = line({ end: "1790000001.000", duration: "0.900" });
  const slow = line({ end: "1790000005.000", duration: "4.500" });
  const late = line({ end: "1790000005.100", duration: "0.100" });
  expect(findArrival(early + slow + late, 1_790_000_002_000)).toEqual({
    at: early.length + slow.length,
    latest: 1_790_000_005_100,
  });
});

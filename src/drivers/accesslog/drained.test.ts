import { expect, test } from "vitest";
import { instant, seconds } from "../../base/time.ts";
import { slicesOf } from "./cell.ts";
import { cellsOf, emptyFold, foldText } from "./fold.ts";

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

const STOPPED = new Map([["127.0.0.1:8001", [instant(1_790_000_000_480)]]]);

test.each([
  { id: "a WebSocket", over: { status: "101", completion: "" }, expected: { websockets: 1 } },
  { id: "an event stream", over: { kind: "events" }, expected: { events: 1 } },
  { id: "an upload that got no answer", over: { kind: "uploads", status: "502" }, expected: { uploads: 1 } },
  { id: "a stream that had not begun", over: { kind: "asked", status: "502" }, expected: { events: 1 } },
  { id: "a gRPC stream", over: { kind: "grpc", received: "50" }, expected: { grpc: 1 } },
  { id: "a gRPC call that got no answer", over: { kind: "grpc", status: "502" }, expected: { grpc: 1 } },
  { id: "a request without an answer", over: { status: "000", completion: "" }, expected: { requests: 1 } },
  { id: "half an answer", over: { received: "5", announced: "9" }, expected: { requests: 1 } },
  { id: "one of unknown length", over: { received: "5" }, expected: { requests: 1 } },
  {
    id: "the second slot's",
    over: { addresses: "a:1, 127.0.0.1:8001", status: "502" },
    expected: { requests: 1 },
  },
  { id: "not a whole answer", over: { received: "9", announced: "9" }, expected: undefined },
  { id: "not an answer without a body", over: { status: "204" }, expected: undefined },
  {
    id: "not one that another slot answered",
    over: { addresses: "127.0.0.1:8001, b:2" },
    expected: undefined,
  },
  { id: "not a gRPC call that has its status", over: { kind: "ended", received: "50" }, expected: undefined },
  { id: "not one whose client left", over: { status: "499" }, expected: undefined },
  { id: "not a stream whose client left", over: { kind: "events", completion: "" }, expected: undefined },
  { id: "not what came later", over: { status: "101", duration: "0.010" }, expected: undefined },
  { id: "not what was over before", over: { status: "101", end: "1790000000.479" }, expected: undefined },
  { id: "not at another slot", over: { status: "101", addresses: "127.0.0.1:8002" }, expected: undefined },
])("cut off with its slot, and nothing else: $id", ({ over, expected }) => {
  const fold = emptyFold({ joined: new Map(), warmup: seconds(0), users: true, pool: [], stopped: STOPPED });
  foldText(fold, `${Object.values({ ...LINE, ...over }).join("\t")}\n`);
  const [slice] = slicesOf(cellsOf(fold));
  expect(slice?.traffic.cutKinds).toEqual(expected);
  if (expected === undefined) return;
  expect(slice?.traffic).toMatchObject({ requests: 1, failed: 0, cut: 0, retried: 0 });
  expect(slice?.stable).toMatchObject({ requests: 0, failures: {}, latency: {} });
});

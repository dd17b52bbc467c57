import { expect, test } from "vitest";
import { compileFormat, type CanaryMark } from "./format.ts";

const BY_ADDRESS: CanaryMark = { by: "address", addresses: new Set(["10.0.0.2:8001"]) };
const TIMED = '$remote_addr - $remote_user [$time_local] "$request" $status $request_time "$upstream_addr"';

function read(format: string, line: string, canary: CanaryMark = BY_ADDRESS) {
  const compiled = compileFormat(format, canary);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value(line);
}

test.each([
  {
    id: "the usual format with a time and an address",
    format: TIMED,
    line: '10.1.1.1 - - [25/Nov/2026:08:00:00 +0100] "GET /a HTTP/1.1" 200 0.125 "10.0.0.2:8001"',
    expected: { end: Date.UTC(2026, 10, 25, 7), duration: 125, status: 200, role: "canary", attempts: 1 },
  },
  {
    id: "a request that a second slot answered",
    format: '$msec $status $request_time "$upstream_addr" "$upstream_status"',
    line: '1790000000.500 200 1.250 "10.0.0.1:8001, 10.0.0.2:8001" "502, 200"',
    expected: { end: 1_790_000_000_500, duration: 1250, role: "stable", attempts: 2, firstStatus: 502 },
  },
  {
    id: "JSON",
    format: '{"t":"$time_iso8601","s":$status,"d":$request_time,"v":"$variant"}',
    line: '{"t":"2026-11-25T08:00:00+00:00","s":503,"d":0.010,"v":"new"}',
    canary: { by: "variable", name: "variant", value: "new" } as const,
    expected: { end: Date.UTC(2026, 10, 25, 8), duration: 10, status: 503, role: "canary" },
  },
  {
    id: "the slots' time where the whole is not logged",
    format: "$msec $status $upstream_response_time ${upstream_addr}",
    line: "1790000000.500 200 0.100, 0.200 10.0.0.1:8001, 10.0.0.2:8001",
    expected: { duration: 300, role: "stable" },
  },
])("$id is read", ({ format, line, expected, ...rest }) => {
  expect(read(format, line, "canary" in rest ? rest.canary : BY_ADDRESS)).toMatchObject(expected);
});

test.each([
  { id: "another format", line: "hello" },
  { id: "no time", line: '1 - - [yesterday] "GET / HTTP/1.1" 200 0.1 "10.0.0.2:8001"' },
  { id: "a byte of nothing, as after a crash", line: "\0".repeat(200) },
  {
    id: "a user who tries to look like the end of the line",
    line: '1 - a [25/Nov/2026:08:00:00 +0000] "x" 200 0.1 "b" [25/Nov/2026:08:00:00 +0000] "GET /" 200',
  },
])("a line of $id is passed over", ({ line }) => {
  expect(read(TIMED, line)).toBeNull();
});

test.each([
  ["$status $request_time $upstream_addr", "the format lacks a time: $msec, $time_iso8601 or $time_local"],
  ["$msec $status $upstream_addr", "the format lacks a duration: $request_time"],
  ["$msec $request_time $upstream_addr", "the format lacks $status"],
  ["$msec $status $request_time", "the format lacks $upstream_addr, by which the canary is told"],
])("%s is refused", (format, why) => {
  expect(compileFormat(format, BY_ADDRESS)).toEqual({ ok: false, error: why });
});

const UNASKED = '1 - - [25/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 0.100 "-"';
test("a request that no slot was asked for is told apart from a line of another format", () => {
  expect(read(TIMED, UNASKED)).toBe("unasked");
});

test.each([
  {
    id: "attempts parted by blanks, as the fields are",
    format: "$msec $status $upstream_addr $upstream_status $upstream_response_time $request_time $host",
    line: "1790000000.500 200 10.0.0.1:8001, 10.0.0.2:8001 : 10.0.0.2:8002 502, 502 : 200 0.1, - : 0 1.250 x",
    expected: { attempts: 3, firstStatus: 502, duration: 1250, role: "stable" },
  },
  {
    id: "JSON with quotes and braces of a client's in it",
    format: '{"ua":"$http_user_agent","t":$msec,"s":"$status","d":$request_time,"a":"$upstream_addr"}',
    line: '{"ua":"x\\",\\"s\\":\\"500\\"}","t":1790000000.500,"s":"200","d":0.010,"a":"10.0.0.2:8001"}',
    expected: { status: 200, duration: 10, role: "canary" },
  },
  {
    id: "further fields before, between and behind",
    format: "$a [$time_local] $b $status $request_time $upstream_addr rt=$c",
    line: "a b c [25/Nov/2026:08:00:00 +0000] GET /x HTTP/1.1 204 0.001 10.0.0.2:8001 rt=",
    expected: { status: 204, duration: 1, role: "canary" },
  },
])("$id are read", ({ format, line, expected }) => {
  expect(read(format, line)).toMatchObject(expected);
});

test("a line that could be taken apart in very many ways is given up soon", () => {
  const format = "$a $b $c $d $e $f $g $msec $status $request_time $upstream_addr";
  const line = "1790000000.500 ".repeat(4000);
  expect(read(format, line)).toBeNull();
});

test("two variables without anything between are refused", () => {
  expect(compileFormat("$msec$status $request_time $upstream_addr", BY_ADDRESS)).toEqual({
    ok: false,
    error: "nothing is between $msec and $status: they are one text",
  });
});

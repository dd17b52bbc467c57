import { expect, test } from "vitest";
import { TRAFFIC_KINDS } from "../../model/drain.ts";
import { inFlightOf, isAlone, readConnection, withKinds, type Busy } from "./inflight.ts";
import { readLook } from "./look.ts";

const IDLE = { lastSent: 900, lastReceived: 890 };
const WAITING = { lastSent: 10, lastReceived: 700 };

test.each<[string, number, number, Busy, Busy, number]>([
  ["nothing is connected", 0, 0, "idle", "idle", 0],
  ["kept connections, every group idle", 0, 5, "idle", "idle", 0],
  ["kept connections, its own group busy: a stream flows", 0, 1, "busy", "idle", 1],
  ["a shared group is busy, and it has connections", 0, 2, "idle", "busy", 1],
  ["a shared group is busy, and it has none", 0, 0, "idle", "busy", 0],
  ["its own group is busy, and it has none: a body is on its way", 0, 0, "busy", "idle", 1],
  ["three requests wait", 3, 2, "busy", "busy", 3],
  ["nobody can be asked, kept connections", 0, 2, "unknown", "unknown", 1],
  ["nobody can be asked, nothing is connected", 0, 0, "unknown", "unknown", 0],
])("%s", (_, waiting, idle, alone, shared, requests) => {
  const connections = [
    ...Array.from({ length: waiting }, () => WAITING),
    ...Array.from({ length: idle }, () => IDLE),
  ];
  expect(inFlightOf({ connections, alone, shared })).toEqual({ requests, connections: waiting + idle });
});

const idle = (count: number) => Array.from({ length: count }, () => IDLE);

test.each<[string, number, readonly string[], unknown]>([
  ["a request among kept connections", 5, ["requests"], { requests: 1, kinds: { requests: 1 } }],
  [
    "WebSockets alone are as many as connections",
    5,
    ["websockets"],
    { requests: 5, kinds: { websockets: 5 } },
  ],
  ["gRPC calls alone are too", 3, ["grpc"], { requests: 3, kinds: { grpc: 3 } }],
  [
    "several kinds are one of each at least",
    5,
    ["uploads", "events"],
    { requests: 2, kinds: { uploads: 1, events: 1 } },
  ],
  ["a kind that nobody counts is not told", 5, [], { requests: 1 }],
])("by kind: %s", (_, count, busy, expected) => {
  const connections = idle(count);
  const all = inFlightOf({ connections, alone: "busy", shared: "idle" });
  const measured = TRAFFIC_KINDS.map((kind) => {
    const alone: Busy = busy.includes(kind) ? "busy" : "idle";
    return [kind, { connections, alone, shared: "idle" }] as const;
  });
  expect(withKinds(all, measured)).toEqual({ ...(expected as object), connections: count });
});

test("ss leaves out what is zero", () => {
  expect(readConnection("\t cubic rto:204 lastsnd:40 lastrcv:36 lastack:36")).toEqual({
    lastSent: 40,
    lastReceived: 36,
  });
  expect(readConnection("\t cubic rto:204 lastrcv:36")).toEqual({ lastSent: 0, lastReceived: 36 });
});

test("a group with a backup is not one slot's alone", () => {
  expect(isAlone({ name: "p1", servers: [0], backups: [] })).toBe(true);
  expect(isAlone({ name: "p1b1", servers: [0], backups: [1] })).toBe(false);
});

test("reads one look at a host", () => {
  const look = readLook(`home /var/lib/glidepath/shop
written aaaa bbbb 
sha aaaa
mark app=shop pool=00ff config=11ee
routing {"generation":4,"routing":{"canary":[],"stable":["web:1"],"share":0}}
newest 7
built
slot 127.0.0.1 8001
0      0       127.0.0.1:40122    127.0.0.1:8001 
	 cubic rto:204 lastsnd:5 lastrcv:70
slot 127.0.0.1 8002
`);
  expect(look).toEqual({
    home: "/var/lib/glidepath/shop",
    newest: 7,
    written: ["aaaa", "bbbb"],
    sha: "aaaa",
    mark: { pool: "00ff", config: "11ee" },
    table: { generation: 4, routing: { canary: [], stable: ["web:1"], share: 0 } },
    snippet: false,
    built: true,
    hasSs: true,
    connections: new Map([
      ["127.0.0.1 8001", [{ lastSent: 5, lastReceived: 70 }]],
      ["127.0.0.1 8002", []],
    ]),
  });
});

test.each(["", "{", "null", "{}", '{"generation":1,"routing":{}}'])("a routing of %j is none", (json) => {
  expect(readLook(`routing ${json}\n`).table).toBeNull();
});

import { expect, test } from "vitest";
import type { LoadFailure } from "../../../src/demo/load/report.ts";
import { lossesOf, readLog } from "./losses.ts";

const failure = (status: number | null, sentAt: number): LoadFailure => ({
  kind: status === null ? "refused" : "status",
  sentAt,
  took: 100,
  method: "GET",
  path: "/",
  user: 1,
  status,
  answeredBy: null,
  message: `status ${status}`,
});
const line = (endedAt: number, ...upstreams: readonly string[]) => ({ endedAt, status: 502, upstreams });
const struck = { address: "10.0.0.1", gateway: "gate2", at: 1000, backAt: 2000 };

test.each([
  ["sent on to the host that died", "gate1", failure(502, 1100), line(1200, "10.0.0.1:8001"), [1, 0, 0]],
  [
    "also when others were tried after it",
    "gate1",
    failure(502, 1100),
    line(1200, "10.0.0.1:1", "10.0.0.2:1"),
    [1, 0, 0],
  ],
  ["sent on to another host", "gate1", failure(502, 1100), line(1200, "10.0.0.11:8001"), [0, 0, 1]],
  ["sent on to it before it died", "gate1", failure(502, 100), line(200, "10.0.0.1:8001"), [0, 0, 1]],
  ["logged at quite another time", "gate1", failure(502, 1100), line(9000, "10.0.0.1:8001"), [0, 0, 1]],
  ["asked of the gateway that died", "gate2", failure(null, 1100), null, [0, 1, 0]],
  ["asked of it when it was back", "gate2", failure(null, 2100), null, [0, 0, 1]],
  ["asked of the other gateway, which refused it", "gate1", failure(null, 1100), null, [0, 0, 1]],
] as const)("a request %s", (_, gateway, one, logged, [onTheHost, atItsGateway, others]) => {
  const losses = lossesOf([{ gateway, failures: [one], log: logged === null ? [] : [logged] }], struck);
  expect({ ...losses, others: losses.others.length }).toEqual({ onTheHost, atItsGateway, others });
});

test("a line of the log accounts for one request only", () => {
  const failures = [failure(502, 1100), failure(502, 1110)];
  const losses = lossesOf([{ gateway: "gate1", failures, log: [line(1200, "10.0.0.1:8001")] }], struck);
  expect([losses.onTheHost, losses.others.length]).toEqual([1, 1]);
});

test("the log of a gateway is read: failed requests, and where they were sent", () => {
  const text = [
    "g1\t1764074131.250\t5.001\t504\tcanary\tp1\t37/52\tPOST\t10.77.3.11:8001\t504",
    "g1\t1764074131.250\t0.001\t200\tcanary\tp1\t37/52\tGET\t10.77.3.11:8001\t200",
    "g1\t1764074132.000\t1.001\t502\tstable\ts1\tstable\tGET\t10.77.3.11:8001, 10.77.3.12:8002\t504, 502",
  ].join("\n");
  expect(readLog(text)).toEqual([
    { endedAt: 1764074131250, status: 504, upstreams: ["10.77.3.11:8001"] },
    { endedAt: 1764074132000, status: 502, upstreams: ["10.77.3.11:8001", "10.77.3.12:8002"] },
  ]);
});

import { expect, test } from "vitest";
import { millis, seconds, type Duration } from "../../base/time.ts";
import type { Application } from "../../model/application.ts";
import type { HostAnswer, HostPort, HostRequest } from "../../ports/host.ts";
import { idleExaminer } from "./examine.ts";

const slotAt = (port: number) => ({
  key: `web1:${port}`,
  host: "web1",
  port,
  dir: "/d",
  address: "127.0.0.1",
});
const HTTP = { kind: "http", path: "/healthz", host: null, status: null, contains: null };

const applicationWith = (gateway: object, probe: object = HTTP): Application =>
  ({
    hosts: [{ name: "web1", slots: [slotAt(8001), slotAt(8002)] }],
    gateway: { passive: false, serverName: [], ...gateway },
    health: { probe, timeout: seconds(2) },
  }) as unknown as Application;

const closing = (closedAfter: number | null): HostAnswer => ({
  kind: "answered",
  status: 200,
  body: "",
  closedAfter: closedAfter === null ? null : millis(closedAfter),
});

const ANSWERED: HostAnswer = { kind: "answered", status: 200, body: "" };

async function foundOf(
  answers: readonly HostAnswer[],
  application = applicationWith({}),
  afterwards: HostAnswer = ANSWERED,
) {
  const asked: HostRequest[] = [];
  const get = (request: HostRequest): Promise<HostAnswer> => {
    if (request.idle === undefined) return Promise.resolve(afterwards);
    asked.push(request);
    return Promise.resolve(answers[asked.length - 1] ?? { kind: "failed", why: "connection refused" });
  };
  const host = { name: "web1", get } as unknown as HostPort;
  const findings = await idleExaminer({ application, hosts: () => host }).examine();
  return { asked, findings };
}

const said = (time: string, late = ""): string =>
  `the application closes them after ${time}, the gateways keep them for 1s${late}: a POST that meets the ` +
  "closing fails, in a release or not";

test.each([
  { after: 1034, time: "1s", advice: "500ms" },
  { after: 998, time: "1s", advice: "500ms" },
  { after: 540, time: "500ms", advice: "200ms" },
  { after: 90, time: "100ms", advice: "off" },
])("an application that closes after $time is told to write $advice", async ({ after, time, advice }) => {
  const { findings } = await foundOf([closing(after)]);
  expect(findings).toEqual([
    {
      severity: "warning",
      subject: "slot web1:8001: idle connections",
      found: said(time),
      todo: `write gateway.keepalive: ${advice}, or let the application keep them for longer than 1.5s`,
    },
  ]);
});

test.each([
  { id: "keeps them for longer", answer: closing(null), found: "kept for longer than the gateways' 1s" },
  { id: "keeps none", answer: closing(0), found: "none: the application ends each with its answer" },
])("an application that $id is fine", async ({ answer, found }) => {
  const { findings, asked } = await foundOf([answer]);
  expect(findings).toMatchObject([{ severity: "fine", found, todo: null }]);
  expect(asked).toMatchObject([{ path: "/healthz", idle: 1500, to: { port: 8001 } }]);
});

test("one that closes hardly later than the gateways is told that both may be late", async () => {
  const { findings } = await foundOf([closing(1199)]);
  expect(findings).toMatchObject([
    {
      severity: "warning",
      found: said("1.2s", ", and a busy machine may be late"),
      todo: expect.stringContaining("gateway.keepalive: 600ms, or"),
    },
  ]);
});

test("what the file says is how long they are asked for", async () => {
  const { findings, asked } = await foundOf([closing(3100)], applicationWith({ keepalive: seconds(4) }));
  expect(asked).toMatchObject([{ idle: 4500 }]);
  expect(findings).toMatchObject([{ todo: expect.stringContaining("gateway.keepalive: 1.5s, or") }]);
});

test("an application that died meanwhile is not said to close them", async () => {
  const refused: HostAnswer = { kind: "failed", why: "connection refused" };
  expect((await foundOf([closing(1000)], undefined, refused)).findings).toEqual([]);
});

test("the first slot that answers is enough, and of those that do not nothing is said", async () => {
  const refused: HostAnswer = { kind: "failed", why: "connection refused" };
  expect((await foundOf([refused, closing(null)])).findings).toMatchObject([
    { subject: "slot web1:8002: idle connections" },
  ]);
  expect((await foundOf([refused, refused])).findings).toEqual([]);
});

const off: { readonly keepalive: Duration } = { keepalive: millis(0) };
test.each([
  { id: "no connection is kept", application: applicationWith(off) },
  { id: "nginx's config is left alone", application: applicationWith({ passive: true }) },
  { id: "the slots speak gRPC", application: applicationWith({ protocol: "grpc" }) },
  { id: "it is not known what to ask for", application: applicationWith({}, { kind: "tcp" }) },
])("nobody is asked where $id", async ({ application }) => {
  expect((await foundOf([closing(1000)], application)).asked).toEqual([]);
});

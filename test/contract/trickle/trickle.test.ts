// The port, as the engine knows it: real sockets and the simulated fleet keep the same rules.
import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { after, instant, minutes, seconds } from "../../../src/base/time.ts";
import { systemClock } from "../../../src/drivers/system/clock.ts";
import { trickle } from "../../../src/drivers/trickle/trickle.ts";
import type { Application } from "../../../src/model/application.ts";
import type { HostName } from "../../../src/model/ids.ts";
import { PLAIN_PROBE, type ProbeSettings, type Shot } from "../../../src/model/probing.ts";
import type { TricklePort } from "../../../src/ports/trickle.ts";
import { createWorld } from "../../../src/sim/world.ts";

interface Subject {
  readonly port: TricklePort;
  readonly gateways: readonly HostName[];
  readonly now: () => number;
  /** Lets time go on until it is so. */
  readonly until: (isSo: () => boolean) => Promise<void>;
}

interface Answering {
  readonly port: number;
  readonly most: () => number;
}

/** Takes every connection; answers each request, or none. */
async function server(answers: boolean): Promise<Answering> {
  const open = new Set<Socket>();
  let most = 0;
  const taken = createServer((socket) => {
    open.add(socket);
    most = Math.max(most, open.size);
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
    socket.on("data", () => answers && socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  });
  await new Promise<void>((resolve) => void taken.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    taken.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (taken.address() as AddressInfo).port, most: () => most };
}

const untilSo = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

function real(ports: readonly number[], reach = "127.0.0.1"): Subject {
  const gateways = ports.map((port, i) => ({ name: `web${i + 1}`, listen: [`127.0.0.1:${port}`] }));
  const application = { hosts: [], gateways } as unknown as Application;
  return {
    port: trickle({
      application,
      clock: systemClock,
      host: null,
      token: "x",
      users: [{ headers: {}, argument: null }],
      reach: () => reach,
    }),
    gateways: gateways.map(({ name }) => name as HostName),
    now: () => systemClock.now(),
    until: untilSo,
  };
}

function simulated(): Subject {
  const world = createWorld(4100, { faultsFor: seconds(0) });
  const { port, gateways } = {
    port: world.boot().ports.trickle,
    gateways: world.scenario.application.gateways.map(({ name }) => name),
  };
  return {
    port,
    gateways,
    now: () => world.timeline.now(),
    until: async (isSo) => void (await world.run(isSo, after(instant(world.timeline.now()), seconds(60)))),
  };
}

const SUBJECTS: readonly (readonly [string, () => Promise<Subject>])[] = [
  ["real sockets", async () => real([(await server(true)).port, (await server(true)).port])],
  ["the simulated fleet", () => Promise.resolve(simulated())],
];

interface Run {
  readonly shots: Shot[];
  readonly blind: string[];
  readonly ended: Promise<void>;
  readonly isEnded: () => boolean;
  readonly stop: () => void;
}

function begin({ port }: Subject, settings: Partial<ProbeSettings> = {}): Run {
  const controller = new AbortController();
  const shots: Shot[] = [];
  const blind: string[] = [];
  let isEnded = false;
  const run = port.run({
    settings: { ...PLAIN_PROBE, rate: 50, ...settings },
    signal: controller.signal,
    onShot: (shot) => void shots.push(shot),
    onBlind: (_, why) => void (why !== null && blind.push(why)),
  });
  const ended = run.then(() => void (isEnded = true));
  return { shots, blind, ended, isEnded: () => isEnded, stop: () => controller.abort() };
}

describe.each(SUBJECTS)("the probe over %s", (_, open) => {
  it("tells of every gateway until the signal, and of nothing after it", async () => {
    const subject = await open();
    const { shots, ended, isEnded, stop } = begin(subject);
    const isAsked = (name: HostName): boolean => shots.some(({ gateway }) => gateway === name);
    await subject.until(() => subject.gateways.every(isAsked));
    stop();
    await subject.until(isEnded);
    await ended;
    const told = shots.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(shots.length).toBe(told);
    expect(shots.every(({ begun, ended: at }) => begun <= at && at <= subject.now())).toBe(true);
    expect([...new Set(shots.map(({ gateway }) => gateway))].toSorted()).toEqual(
      [...subject.gateways].toSorted(),
    );
  });

  it("ends at once where the signal came before", async () => {
    const subject = await open();
    const { ended, isEnded, stop } = begin(subject);
    stop();
    await subject.until(isEnded);
    await ended;
    expect(isEnded()).toBe(true);
  });
});

describe("a gateway", () => {
  it("that never answers is asked once a kind at a time, and holds nobody up", async () => {
    const silent = await server(false);
    const loud = await server(true);
    const subject = real([silent.port, loud.port]);
    const settings = {
      timeout: minutes(5),
      post: { path: "/", body: "a", type: "text/plain" },
      slow: "/",
      events: "/",
    };
    const { shots, ended, stop } = begin(subject, settings);
    await subject.until(() => shots.filter(({ gateway }) => gateway === "web2").length > 100);
    stop();
    await ended;
    // One for each of four kinds, and the look whether it is there at all.
    expect(silent.most()).toBeLessThanOrEqual(5);
    expect(shots.every(({ gateway }) => gateway === "web2")).toBe(true);
  });

  it("that is not reached is not probed, and nothing has failed", async () => {
    const gone = real([1]);
    const { shots, blind, ended, stop } = begin(gone);
    await gone.until(() => blind.length > 0);
    stop();
    await ended;
    expect(shots).toEqual([]);
    expect(blind[0]).toMatch(/^web1: 127\.0\.0\.1:1 is not reached from here: .*ECONNREFUSED/);
  });

  it("that listens on its own loopback, far away, is not probed", async () => {
    const { blind, ended } = begin(real([8080], "10.255.255.1"));
    await ended;
    expect(blind).toEqual(["web1 listens on 127.0.0.1:8080 only, which is not reached from here"]);
  });

  it("without HTTP/2 is not probed for it, and that is said", async () => {
    const { blind, ended, stop } = begin(real([(await server(true)).port]), { http2: true });
    stop();
    await ended;
    expect(blind).toEqual(["web1 does not listen with HTTP/2"]);
  });
});

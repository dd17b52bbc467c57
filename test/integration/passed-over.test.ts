// Going back, a slot does not come up any more: the others lead users back all the same.
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { type Server, createServer } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../src/demo/ports.ts";
import type { StatusJson } from "../support/contract.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, patient, type Workspace } from "../support/workspace.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** v1 does not listen there again while the file is away: whoever waits for the port has it. */
async function openHeld(
  place: number,
  slots: number,
): Promise<{ readonly w: Workspace; readonly go: string }> {
  const w = await openWorkspace({
    slots,
    releases: { v2: {} },
    edit: (sections) => ({ ...patient(sections, "10s"), rollout, analysis: "off" }),
  });
  closing.push(w.close);
  const go = join(w.directory, "go");
  await writeFile(go, "");
  await w.addRelease("v1", { bootsUntil: { port: w.slots[place] ?? 0, file: go } });
  await w.bringUp("v1");
  return { w, go };
}

/** Takes the port in the moment in which nobody has it. */
async function takeWhenFree(port: number): Promise<Server> {
  for (;;) {
    const server = createServer((socket) => socket.end("go away\n"));
    const isOurs = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isOurs) return server;
    await wait(2);
  }
}

/** A WebSocket through the gateway that this slot answers. */
async function webSocketTo(url: string, port: number): Promise<Duplex> {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  };
  for (;;) {
    const asked = request(new URL("/ws", url), { headers, agent: false }).end();
    const [answer, socket] = (await once(asked, "upgrade")) as [IncomingMessage, Duplex];
    if (answer.headers["x-slot"] === String(port)) return socket.on("error", () => undefined).resume();
    socket.destroy();
  }
}

/** The pool is written anew without the slot: a reload closes idle connections without reading them. */
const notByReload = (one: string): boolean => !one.includes(": reset, ");

const rollout = { steps: [{ share: "75%", approve: true }, { share: "100%" }], drain: "30s" };

describe.skipIf(!hasNginx("integration: passed over"))("on the way back", () => {
  it("a slot whose port is taken holds up nobody, and joins when it can", async () => {
    const { w, go } = await openHeld(2, 4);
    const load = await w.load({ rate: 100 });
    const releasing = w.start(["release", "v2"]);
    await releasing.says(/holds until somebody approves/);
    expect(await w.inSlots()).toEqual(["v2", "v2", "v2", "v1"]);

    const taking = takeWhenFree(w.slots[2]!);
    await rm(go);
    void w.start(["abort"]);
    const stranger = await taking;
    await writeFile(go, "");
    closing.push(() => stranger.close());
    const ran = await releasing.done;
    mustExit(ran, 4);
    expect(ran.stderr).toContain(`here:${w.slots[2]}`);
    expect(await w.inSlots()).toEqual(["v1", "v1", "nothing", "v1"]);
    const stuckAt = Date.now();

    stranger.close();
    mustExit(await w.glidepath("abort"), 0, 1);
    expect(await w.inSlots()).toEqual(["v1", "v1", "v1", "v1"]);
    const report = await load.stop();
    expect(failuresOf(report).filter(notByReload)).toEqual([]);
    const byNew = report.answers.filter(({ answeredBy }) => answeredBy.startsWith("v2"));
    expect(byNew.length).toBeGreaterThan(0);
    expect(byNew.filter(({ lastSentAt }) => lastSentAt > stuckAt)).toEqual([]);
    expect(report.answers.some(({ lastSentAt }) => lastSentAt > stuckAt)).toBe(true);
  });

  it("a slot that boots slowly holds up nobody, nor does one that drains for long", async () => {
    const w = await openWorkspace({
      slots: 4,
      releases: { v2: {} },
      edit: (sections) => ({
        ...sections,
        health: { ...(sections["health"] as object), within: "120s" },
        rollout: { ...rollout, drain: "120s" },
        analysis: "off",
      }),
    });
    closing.push(w.close);
    const file = join(w.directory, "go");
    await writeFile(file, "");
    await w.addRelease("v1", { bootsUntil: { port: w.slots[2]!, file } });
    await w.bringUp("v1");
    const load = await w.load({ rate: 100 });
    const releasing = w.start(["release", "v2"], { timeoutMs: 220_000 });
    await releasing.says(/holds until somebody approves/);
    const held = await webSocketTo(w.url, w.slots[2]!);
    closing.push(() => held.destroy());
    await rm(file);

    void w.start(["abort"]);
    const areBack = ({ slots }: StatusJson): boolean =>
      slots.every(({ inRotation }, place) => inRotation === (place !== 2));
    await until(w.status, areBack);
    const backAt = Date.now();
    expect(await w.inSlots()).toEqual(["v1", "v1", "v2", "v1"]);
    expect(held.closed).toBe(false);
    held.destroy();
    // Asking the slot itself would be a connection to it.
    const booting = await until(w.status, ({ slots }) => slots[2]?.release === "v1");
    expect(booting.rollout?.phase).toBe("aborting");
    expect(booting.slots.map(({ inRotation }) => inRotation)).toEqual([true, true, false, true]);

    await writeFile(file, "");
    mustExit(await releasing.done, 1);
    expect(await w.inSlots()).toEqual(["v1", "v1", "v1", "v1"]);
    expect((await w.status()).slots.map(({ inRotation }) => inRotation)).not.toContain(false);
    const report = await load.stop();
    expect(failuresOf(report).filter(notByReload)).toEqual([]);
    const byNew = report.answers.filter(({ answeredBy }) => answeredBy.startsWith("v2"));
    expect(byNew.length).toBeGreaterThan(0);
    expect(byNew.filter(({ lastSentAt }) => lastSentAt > backAt)).toEqual([]);
  }, 240_000);

  it("a slot that the file has lost meanwhile is asked for before anything is done", async () => {
    const { w, go } = await openHeld(1, 3);
    const releasing = w.start(["release", "v2"]);
    await releasing.says(/holds until somebody approves/);
    const taking = takeWhenFree(w.slots[1]!);
    await rm(go);
    void w.start(["abort"]);
    const stranger = await taking;
    await writeFile(go, "");
    closing.push(() => stranger.close());
    mustExit(await releasing.done, 4);
    // One slot may not carry what three did: the canary serves on, and is called so.
    const stuck = await w.status();
    expect(stuck.slots.map(({ role }) => role)).toEqual(["canary", "none", "stable"]);

    // Whatever else is asked then, the answer is what to do about it.
    for (const order of ["rollback", "promote", "pause"]) {
      const ran = await w.glidepath(order);
      mustExit(ran, 3);
      expect(ran.stderr).toMatch(/is stuck: [^]*`glidepath abort`/);
    }

    const file = join(w.directory, "glidepath.yaml");
    const asItWas = await readFile(file, "utf8");
    const [spare] = await freePorts(1);
    await writeFile(file, asItWas.replaceAll(String(w.slots[1]), String(spare)));
    const refused = await w.glidepath("abort");
    mustExit(refused, 3);
    expect(refused.stderr).toContain(`slot here:${w.slots[1]}`);
    expect(refused.stderr).toContain("put it back into the file");
    expect(await w.inSlots()).toEqual(["v2", "nothing", "v1"]);

    await writeFile(file, asItWas);
    stranger.close();
    mustExit(await w.glidepath("abort"), 1);
    expect(await w.inSlots()).toEqual(["v1", "v1", "v1"]);
  });
});

import { connect, type Socket } from "node:net";
import { Agent, request } from "node:http";
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { minutes } from "../../../src/base/time.ts";
import type { InFlight } from "../../../src/model/observation.ts";
import { ask, until, world, type World, type WorldOptions } from "./world.ts";

const opened: World[] = [];
const sockets: Socket[] = [];
const open = async (slots = 2, settings: WorldOptions["settings"] = {}): Promise<World> => {
  const made = await world({ slots, settings });
  opened.push(made);
  await put(made, 1, {});
  return made;
};
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const put = async (w: World, number: number, at: Parameters<World["table"]>[1]): Promise<void> => {
  const table = w.table(number, at);
  expect(await w.port.prepare(w.gateway, table)).toEqual({ kind: "done" });
  expect(await w.port.commit(w.gateway, table)).toEqual({ kind: "done" });
};

const inFlight = async (w: World, place: number): Promise<InFlight> => {
  const seen = await w.port.observe(w.gateway, w.slots);
  if (!seen.known) throw new Error(seen.why);
  const slot = w.slots[place];
  const found = slot === undefined ? undefined : seen.value.inFlight[slot.key];
  if (found === undefined) throw new Error("not measured");
  return found;
};

const reload = async (w: World): Promise<void> => {
  const pid = readFileSync(w.nginx.pidFile, "utf8").trim();
  const children = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  const before = children();
  process.kill(Number(pid), "SIGHUP");
  await until(() => children() !== before && children().trim().split(" ").length >= 3);
};

test("connections that nginx keeps for later do not count", async () => {
  // As long as this test at least: they are still kept when it looks.
  const w = await open(2, { keepalive: minutes(5) });
  const agent = new Agent({ keepAlive: true });
  await put(w, 2, { canary: 1, stable: 2, share: 10_000 });
  await Promise.all(Array.from({ length: 8 }, () => ask({ port: w.listen, agent })));
  await put(w, 3, { stable: 1 });
  const found = await inFlight(w, 0);
  expect(found.requests).toBe(0);
  expect(found.connections).toBeGreaterThan(0);
  agent.destroy();
});

test.each(["/hold", "/stream"])("a request to %s is in flight until its answer is whole", async (path) => {
  const w = await open();
  await put(w, 2, { canary: 1, stable: 2, share: 10_000 });
  const answer = ask({ port: w.listen, path });
  await until(() => w.backends[0]?.held.length === 1);
  await put(w, 3, { stable: 1 });
  expect((await inFlight(w, 0)).requests).toBe(1);
  const left = w.slots.slice(0, 1);
  expect(await w.port.areBusy(w.gateway, left)).toBe(true);
  w.backends[0]?.held[0]?.end("last\n");
  expect((await answer).status).toBe(200);
  await until(async () => (await inFlight(w, 0)).requests === 0);
  expect(await w.port.areBusy(w.gateway, left)).toBe(false);
});

test("a slot that has left is busy until the requests of its former group are answered", async () => {
  const w = await open();
  const answers: ReturnType<typeof ask>[] = [];
  const held = (): number => w.backends.reduce((sum, one) => sum + one.held.length, 0);
  // Each worker of nginx takes turns of its own: two requests need not reach two slots.
  while (w.backends.some((one) => one.held.length === 0)) {
    answers.push(ask({ port: w.listen, path: "/hold" }));
    await until(() => held() === answers.length);
  }
  await put(w, 2, { stable: 1 });
  const left = w.slots.slice(0, 1);
  expect(await w.port.areBusy(w.gateway, left)).toBe(true);
  for (const one of w.backends.flatMap((backend) => backend.held)) one.end("last\n");
  expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
  await until(async () => !(await w.port.areBusy(w.gateway, left)));
});

test("a reload of nginx does not forget what its old workers still serve", async () => {
  const w = await open();
  await put(w, 2, { canary: 1, stable: 2, share: 10_000 });
  const answer = ask({ port: w.listen, path: "/stream" });
  await until(() => w.backends[0]?.held.length === 1);
  await put(w, 3, { stable: 1 });
  await reload(w);
  expect((await inFlight(w, 0)).requests).toBe(1);
  w.backends[0]?.held[0]?.end();
  expect((await answer).status).toBe(200);
  await until(async () => (await inFlight(w, 0)).requests === 0);
});

test("a WebSocket passes, and is in flight until it is closed", async () => {
  const w = await open();
  await put(w, 2, { canary: 1, stable: 2, share: 10_000 });
  const socket = connect(w.listen, "127.0.0.1");
  sockets.push(socket);
  let got = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => (got += text));
  socket.write(
    "GET /ws HTTP/1.1\r\nHost: shop.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
  await until(() => got.includes("101 Switching"));
  socket.write("hello");
  await until(() => got.endsWith("hello"));
  await put(w, 3, { stable: 1 });
  expect((await inFlight(w, 0)).requests).toBe(1);
  socket.end();
  await until(async () => (await inFlight(w, 0)).requests === 0);
});

test("a body still on its way from the client counts, though nothing is connected to the slot", async () => {
  const w = await open();
  await put(w, 2, { canary: 1, stable: 2, share: 10_000 });
  const outgoing = request({
    port: w.listen,
    method: "POST",
    headers: { host: "shop", "content-length": "10" },
  });
  const status = new Promise((resolve) => {
    outgoing.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
  });
  outgoing.write("12345");
  await until(async () => (await inFlightByGroup(w, "p1")) === 409);
  await put(w, 3, { stable: 1 });
  expect(await inFlight(w, 0)).toEqual({ requests: 1, connections: 0 });
  outgoing.end("67890");
  expect(await status).toBe(200);
  await until(async () => (await inFlight(w, 0)).requests === 0);
});

/** The control server's own answer. */
async function inFlightByGroup(w: World, group: string): Promise<number> {
  const text = readFileSync(w.gateway.config, "utf8");
  const [, address = "", port = ""] = /listen (127\.\d+\.\d+\.\d+):(7929);/.exec(text) ?? [];
  const answer = await fetch(`http://${address}:${port}/busy/${group}`);
  return answer.status;
}

test("another slot's long request in a shared group holds up no slot without connections", async () => {
  const w = await open(3);
  const answers: Promise<unknown>[] = [];
  await until(() => {
    answers.push(ask({ port: w.listen, path: "/hold" }));
    return w.backends.every((one) => one.held.length > 0);
  });
  await until(() => w.backends.reduce((sum, one) => sum + one.held.length, 0) === answers.length);
  await put(w, 2, { stable: 1 });
  expect((await inFlight(w, 0)).requests).toBeGreaterThan(0);
  for (const held of w.backends[0]?.held ?? []) held.end();
  await until(async () => (await inFlight(w, 0)).requests === 0);
  expect(await inFlightByGroup(w, "s0")).toBe(409);
  for (const one of w.backends) for (const held of one.held) held.end();
  await Promise.all(answers);
});

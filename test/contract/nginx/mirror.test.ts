// Copies of requests for the canary, through a real nginx: nobody waits for them, and nobody sees an answer.
import { readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Step } from "../../../src/model/application.ts";
import { seconds } from "../../../src/base/time.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { startNginx, stopNginx } from "../../../src/demo/nginx.ts";
import { until } from "../../support/until.ts";
import { ask, world, type World } from "./world.ts";

const step = (share: number, mirror?: number): Step => ({
  share: basisPoints(share),
  bake: seconds(60),
  approve: false,
  ...(mirror === undefined ? {} : { mirror: basisPoints(mirror) }),
});

let w: World;
beforeEach(async () => {
  w = await world({ policy: { steps: [step(0, 1000), step(10_000)] } });
});
afterEach(() => w.close());

let generation = 0;

/** The first slot is the canary's. */
async function route(at: Parameters<World["table"]>[1]): Promise<void> {
  generation += 1;
  const table = w.table(generation, at);
  expect(await w.port.prepare(w.gateway, table)).toEqual({ kind: "done" });
  expect(await w.port.commit(w.gateway, table)).toEqual({ kind: "done" });
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    value: { routing: table.routing, serving: true },
  });
}

const canary = () => w.backends[0] as NonNullable<World["backends"][number]>;
const stable = () => w.backends[1] as NonNullable<World["backends"][number]>;
const mirrored = (mirror: number) => route({ canary: 1, stable: 1, share: 0, mirror });

const when = (isSo: () => boolean | Promise<boolean>): Promise<boolean> => until(isSo, (is) => is);

const logged = (role: string): readonly (readonly string[])[] =>
  readFileSync(w.gateway.log, "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter((fields) => fields[4] === role);

test("every request that changes nothing is copied, and answered by the stable release", async () => {
  await mirrored(10_000);
  for (const method of ["GET", "HEAD"]) {
    const answer = await ask({ port: w.listen, path: "/a%20b?x=1", method, headers: { "X-User": "7" } });
    expect(answer).toMatchObject({ status: 200, body: method === "GET" ? String(stable().port) : "" });
  }
  await when(() => canary().seen.length === 2);
  expect(canary().seen).toEqual(stable().seen);
  expect(canary().heads[0]).toMatchObject({
    host: "shop.example.com",
    "x-user": "7",
    "x-glidepath-mirror": "1",
    "x-forwarded-for": "127.0.0.1",
  });
  expect(stable().heads[0]).not.toHaveProperty("x-glidepath-mirror");
});

test.each([
  { what: "POST", method: "POST" },
  { what: "PUT", method: "PUT" },
  { what: "DELETE", method: "DELETE" },
  { what: "OPTIONS", method: "OPTIONS" },
  { what: "a probe", headers: { "X-Glidepath-Probe": "1" } },
  { what: "an event stream", headers: { Accept: "text/html, text/event-stream" } },
  { what: "what has a body", headers: { "Transfer-Encoding": "chunked" } },
  { what: "a copy of a copy", headers: { "X-Glidepath-Mirror": "1" } },
])("$what is never copied", async ({ what: _what, ...asked }) => {
  await mirrored(10_000);
  await ask({ port: w.listen, path: "/never", ...asked });
  await ask({ port: w.listen, path: "/control" });
  await when(() => canary().seen.length > 0);
  expect(stable().seen).toHaveLength(2);
  expect(canary().seen).toEqual(["GET /control"]);
});

test("about the part that was asked for is copied, and nothing from the switch on that ends it", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const many = () =>
    Promise.all(Array.from({ length: 1000 }, () => ask({ port: w.listen, path: "/part", agent })));
  await mirrored(2525);
  await many();
  // All are in the log, and each copy that was begun is over.
  await when(() => logged("stable").length === 1000 && logged("copy").length === logged("twin").length);
  const copies = canary().seen.length;
  // Six standard deviations.
  expect(copies).toBeGreaterThan(252 - 83);
  expect(copies).toBeLessThan(252 + 83);
  await route({ canary: 1, stable: 1, share: 0 });
  await many();
  expect(canary().seen).toHaveLength(copies);
  expect(stable().seen).toHaveLength(2000);
  agent.destroy();
});

test("neither the next request on a connection nor any other waits for the canary", async () => {
  await mirrored(10_000);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 20; i += 1) {
    const path = i === 0 ? "/hold" : "/";
    const answer = ask({ port: w.listen, path, agent });
    if (i === 0) {
      await when(() => stable().held.length === 1);
      stable().held[0]?.end("held");
    }
    expect(await answer).toMatchObject({ status: 200 });
  }
  // The copy is still there, and is carried to its end.
  await when(() => canary().held.length === 1);
  const look = async () => {
    const seen = await w.port.observe(w.gateway, w.slots.slice(0, 1));
    return seen.known ? Object.values(seen.value.inFlight)[0]?.requests : null;
  };
  await route({ stable: 1 });
  expect(await look()).toBe(1);
  canary().held[0]?.end("late");
  await when(async () => (await look()) === 0);
  await when(() => logged("copy").length === 20);
  expect(logged("copy").every((fields) => fields[3] === "200")).toBe(true);
  agent.destroy();
});

test("without the copier the next request on a connection waits: the control of the test above", async () => {
  await mirrored(10_000);
  const text = readFileSync(w.gateway.config, "utf8");
  const direct = text
    .replaceAll(/proxy_(connect|send|read)_timeout 50ms;/g, "proxy_$1_timeout 10s;")
    .replace(/proxy_pass http:\/\/127[.\d]+:7930/, `proxy_pass http://127.0.0.1:${canary().port}`);
  expect(direct).not.toBe(text);
  await stopNginx(w.nginx);
  writeFileSync(w.gateway.config, direct);
  await startNginx(w.nginx);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const first = ask({ port: w.listen, path: "/hold", agent });
  await when(() => stable().held.length === 1 && canary().held.length === 1);
  stable().held[0]?.end("held");
  await first;
  const second = ask({ port: w.listen, path: "/second", agent });
  for (let i = 0; i < 10; i += 1) await ask({ port: w.listen, path: "/other" });
  expect(stable().seen).toContain("GET /other");
  expect(stable().seen).not.toContain("GET /second");
  canary().held[0]?.end("late");
  expect(await second).toMatchObject({ status: 200 });
  agent.destroy();
});

test("only so many copies are in flight at once, so that users keep their connections", async () => {
  await mirrored(10_000);
  const asked = Array.from({ length: 60 }, () => ask({ port: w.listen, path: "/hold" }));
  await when(() => stable().held.length === 60);
  await when(() => canary().held.length === 32);
  for (const answer of stable().held) answer.end("held");
  expect((await Promise.all(asked)).every(({ status }) => status === 200)).toBe(true);
  expect(canary().held).toHaveLength(32);
  for (const answer of canary().held) answer.end("late");
  await when(() => logged("copy").length === 32);
});

test("a canary that is down is known by the copies, and by nobody else", async () => {
  await mirrored(10_000);
  await canary().close();
  for (let i = 0; i < 5; i += 1) {
    const answer = await ask({ port: w.listen, path: "/" });
    expect(answer).toMatchObject({ status: 200, body: String(stable().port) });
  }
  await when(() => logged("copy").length === 5);
  expect(logged("copy").map((fields) => [fields[3], fields[5]])).toEqual(
    Array.from({ length: 5 }, () => ["502", "p1"]),
  );
  expect(logged("twin").map((fields) => [fields[3], fields[8]])).toEqual(
    Array.from({ length: 5 }, () => ["200", `127.0.0.1:${stable().port}`]),
  );
  expect(logged("stable")).toHaveLength(5);
});

test("pages for errors in nginx's own config lead no copy on, and make none anew", async () => {
  await w.close();
  w = await world({
    policy: { steps: [step(0, 1000), step(10_000)] },
    http: "error_page 404 502 504 /error.html; proxy_intercept_errors on;",
  });
  await mirrored(10_000);
  for (const path of ["/a", "/b", "/c"]) await ask({ port: w.listen, path });
  await when(() => logged("copy").length === 3);
  expect(canary().seen.toSorted()).toEqual(["GET /a", "GET /b", "GET /c"]);
  await canary().close();
  expect(await ask({ port: w.listen, path: "/d" })).toMatchObject({ status: 200 });
  await when(() => logged("copy").length === 4);
  expect(logged("copy").at(-1)?.[3]).toBe("502");
  expect(stable().seen).toEqual(["GET /a", "GET /b", "GET /c", "GET /d"]);
});

test("testers reach the canary while it is mirrored to, and what they ask is not copied", async () => {
  const { port, gateway } = w.changed({
    rules: [{ by: "header", name: "X-Canary", is: ["always"], to: "canary" }],
  });
  generation += 1;
  const table = w.table(generation, { canary: 1, stable: 1, share: 0, mirror: 10_000 });
  expect(await port.prepare(gateway, table)).toEqual({ kind: "done" });
  expect(await port.commit(gateway, table)).toEqual({ kind: "done" });
  const answer = await ask({ port: w.listen, headers: { "X-Canary": "always" } });
  expect(answer.body).toBe(String(canary().port));
  await ask({ port: w.listen, path: "/control" });
  await when(() => canary().seen.length === 2);
  expect(canary().seen).toEqual(["GET /", "GET /control"]);
});

test("a pool without a step that mirrors has nothing of it in its config", () => {
  const text = readFileSync(`${import.meta.dirname}/golden/two-slots.conf`, "utf8");
  expect(text).not.toContain("mirror");
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { millis, seconds } from "../../../src/base/time.ts";
import { masterPid } from "../../../src/demo/nginx.ts";
import { accessLog } from "../../../src/drivers/accesslog/accesslog.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import { bucketOfUser } from "../../../src/drivers/nginx/bucket.ts";
import type { RolloutId } from "../../../src/model/ids.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import { EVERYTHING } from "../../../src/model/share.ts";
import { settledWorkers } from "../../support/nginx.ts";
import { ask, until, world, type World, type WorldOptions } from "./world.ts";

const opened: World[] = [];
const open = async (options: WorldOptions = {}): Promise<World> => {
  const made = await world(options);
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const DONE = { kind: "done" };

const processes = async (w: World): Promise<string> =>
  `${masterPid(w.nginx)}: ${(await settledWorkers(w.nginx)).join(" ")}`;

const switchTo = async (w: World, table: ReturnType<World["table"]>): Promise<void> => {
  expect(await w.port.prepare(w.gateway, table)).toEqual(DONE);
  expect(await w.port.commit(w.gateway, table)).toEqual(DONE);
};

test("installs the config, proves it, and says what it routes", async () => {
  const w = await open();
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    known: true,
    value: { running: true, serving: false, generation: 0, routing: null },
  });
  const table = w.table(1, {});
  await switchTo(w, table);
  expect(await w.port.observe(w.gateway, w.slots)).toMatchObject({
    known: true,
    value: { running: true, serving: true, generation: 1, routing: table.routing },
  });
  expect((await ask({ port: w.listen })).status).toBe(200);
});

test("twelve switches under keep-alive load lose nothing and start no process", async () => {
  const w = await open({ slots: 3 });
  await switchTo(w, w.table(1, {}));
  const before = await processes(w);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const answers: number[] = [];
  const load = { going: true };
  const loop = async (client: number): Promise<void> => {
    while (load.going) {
      const answer = await ask({
        port: w.listen,
        agent,
        headers: { "x-user": String(client) },
        method: client % 4 === 0 ? "POST" : "GET",
      });
      answers.push(answer.status);
    }
  };
  const clients = Array.from({ length: 16 }, (_, i) => loop(i));
  const states = [
    { stable: 1 },
    { canary: 1, stable: 1, share: 3333 },
    { canary: 1, stable: 2, share: 5000 },
    { canary: 2, stable: 2, share: 6666 },
    { canary: 3, stable: 3, share: 10_000 },
    {},
  ];
  for (let i = 0; i < 12; i += 1) await switchTo(w, w.table(2 + i, states[i % states.length] ?? {}));
  load.going = false;
  await Promise.all(clients);
  agent.destroy();
  expect(answers.length).toBeGreaterThan(100);
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  expect(await processes(w)).toBe(before);
  const pool = readdirSync(join(w.gateway.state, "shop")).find((name) => name.startsWith("pool-")) ?? "";
  const kept = readdirSync(join(w.gateway.state, "shop", pool)).filter((name) => name.startsWith("gen-"));
  expect(kept.toSorted()).toEqual(["gen-10", "gen-11", "gen-12", "gen-13", "gen-9"]);
});

test("nginx is not reloaded because the network was away when it was asked what it runs", async () => {
  const w = await open();
  await switchTo(w, w.table(1, {}));
  const before = await processes(w);
  const host = localHost(w.gateway.name);
  let lost = 0;
  const get: typeof host.get = async (asked) => {
    if (asked.path !== "/config" || lost > 0) return host.get(asked);
    lost += 1;
    return { kind: "failed", why: "no answer within 2s" };
  };
  const port = nginxGateway({ application: w.application, hosts: () => ({ ...host, get }) });
  expect(await port.prepare(w.gateway, w.table(2, { stable: 1 }))).toEqual(DONE);
  expect([lost, await processes(w)]).toEqual([1, before]);
});

test("the next request after a switch is served by the new routing", async () => {
  const w = await open();
  await switchTo(w, w.table(1, {}));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 10; i += 1) {
    const out = i % 2;
    await switchTo(w, w.table(2 + i, out === 0 ? { stable: 1 } : { canary: 1, stable: 2, share: 10_000 }));
    const bodies = await Promise.all(Array.from({ length: 6 }, () => ask({ port: w.listen, agent })));
    expect(new Set(bodies.map((one) => one.body))).toEqual(new Set([String(w.slots[1 - out]?.port)]));
  }
  agent.destroy();
});

describe("shares", () => {
  const users = Array.from({ length: 1500 }, (_, i) => `user-${i}@example.com`);

  const canaryUsers = async (w: World): Promise<ReadonlySet<string>> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const canary = new Set<string>();
    await Promise.all(
      users.map(async (user) => {
        const { body } = await ask({ port: w.listen, agent, headers: { "x-user": user } });
        if (body === String(w.slots[0]?.port)) canary.add(user);
      }),
    );
    agent.destroy();
    return canary;
  };

  test("exactly the users below the share reach the canary, and widening only adds", async () => {
    const w = await open();
    await switchTo(w, w.table(1, {}));
    let before: ReadonlySet<string> = new Set();
    for (const [i, share] of [0, 525, 3301, EVERYTHING].entries()) {
      await switchTo(w, w.table(2 + i, { canary: 1, stable: 1, share }));
      const now = await canaryUsers(w);
      expect([...now].toSorted()).toEqual(
        users.filter((user) => bucketOfUser("shop", user) < share).toSorted(),
      );
      expect([...before].filter((user) => !now.has(user))).toEqual([]);
      before = now;
    }
  });

  test("the issued cookie keeps a visitor where the first answer came from", async () => {
    const w = await open({ settings: { key: { by: "auto" } } });
    await switchTo(w, w.table(1, { canary: 1, stable: 1, share: 5000 }));
    const first = await ask({ port: w.listen, path: "/page", headers: { "user-agent": "one" } });
    const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
    expect(cookie).toMatch(/^glidepath_shop=\d{4}$/);
    const again = await ask({ port: w.listen, path: "/page", headers: { cookie, "user-agent": "other" } });
    expect(again.body).toBe(first.body);
    expect(again.headers["set-cookie"]).toBeUndefined();
    const api = await ask({ port: w.listen, headers: { "user-agent": "one" } });
    expect(api.headers["set-cookie"]).toBeUndefined();
    for (const [bucket, place] of [
      ["4999", 0],
      ["5000", 1],
    ] as const) {
      const { body } = await ask({ port: w.listen, headers: { cookie: `glidepath_shop=${bucket}` } });
      expect(body).toBe(String(w.slots[place]?.port));
    }
  });

  test.each(["../..", "37/52", "99999", "12a4", "canary", "%2e%2e"])(
    "a cookie of %j is replaced",
    async (bad) => {
      const w = await open({ settings: { key: { by: "auto" } } });
      await switchTo(w, w.table(1, { canary: 1, stable: 1, share: 1 }));
      const answer = await ask({
        port: w.listen,
        path: "/page",
        headers: { cookie: `glidepath_shop=${bad}` },
      });
      expect(answer.status).toBe(200);
      expect(answer.headers["set-cookie"]?.[0]).toMatch(/^glidepath_shop=\d{4};/);
    },
  );

  test("rules come before the share, the first that matches decides", async () => {
    const w = await open({
      settings: {
        rules: [
          { by: "header", name: "X-Canary", is: ["never"], to: "stable" },
          { by: "address", in: ["127.0.0.2/32"], to: "canary" },
          { by: "cookie", name: "tester", is: ["yes", "a.b:c@d/e-f"], to: "canary" },
          { by: "arg", name: "canary", is: ["default"], to: "canary" },
        ],
      },
    });
    await switchTo(w, w.table(1, { canary: 1, stable: 1, share: 0 }));
    const [canary, stable] = w.slots.map((slot) => String(slot.port));
    const bodyOf = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> =>
      (await ask({ port: w.listen, path, headers })).body;
    expect(await bodyOf("/")).toBe(stable);
    expect(await bodyOf("/", { cookie: "tester=yes" })).toBe(canary);
    expect(await bodyOf("/", { cookie: "tester=a.b:c@d/e-f" })).toBe(canary);
    expect(await bodyOf("/", { cookie: "tester=aXb:c@d/e-f" })).toBe(stable);
    expect(await bodyOf("/?canary=default")).toBe(canary);
    expect(await bodyOf("/?canary=other")).toBe(stable);
    expect(await bodyOf("/", { cookie: "tester=yes", "x-canary": "never" })).toBe(stable);
  });
});

test("asked for, the gateway says the release of every answer, errors included", async () => {
  const w = await open({ settings: { releaseHeader: "X-Release", key: { by: "header", name: "X-User" } } });
  const releases = { canary: "v2.0-rc.1", stable: "v1" } as unknown as RoutingTable["releases"] & object;
  const saying = async (user: string, path = "/") =>
    (await ask({ port: w.listen, path, headers: { "x-user": user } })).headers["x-release"];
  await switchTo(w, { ...w.table(1, {}), releases: { ...releases, canary: null } });
  expect(await saying("a")).toBe("v1");
  const workers = await processes(w);
  await switchTo(w, { ...w.table(2, { canary: 1, stable: 1, share: 3333 }), releases });
  const users = Array.from({ length: 100 }, (_, i) => `user-${i}`);
  const said = await Promise.all(users.map((user) => saying(user)));
  expect(said).toEqual(users.map((user) => (bucketOfUser("shop", user) < 3333 ? "v2.0-rc.1" : "v1")));
  await switchTo(w, { ...w.table(3, { canary: 2, stable: 2, share: EVERYTHING }), releases });
  await Promise.all(w.backends.map((one) => one.close()));
  expect(await ask({ port: w.listen })).toMatchObject({ status: 502, headers: { "x-release": "v2.0-rc.1" } });
  expect(await processes(w)).toBe(workers);
});

test("split by servers: everybody shares the slots that are in rotation", async () => {
  const w = await open({ slots: 3, settings: { split: "servers" } });
  await switchTo(w, w.table(1, { canary: 1, stable: 2, share: 5000 }));
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask({ port: w.listen })));
  const ports = new Set(answers.map((one) => one.body));
  expect(ports).toEqual(new Set([String(w.slots[0]?.port), String(w.slots[2]?.port)]));
});

test("a generation older than one that was seen is refused, the same one again is not", async () => {
  const w = await open();
  await switchTo(w, w.table(1, {}));
  const seven = w.table(7, { stable: 1 });
  const six = w.table(6, {});
  expect(await w.port.prepare(w.gateway, six)).toEqual(DONE);
  await switchTo(w, seven);
  expect(await w.port.commit(w.gateway, seven)).toEqual(DONE);
  expect(await w.port.commit(w.gateway, six)).toMatchObject({
    kind: "refused",
    error: { code: "gateway.fenced" },
  });
  expect(await w.port.prepare(w.gateway, six)).toMatchObject({
    kind: "refused",
    error: { code: "gateway.fenced" },
  });
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    value: { generation: 7, routing: seven.routing },
  });
});

test("the same generation of another writer is refused, written or only prepared", async () => {
  const w = await open();
  await switchTo(w, w.table(1, {}));
  const ours = w.table(7, { stable: 1 });
  const theirs = { ...ours, writer: "r2" as RolloutId };
  const fenced = { kind: "refused", error: { code: "gateway.fenced" } };
  expect(await w.port.prepare(w.gateway, theirs)).toEqual(DONE);
  expect(await w.port.commit(w.gateway, ours)).toMatchObject(fenced);
  await switchTo(w, ours);
  expect(await w.port.commit(w.gateway, theirs)).toMatchObject(fenced);
  expect(await w.port.prepare(w.gateway, theirs)).toMatchObject(fenced);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({ value: { generation: 7, writer: "r1" } });
});

test("what was never prepared is not committed", async () => {
  const w = await open();
  await switchTo(w, w.table(1, {}));
  expect(await w.port.commit(w.gateway, w.table(2, { stable: 1 }))).toMatchObject({ kind: "refused" });
  expect(await w.port.observe(w.gateway, [])).toMatchObject({ value: { generation: 1 } });
});

test("preparing serves nothing new", async () => {
  const w = await open();
  await switchTo(w, w.table(1, { stable: 1 }));
  expect(await w.port.prepare(w.gateway, w.table(2, { canary: 1, stable: 2, share: 10_000 }))).toEqual(DONE);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ port: w.listen })));
  expect(new Set(answers.map((one) => one.body))).toEqual(new Set([String(w.slots[1]?.port)]));
});

test("a role whose only slot died is served by the other role", async () => {
  const w = await open();
  await switchTo(w, w.table(1, { canary: 1, stable: 1, share: 10_000 }));
  await w.backends[0]?.close();
  for (const method of ["GET", "POST"]) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask({ port: w.listen, method })));
    expect(answers.map((one) => one.status)).toEqual(Array.from({ length: 10 }, () => 200));
  }
  const log = accessLog({ application: w.application, hosts: localHost });
  const roles = { joined: {}, warmup: millis(0) };
  await until(async () => {
    const read = await log.read(w.gateway, "", roles);
    const all = read.ok ? read.value.slices.map(({ traffic }) => traffic.fellBack) : [];
    return all.reduce((sum, one) => sum + one, 0) === 20;
  });
});

test("requests slower than the read timeout take no slot away from others", async () => {
  // Long beside a machine's pauses: what is not held is answered in time.
  const w = await open({ settings: { readTimeout: seconds(5), connectTimeout: seconds(1) } });
  await switchTo(w, w.table(1, { stable: 1 }));
  const slow = await Promise.all(Array.from({ length: 12 }, () => ask({ port: w.listen, path: "/hold" })));
  expect(new Set(slow.map((one) => one.status))).toEqual(new Set([504]));
  expect((await ask({ port: w.listen })).status).toBe(200);
  await switchTo(w, w.table(2, {}));
  await Promise.all(Array.from({ length: 12 }, () => ask({ port: w.listen, path: "/hold" })));
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ port: w.listen })));
  expect(new Set(answers.map((one) => one.status))).toEqual(new Set([200]));
  expect(new Set(answers.map((one) => one.body))).toEqual(new Set(w.slots.map((slot) => String(slot.port))));
  const held = w.backends.flatMap((one) => one.seen).filter((line) => line.includes("/hold"));
  expect(held.length).toBe(24);
});

test("the log has seventeen fields a line, whatever a client sends", async () => {
  const w = await open();
  await switchTo(w, w.table(1, { canary: 1, stable: 1, share: EVERYTHING }));
  await ask({ port: w.listen, headers: { "x-user": "a\tb" }, path: '/%09%0A"' });
  await until(() => existsSync(w.gateway.log) && readFileSync(w.gateway.log, "utf8").includes("\n"));
  const fields = readFileSync(w.gateway.log, "utf8").replace("\n", "").split("\t");
  expect(fields.length).toBe(17);
  expect(fields[0]).toBe("g1");
  expect(fields.slice(3, 6)).toEqual(["200", "canary", "p1b1"]);
  expect(fields[6]).toMatch(/^\d\d\/\d\d$/);
  expect(fields.slice(7, 10)).toEqual(["GET", `127.0.0.1:${w.slots[0]?.port}`, "200"]);
  expect(fields.slice(13, 15)).toEqual(["OK", ""]);
  expect(fields.slice(15)).toEqual([
    `${String(w.slots[0]?.port).length}`,
    `${String(w.slots[0]?.port).length}`,
  ]);
});

import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../../../src/demo/ports.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { startNginx, stopNginx } from "../../../src/demo/nginx.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import type { Gateway } from "../../../src/model/application.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import type { GatewayPort } from "../../../src/ports/gateway.ts";
import type { HostPort } from "../../../src/ports/host.ts";
import { settledWorkers } from "../../support/nginx.ts";
import { ask, HOST, world, type World, type WorldOptions } from "./world.ts";

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
const installed = async (): Promise<World> => {
  const w = await open();
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toEqual(DONE);
  expect(await w.port.commit(w.gateway, w.table(1, {}))).toEqual(DONE);
  return w;
};
const statusOf = async (w: World): Promise<number> => (await ask({ port: w.listen })).status;

test("what is prepared again needs no reload", async () => {
  const w = await installed();
  const preview = await w.port.preview(w.gateway);
  expect(preview).toMatchObject({ ok: true, value: { path: w.gateway.config, reload: false } });
});

test("another readTimeout is another config: previewed, installed, and what is served stays", async () => {
  const w = await installed();
  const next = w.changed({ readTimeout: 20_000 as never });
  expect(await next.port.preview(next.gateway)).toMatchObject({ ok: true, value: { reload: true } });
  expect(await next.port.prepare(next.gateway, w.table(2, { stable: 1 }))).toEqual(DONE);
  expect(readFileSync(w.gateway.config, "utf8")).toContain("proxy_read_timeout 20000ms;");
  expect(await next.port.observe(next.gateway, [])).toMatchObject({
    value: { serving: true, generation: 1 },
  });
  expect(await statusOf(w)).toBe(200);
});

test("nginx's own words are shown when its present config is broken, and nothing is touched", async () => {
  const w = await open();
  appendFileSync(join(w.nginx.confd, "other.conf"), "server { no_such_directive on; }\n");
  const outcome = await w.port.prepare(w.gateway, w.table(1, {}));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.config" } });
  expect(JSON.stringify(outcome)).toContain('unknown directive \\"no_such_directive\\"');
  expect(existsSync(w.gateway.config)).toBe(false);
});

test("a config that nginx refuses is not left in place", async () => {
  const w = await installed();
  const before = readFileSync(w.gateway.config);
  const next = w.changed({}, { listen: ["127.0.0.1:99999"] });
  const outcome = await next.port.prepare(next.gateway, w.table(2, {}));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.config" } });
  expect(JSON.stringify(outcome)).toContain("invalid port");
  expect(readFileSync(w.gateway.config)).toEqual(before);
  expect(readdirSync(w.nginx.confd)).toEqual(["shop.conf"]);
  expect(await w.port.prepare(w.gateway, w.table(3, {}))).toEqual(DONE);
  expect(await statusOf(w)).toBe(200);
});

test("who cannot test aside swaps, tests, and swaps back", async () => {
  const w = await installed();
  const before = readFileSync(w.gateway.config);
  const local = localHost(HOST);
  const plain: HostPort = {
    ...local,
    run: (command) => local.run({ ...command, script: `unshare() { return 1; }\n${command.script}` }),
  };
  const portFor = (change: Partial<Gateway>): { port: GatewayPort; gateway: Gateway } => {
    const gateway = { ...w.gateway, ...change };
    const application = { ...w.application, gateways: [gateway] };
    return { port: nginxGateway({ application, hosts: () => plain }), gateway };
  };
  const bad = portFor({ listen: ["127.0.0.1:99999"] });
  const outcome = await bad.port.prepare(bad.gateway, w.table(2, {}));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.config" } });
  expect(readFileSync(w.gateway.config)).toEqual(before);
  expect(readdirSync(w.nginx.confd)).toEqual(["shop.conf"]);
  const good = portFor({ log: join(w.nginx.directory, "logs", "other.log") });
  expect(await good.port.prepare(good.gateway, w.table(3, {}))).toEqual(DONE);
  expect(readFileSync(w.gateway.config, "utf8")).toContain("other.log");
  expect(await statusOf(w)).toBe(200);
});

test("a port that somebody else has is noticed, though nginx exits 0, and taken back", async () => {
  const w = await installed();
  const before = readFileSync(w.gateway.config);
  const other = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => void other.listen(port, "127.0.0.1", resolve));
  const next = w.changed({}, { listen: [...w.gateway.listen, `127.0.0.1:${port}`] });
  const outcome = await next.port.prepare(next.gateway, w.table(2, {}));
  await new Promise((resolve) => other.close(resolve));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.reload" } });
  expect(JSON.stringify(outcome)).toContain("Address already in use");
  expect(readFileSync(w.gateway.config)).toEqual(before);
  expect(readdirSync(w.nginx.confd)).toEqual(["shop.conf"]);
  expect(await statusOf(w)).toBe(200);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({ value: { serving: true, generation: 1 } });
});

test("a file that somebody edited is refused, and left as it is", async () => {
  const w = await installed();
  appendFileSync(w.gateway.config, "# by hand\n");
  const outcome = await w.port.prepare(w.gateway, w.table(2, {}));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.edited" } });
  expect(readFileSync(w.gateway.config, "utf8")).toContain("# by hand");
  expect(await w.port.preview(w.gateway)).toMatchObject({ error: { code: "gateway.edited" } });
  writeFileSync(w.gateway.config, readFileSync(join(w.gateway.state, "shop", "written.conf")));
  expect(await w.port.prepare(w.gateway, w.table(2, {}))).toEqual(DONE);
});

test("a file that was there before Glidepath is never overwritten", async () => {
  const w = await open();
  writeFileSync(w.gateway.config, "# mine\n");
  const outcome = await w.port.prepare(w.gateway, w.table(1, {}));
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "gateway.edited" } });
  expect(readFileSync(w.gateway.config, "utf8")).toBe("# mine\n");
});

test("a path that nginx does not include is refused before anything runs on it", async () => {
  const w = await open();
  const aside = join(w.nginx.directory, "aside");
  mkdirSync(aside);
  const next = w.changed({}, { config: join(aside, "shop.conf") });
  expect(await next.port.prepare(next.gateway, w.table(1, {}))).toMatchObject({
    kind: "refused",
    error: { code: "gateway.config", hint: expect.stringContaining("include") },
  });
  expect(readdirSync(aside)).toEqual([]);
});

test("a slot with a name instead of an address is refused, with what to write", async () => {
  const w = await open();
  const hosts = w.application.hosts.map((host) => ({
    ...host,
    slots: host.slots.map((slot) => ({ ...slot, address: "web1.example.com" })),
  }));
  const port = nginxGateway({ application: { ...w.application, hosts }, hosts: () => localHost(HOST) });
  expect(await port.prepare(w.gateway, w.table(1, {}))).toMatchObject({
    kind: "refused",
    error: { code: "gateway.config", hint: expect.stringContaining("IP address") },
  });
});

test("other slots are another pool: the switch of the one never reaches the other", async () => {
  const w = await open({ slots: 3 });
  const less = {
    ...w.application,
    hosts: w.application.hosts.map((h) => ({ ...h, slots: h.slots.slice(0, 2) })),
  };
  const small = nginxGateway({ application: less, hosts: () => localHost(HOST) });
  const keys = w.slots.map((slot) => slot.key);
  const two: RoutingTable = {
    ...w.table(1, {}),
    routing: { ...w.table(1, {}).routing, stable: keys.slice(1, 2) },
  };
  expect(await small.prepare(w.gateway, two)).toEqual(DONE);
  expect(await small.commit(w.gateway, two)).toEqual(DONE);
  expect((await ask({ port: w.listen })).body).toBe(String(w.slots[1]?.port));
  expect(await w.port.prepare(w.gateway, w.table(2, { stable: 2 }))).toEqual(DONE);
  expect(await w.port.commit(w.gateway, w.table(2, { stable: 2 }))).toEqual(DONE);
  expect((await ask({ port: w.listen })).body).toBe(String(w.slots[2]?.port));
  expect(await small.commit(w.gateway, two)).toMatchObject({ kind: "refused" });
});

/** Runs every script as a user without rights, after `before`. */
function nobody(before: string): HostPort {
  const local = localHost(HOST);
  const drop = "setpriv --reuid 65534 --regid 65534 --clear-groups";
  return {
    ...local,
    run: ({ script, args = [], ...rest }) =>
      local.run({
        ...rest,
        script: `code=$1; shift; exec ${drop} sh -c "$code" sh "$@"`,
        args: [before + script, ...args],
      }),
  };
}

test.skipIf(process.getuid?.() !== 0).each([
  ["its directory", 0o755, "", "write in CONFD"],
  ["a signal to nginx", 0o777, "", "signal the process"],
  ["nginx's own test", 0o777, "kill() { return 0; }\n", "nginx.pid"],
])("without the right to %s the config is not blamed", async (_, mode, before, wanted) => {
  const w = await open();
  chmodSync(w.nginx.directory, 0o755);
  chmodSync(w.gateway.state, 0o777);
  chmodSync(w.nginx.confd, mode);
  const { application } = w;
  const port = nginxGateway({ application, hosts: () => nobody(before) });
  expect(await port.prepare(w.gateway, w.table(1, {}))).toMatchObject({
    kind: "refused",
    error: {
      code: "gateway.rights",
      message: expect.stringContaining(wanted.replace("CONFD", w.nginx.confd)),
      hint: expect.stringContaining("let Glidepath come there as root"),
    },
  });
  expect(readdirSync(w.nginx.confd)).toEqual([]);
});

test("without a running nginx nothing is installed", async () => {
  const w = await open({ start: false });
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toMatchObject({
    kind: "refused",
    error: { code: "gateway.not-running" },
  });
  expect(existsSync(w.gateway.config)).toBe(false);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    known: true,
    value: { running: false, serving: false },
  });
});

test("a removed file is written anew", async () => {
  const w = await installed();
  rmSync(w.gateway.config);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({ value: { serving: false } });
  expect(await w.port.prepare(w.gateway, w.table(2, {}))).toEqual(DONE);
  expect(await w.port.commit(w.gateway, w.table(2, {}))).toEqual(DONE);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({ value: { serving: true, generation: 2 } });
});

test("mode upstream: the user's own server includes the location", async () => {
  const w = await open({ settings: { mode: "upstream" } });
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toEqual(DONE);
  const snippet = join(w.gateway.state, "shop", "location.conf");
  writeFileSync(
    join(w.nginx.confd, "site.conf"),
    `server { listen 127.0.0.1:${w.listen}; location / { include ${snippet}; } }\n`,
  );
  const next = w.changed({ readTimeout: 11_000 as never });
  expect(await next.port.prepare(next.gateway, w.table(2, { stable: 1 }))).toEqual(DONE);
  expect(await next.port.commit(next.gateway, w.table(2, { stable: 1 }))).toEqual(DONE);
  expect(readFileSync(snippet, "utf8")).toContain("proxy_read_timeout 11000ms;");
  expect((await ask({ port: w.listen })).body).toBe(String(w.slots[1]?.port));
});

test("what a location can include is there in mode server too, and is added to an older config", async () => {
  const w = await open();
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toEqual(DONE);
  const snippet = join(w.gateway.state, "shop", "location.conf");
  const text = readFileSync(snippet, "utf8");
  expect(text).toContain("proxy_pass http://$glidepath_shop_upstream;");
  rmSync(snippet);
  const before = await settledWorkers(w.nginx);
  expect(await w.port.prepare(w.gateway, w.table(2, { stable: 1 }))).toEqual(DONE);
  expect(readFileSync(snippet, "utf8")).toBe(text);
  expect(await settledWorkers(w.nginx)).toEqual(before);
});

test("mode upstream: what is served is not taken away, whoever asks for it", async () => {
  const w = await open();
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toEqual(DONE);
  const before = readFileSync(w.gateway.config, "utf8");
  const next = w.changed({ mode: "upstream", serverName: [] });
  const refusal = { code: "gateway.unserved" };
  expect(await next.port.preview(next.gateway)).toMatchObject({ ok: false, error: refusal });
  expect(await next.port.prepare(next.gateway, w.table(2, {}))).toMatchObject({ error: refusal });
  expect(readFileSync(w.gateway.config, "utf8")).toBe(before);
  expect((await ask({ port: w.listen })).status).toBe(200);
  const passive = w.changed({ passive: true });
  expect(await passive.port.preview(passive.gateway)).toMatchObject({ ok: false, error: refusal });
  expect(await passive.port.prepare(passive.gateway, w.table(2, {}))).toMatchObject({ error: refusal });
});

test.each(["server", "upstream"] as const)(
  "mode %s: only a trusted proxy tells who the client is",
  async (mode) => {
    const w = await open({
      settings: {
        mode,
        realIp: { from: ["127.0.0.1"], header: "X-Forwarded-For" },
        rules: [{ by: "address", in: ["192.0.2.0/24"], to: "canary" }],
      },
    });
    const table = w.table(1, { canary: 1, stable: 1 });
    expect(await w.port.prepare(w.gateway, table)).toEqual(DONE);
    expect(await w.port.commit(w.gateway, table)).toEqual(DONE);
    const snippet = join(w.gateway.state, "shop", "location.conf");
    const site = `server { listen 127.0.0.1:${w.listen}; location / { include ${snippet}; } }\n`;
    if (mode === "upstream") writeFileSync(join(w.nginx.confd, "site.conf"), site);
    const next = w.changed({ readTimeout: 11_000 as never });
    expect(await next.port.prepare(next.gateway, w.table(2, { canary: 1, stable: 1 }))).toEqual(DONE);
    const headers = { "x-forwarded-for": "203.0.113.9, 192.0.2.7" };
    const [canary, stable] = w.slots.map((slot) => String(slot.port));
    expect((await ask({ port: w.listen, headers })).body).toBe(canary);
    expect((await ask({ port: w.listen })).body).toBe(stable);
    expect((await ask({ port: w.listen, headers, from: "127.0.0.2" })).body).toBe(stable);
  },
);

test("passive: no config is written, what was ordered is remembered", async () => {
  const w = await open({ settings: { passive: true } });
  const table = w.table(1, { stable: 1 });
  expect(await w.port.preview(w.gateway)).toEqual({
    ok: true,
    value: { path: w.gateway.config, current: "", wanted: "", reload: false, lack: null },
  });
  expect(await w.port.prepare(w.gateway, table)).toEqual(DONE);
  expect(await w.port.commit(w.gateway, table)).toEqual(DONE);
  expect(existsSync(w.gateway.config)).toBe(false);
  expect(await w.port.observe(w.gateway, w.slots)).toMatchObject({
    value: { running: true, serving: true, generation: 1, routing: table.routing },
  });
});

test("where nginx is down the switch can be made, and is there when it starts again", async () => {
  const w = await open();
  expect(await w.port.prepare(w.gateway, w.table(1, {}))).toEqual(DONE);
  expect(await w.port.commit(w.gateway, w.table(1, {}))).toEqual(DONE);
  await stopNginx(w.nginx);
  const next = w.table(2, { stable: 1 });
  expect(await w.port.prepare(w.gateway, next)).toEqual({ kind: "done", serving: false });
  expect(await w.port.commit(w.gateway, next)).toEqual(DONE);
  expect(await w.port.observe(w.gateway, [])).toMatchObject({
    value: { running: false, serving: false, generation: 2, routing: next.routing },
  });
  await startNginx(w.nginx);
  expect((await ask({ port: w.listen })).body).toBe(String(w.slots[1]?.port));
  // Another config cannot be proved without an nginx that runs.
  await stopNginx(w.nginx);
  const other = w.changed({ readTimeout: 11_000 as never });
  expect(await other.port.prepare(other.gateway, w.table(3, {}))).toMatchObject({
    kind: "refused",
    error: { code: "gateway.not-running" },
  });
});

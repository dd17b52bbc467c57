import { readFileSync, readdirSync, statSync, existsSync, appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { afterEach, expect, test } from "vitest";
import { present } from "../../../src/base/assert.ts";
import { freePort } from "../../../src/demo/ports.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import type { Gateway } from "../../../src/model/application.ts";
import type { GatewayPort } from "../../../src/ports/gateway.ts";
import { crowd } from "../../support/crowd.ts";
import { settledWorkers } from "../../support/nginx.ts";
import { stopNginx } from "../../../src/demo/nginx.ts";
import { fleet, type Fleet } from "./fleet.ts";

const opened: Fleet[] = [];
const open = async (): Promise<Fleet> => {
  const made = await fleet({ hosts: 2, slots: 2, gateways: 2 });
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const DONE = { kind: "done" };

/** The same fleet, whose file says something else of all gateways, and of the second. */
function changed(
  f: Fleet,
  second: Partial<Gateway> = {},
): { port: GatewayPort; gateways: readonly Gateway[] } {
  const gateways = f.gateways.map((gateway, i) => (i === 1 ? { ...gateway, ...second } : gateway));
  const settings = { ...f.application.gateway, readTimeout: 20_000 as never };
  const application = { ...f.application, gateways, gateway: settings };
  return { port: nginxGateway({ application, hosts: localHost }), gateways };
}

const installed = async (): Promise<Fleet> => {
  const f = await open();
  for (const act of ["prepare", "commit"] as const) {
    expect(await Promise.all(f.gateways.map((one) => f.port[act](one, f.table(1, 0, 0))))).toEqual([
      DONE,
      DONE,
    ]);
  }
  return f;
};

const workersOf = async (f: Fleet, at: number): Promise<string> =>
  (await settledWorkers(present(f.temporary[at], "gateway").nginx)).join(" ");
const fileOf = ({ config }: Gateway): object => ({
  bytes: readFileSync(config),
  inode: statSync(config).ino,
});
const statusOf = async (f: Fleet, at: number): Promise<number | undefined> =>
  (await crowd({ port: f.gateways[at]?.listens ?? 0, visits: [{ lines: [] }] }))[0]?.status;

test("one gateway refuses: the other has its config back, byte for byte, and serves by it", async () => {
  const f = await installed();
  const before = f.gateways.map(fileOf);
  const workers = await workersOf(f, 0);
  const taken = await freePort();
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(taken, "127.0.0.1", resolve));
  const next = changed(f, { listen: [...(f.gateways[1]?.listen ?? []), `127.0.0.1:${taken}`] });
  const table = f.table(2, 1, 500);
  const [first, second] = next.gateways as [Gateway, Gateway];
  expect(await next.port.prepare(first, table)).toEqual(DONE);
  expect(readFileSync(first.config, "utf8")).toContain("proxy_read_timeout 20000ms;");
  expect(await next.port.prepare(second, table)).toMatchObject({ error: { code: "gateway.reload" } });
  await new Promise((resolve) => other.close(resolve));

  expect(await next.port.withdraw(first, table)).toEqual(DONE);
  expect(f.gateways.map(fileOf)).toEqual(before);
  expect(f.gateways.map(({ config }) => readdirSync(dirname(config)))).toEqual([
    ["shop.conf"],
    ["shop.conf"],
  ]);
  expect(await workersOf(f, 0)).not.toBe(workers);
  const seen = await Promise.all(f.gateways.map((one) => f.port.observe(one, [])));
  expect(seen).toMatchObject([
    { value: { serving: true, generation: 1 } },
    { value: { serving: true, generation: 1 } },
  ]);
  expect([await statusOf(f, 0), await statusOf(f, 1)]).toEqual([200, 200]);
});

test("what was taken back stays: again is no harm, a late call is refused, the next one is not", async () => {
  const f = await installed();
  const next = changed(f);
  const [first] = next.gateways as [Gateway];
  const before = fileOf(first);
  expect(await next.port.prepare(first, f.table(2, 1, 500))).toEqual(DONE);
  for (let i = 0; i < 2; i += 1) expect(await next.port.withdraw(first, f.table(2, 1, 500))).toEqual(DONE);
  expect(await next.port.prepare(first, f.table(2, 1, 500))).toMatchObject({
    error: { code: "gateway.fenced" },
  });
  expect(fileOf(first)).toEqual(before);
  expect(await next.port.prepare(first, f.table(3, 1, 500))).toEqual(DONE);
  expect(await next.port.withdraw(first, f.table(2, 1, 500))).toMatchObject({ kind: "done" });
  expect(readFileSync(first.config, "utf8")).toContain("proxy_read_timeout 20000ms;");
});

test("a first installation that is taken back leaves no file, and nginx serves nothing of ours", async () => {
  const f = await open();
  const [first] = f.gateways as readonly [Fleet["gateways"][number]];
  expect(await f.port.prepare(first, f.table(1, 0, 0))).toEqual(DONE);
  expect(await statusOf(f, 0)).toBe(200);
  expect(await f.port.withdraw(first, f.table(1, 0, 0))).toEqual(DONE);
  expect(readdirSync(dirname(first.config))).toEqual([]);
  await expect(statusOf(f, 0)).rejects.toThrow("ECONNREFUSED");
  expect(await f.port.observe(first, [])).toMatchObject({ value: { serving: false, routing: null } });
});

test("where the config stayed the same nothing is taken back, and no worker is replaced", async () => {
  const f = await installed();
  const [first] = f.gateways as unknown as readonly [Gateway];
  const [before, workers] = [fileOf(first), await workersOf(f, 0)];
  expect(await f.port.prepare(first, f.table(2, 1, 500))).toEqual(DONE);
  expect(await f.port.withdraw(first, f.table(2, 1, 500))).toEqual(DONE);
  expect(fileOf(first)).toEqual(before);
  expect(await workersOf(f, 0)).toBe(workers);
  expect(await f.port.withdraw(first, f.table(9, 1, 500))).toEqual(DONE);
  expect(existsSync(first.config)).toBe(true);
});

test("where nginx is down the file alone is put back; what somebody edited is left", async () => {
  const f = await installed();
  const next = changed(f);
  const [first, second] = next.gateways as [Gateway, Gateway];
  const before = fileOf(first);
  const table = f.table(2, 1, 500);
  expect(await Promise.all(next.gateways.map((one) => next.port.prepare(one, table)))).toEqual([DONE, DONE]);
  await stopNginx(f.temporary[0]?.nginx ?? ({} as never));
  expect(await next.port.withdraw(first, table)).toEqual(DONE);
  expect(fileOf(first)).toEqual(before);
  appendFileSync(second.config, "# by hand\n");
  expect(await next.port.withdraw(second, table)).toMatchObject({ error: { code: "gateway.edited" } });
  expect(readFileSync(second.config, "utf8")).toContain("# by hand");
});

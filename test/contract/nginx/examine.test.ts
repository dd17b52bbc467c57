import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxExaminer, survey } from "../../../src/drivers/nginx/examine.ts";
import { DONE } from "../../../src/model/outcome.ts";
import type { Finding } from "../../../src/ports/examine.ts";
import type { GatewaySettings } from "../../../src/model/application.ts";
import { canMount, mountSmall, needs, unmount } from "../../support/skip.ts";
import { HOST, world, type World, type WorldOptions } from "./world.ts";

const opened: World[] = [];
const open = async (options: WorldOptions = {}): Promise<World> => {
  const made = await world(options);
  opened.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const examine = (w: World, change: Partial<GatewaySettings> = {}): Promise<readonly Finding[]> => {
  const application = { ...w.application, gateway: { ...w.application.gateway, ...change } };
  return nginxExaminer({ application, hosts: () => localHost(HOST) }).examine();
};
/** Two of these, and what stands between them is left out of what a host says. */
const LONG = "# a comment\n".repeat(50_000);
const asRoot = process.getuid?.() === 0;
const faults = (all: readonly Finding[]): readonly string[] =>
  all.filter((one) => one.severity === "fault").map((one) => one.found);

test("a gateway on which a release can begin has no fault", async () => {
  const w = await open();
  const found = await examine(w);
  expect(faults(found)).toEqual([]);
  expect(found.some((one) => one.found.includes("version 1."))).toBe(true);
});

test("nor has one after its first release", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  expect(faults(await examine(w))).toEqual([]);
});

test("what this very nginx listens on is no conflict, even when its file is gone", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  rmSync(w.gateway.config);
  expect(faults(await examine(w))).toEqual([]);
});

test("an edited config is a fault, in the words of the refusal", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  appendFileSync(w.gateway.config, "# by hand\n");
  const refusal = await w.port.prepare(w.gateway, w.table(2, {}));
  const found = (await examine(w)).filter((one) => one.severity === "fault");
  expect(found).toMatchObject([{ found: expect.stringContaining("is not as Glidepath last wrote it") }]);
  expect(refusal).toMatchObject({ error: { message: found[0]?.found, hint: found[0]?.todo } });
});

test("a config of which the state knows nothing is told as that, and not as edited", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  rmSync(w.gateway.state, { recursive: true });
  mkdirSync(w.gateway.state);
  const refusal = await w.port.prepare(w.gateway, w.table(2, {}));
  const found = (await examine(w)).filter((one) => one.severity === "fault");
  expect(found).toMatchObject([
    { found: expect.stringContaining(`${w.gateway.state}/shop knows nothing of it`) },
  ]);
  expect(found[0]?.todo).toContain("gateway.state was changed, or what lay there is lost");
  expect(refusal).toMatchObject({ error: { message: found[0]?.found, hint: found[0]?.todo } });
});

test.skipIf(!needs(canMount(), "contract: a full disk of the log", "needs root and the right to mount"))(
  "a disk that has no room for the log is warned of",
  async () => {
    const w = await open();
    const directory = dirname(w.gateway.log);
    mkdirSync(directory, { recursive: true });
    const told = async (): Promise<readonly string[]> =>
      (await examine(w)).filter((one) => one.found.includes("KiB free for")).map((one) => one.severity);
    expect(await told()).toEqual([]);
    mountSmall(directory, "64k");
    try {
      expect(await told()).toEqual(["warning"]);
    } finally {
      unmount(directory);
    }
    // The log may lie elsewhere than its name.
    const elsewhere = join(w.nginx.directory, "elsewhere");
    mkdirSync(elsewhere);
    mountSmall(elsewhere, "64k");
    try {
      expect(await told()).toEqual([]);
      writeFileSync(join(elsewhere, "shop.log"), "");
      symlinkSync(join(elsewhere, "shop.log"), w.gateway.log);
      expect(await told()).toEqual(["warning"]);
    } finally {
      unmount(elsewhere);
    }
  },
);

test("a log that is no file is warned of: what is written there is counted by nobody", async () => {
  const w = await open();
  const told = async (log: string): Promise<readonly string[]> =>
    (await examine({ ...w, application: { ...w.application, gateways: [{ ...w.gateway, log }] } }))
      .filter((one) => one.found.includes("is no file"))
      .map(({ severity, found }) => `${severity}: ${found}`);
  expect(await told("/dev/null")).toEqual([
    "warning: /dev/null is no file: requests are in no count, and not judged",
  ]);
  mkdirSync(dirname(w.gateway.log), { recursive: true });
  writeFileSync(w.gateway.log, "");
  expect(await told(w.gateway.log)).toEqual([]);
});

test("mode upstream: the location's include is missed until it is there", async () => {
  const w = await open({ settings: { mode: "upstream" } });
  const line = `include ${w.gateway.state}/shop/location.conf;`;
  const said = async (): Promise<readonly unknown[]> => {
    const found = (await examine(w)).filter((one) => one.found.includes("location.conf"));
    return found.map((one) => [one.severity, one.todo?.includes(line) ?? null]);
  };
  expect(await said()).toEqual([["warning", true]]);
  await w.port.prepare(w.gateway, w.table(1, {}));
  expect(readFileSync(w.gateway.config, "utf8")).toContain(`#     ${line}\n`);
  expect(await said()).toEqual([["fault", true]]);
  const server = `server { listen 127.0.0.1:${w.listen}; location / { ${line} } }\n`;
  writeFileSync(join(w.nginx.confd, "site.conf"), server);
  expect(await said()).toEqual([["fine", null]]);
  renameSync(join(w.nginx.confd, "site.conf"), join(w.nginx.confd, "a-site.conf"));
  const early = (await examine(w)).filter((one) => one.severity === "fault");
  expect(early.map((one) => one.todo)).toContain(
    `nginx reads files by name: give the one that includes ours a name after ${w.gateway.config}`,
  );
});

test("a mode that is changed while it serves: what a release would refuse is a fault", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  const to = (change: Partial<GatewaySettings>): Promise<readonly string[]> =>
    examine(w, change).then(faults);
  expect(await to({ mode: "upstream", serverName: [] })).toEqual([
    expect.stringContaining("shop.example.com: no server{} listens there"),
  ]);
  expect(await to({ passive: true })).toEqual([expect.stringContaining("would leave as it is for ever")]);
  const line = `include ${w.gateway.state}/shop/location.conf;`;
  const names = `listen 127.0.0.1:${w.listen}; server_name shop.example.com;`;
  const server = `server { ${names} location / { ${line} } }\n`;
  writeFileSync(join(w.nginx.confd, "site.conf"), server);
  expect(await to({ mode: "upstream" })).toEqual([]);
});

test("of a config that is too long to be read whole, nothing is said that it does not say", async () => {
  const w = await open();
  await w.port.prepare(w.gateway, w.table(1, {}));
  const snippet = join(w.gateway.state, "shop", "location.conf");
  const site = `server { listen 127.0.0.1:${w.listen}; location / { include ${snippet}; } }\n`;
  for (const [name, text] of Object.entries({ a: LONG, shopsite: site, z: LONG })) {
    writeFileSync(join(w.nginx.confd, `${name}.conf`), text);
  }
  const next = w.changed({ mode: "upstream", serverName: [] });
  const found = await examine(w, { mode: "upstream", serverName: [] });
  expect(faults(found)).toEqual([]);
  expect(found.map((one) => one.found)).toContainEqual(expect.stringContaining("longer than 1 MiB"));
  expect(await next.port.preview(next.gateway)).toMatchObject({ ok: true, value: { lack: null } });
  expect(await next.port.prepare(next.gateway, w.table(2, {}))).toEqual(DONE);
  expect(faults(await examine(w, { passive: true }))).toEqual([]);
});

test("a port that another program has, an nginx that does not run, a broken config", async () => {
  const w = await open({ start: false });
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(w.listen, "127.0.0.1", resolve));
  writeFileSync(join(w.nginx.confd, "other.conf"), "no_such_directive on;\n");
  const found = faults(await examine(w));
  await new Promise((resolve) => other.close(resolve));
  expect(found).toEqual([
    expect.stringContaining("no nginx runs"),
    expect.stringContaining("no_such_directive"),
    expect.stringContaining(`port ${w.listen} is taken`),
  ]);
});

test("a state directory that nginx's user cannot enter", async () => {
  const w = await open();
  writeFileSync(w.nginx.main, `user nobody nogroup;\n${readMain(w)}`);
  chmodSync(w.gateway.state, 0o700);
  const found = faults(await examine(w));
  expect(found.map((one) => one.includes("nobody cannot enter"))).toEqual(asRoot ? [true] : []);
});

test("passive: the user's upstream is looked at", async () => {
  const w = await open();
  const [one, two] = w.slots.map((slot) => `127.0.0.1:${slot.port}`);
  writeFileSync(
    join(w.nginx.confd, "up.conf"),
    `upstream shop { server ${one} fail_timeout=1s; server ${two}; }\n`,
  );
  const found = await examine(w, { passive: true });
  expect(faults(found)).toEqual([expect.stringContaining(`upstream shop: ${two} is avoided for 10 s`)]);
});

test("the survey of a machine without a readable nginx is nothing", async () => {
  expect(await survey(localHost(HOST), "no-such-nginx")).toBeNull();
});

function readMain(w: World): string {
  return ["events {}", `pid ${w.nginx.pidFile};`, `http { include ${w.nginx.confd}/*.conf; }`, ""].join("\n");
}

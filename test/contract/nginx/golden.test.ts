import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { millis, seconds } from "../../../src/base/time.ts";
import { decidesBy, writeConfig, type Topology } from "../../../src/drivers/nginx/config.ts";
import type { Gateway, GatewaySettings, Policy, Slot } from "../../../src/model/application.ts";
import { slotKey, type AppName } from "../../../src/model/ids.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { nginxBinary } from "../../../src/demo/nginx.ts";
import { applicationOf, HOST } from "./world.ts";

const directory = mkdtempSync(join(tmpdir(), "glidepath-golden-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const slot = (port: number, address = "10.0.0.11"): Slot => ({
  key: slotKey(HOST, port),
  host: HOST,
  port,
  dir: `/srv/shop/slots/${port}`,
  address,
});

const gateway: Gateway = {
  name: HOST,
  address: "local",
  config: "/etc/nginx/conf.d/shop.conf",
  main: "/etc/nginx/nginx.conf",
  nginx: "nginx",
  listen: ["127.0.0.1:8080"],
  state: "/var/lib/glidepath",
  log: "/var/log/nginx/glidepath-shop.log",
};

const settings: GatewaySettings = {
  mode: "server",
  passive: false,
  serverName: ["shop.example.com", "*.shop.example.com"],
  connectTimeout: seconds(1),
  readTimeout: seconds(60),
  split: "users",
  key: { by: "auto" },
  rules: [],
  realIp: null,
  releaseHeader: null,
};

interface Case {
  readonly slots: readonly Slot[];
  readonly settings?: Partial<GatewaySettings>;
  readonly app?: string;
  readonly policy?: Partial<Policy>;
  readonly listen?: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "two-slots": { slots: [slot(8001), slot(8002)] },
  rules: {
    slots: [slot(8001), slot(8002, "10.0.0.12"), slot(8001, "fd00::13")],
    listen: ["8080", "[::1]:8080"],
    settings: {
      key: { by: "cookie", name: "session_id" },
      rules: [
        { by: "header", name: "X-Canary", is: ["always", "include", "default"], to: "canary" },
        { by: "address", in: ["10.1.0.0/16", "fd00::/8"], to: "canary" },
        { by: "arg", name: "version", is: ["a".repeat(128)], to: "stable" },
      ],
    },
  },
  pins: {
    slots: [slot(8001), slot(8002)],
    settings: { pin: seconds(1800), releaseHeader: "X-Release", key: { by: "address" } },
  },
  servers: { slots: [slot(8001), slot(8002), slot(8003)], settings: { split: "servers" } },
  "no-keepalive": { slots: [slot(8001), slot(8002)], settings: { keepalive: millis(0) } },
  kinds: {
    slots: [slot(8001), slot(8002)],
    settings: { keepalive: millis(500) },
    policy: { drain: seconds(30), drainKinds: { websockets: seconds(60) } },
  },
  upstream: {
    slots: [slot(8001), slot(8002)],
    settings: { mode: "upstream", key: { by: "address" } },
    app: "a-very-long-application-name-x-y",
  },
  mirrored: {
    slots: [slot(8001), slot(8002)],
    settings: { key: { by: "address" }, releaseHeader: "X-Release" },
    policy: {
      steps: [
        { share: basisPoints(0), mirror: basisPoints(1000), bake: seconds(120), approve: false },
        { share: basisPoints(10_000), bake: seconds(0), approve: false },
      ],
      drainKinds: { websockets: seconds(5) },
    },
  },
};

function topologyOf({ slots, settings: own = {}, app = "shop", ...more }: Case): Topology {
  const own_gateway = { ...gateway, listen: more.listen ?? gateway.listen };
  const application = applicationOf(slots, own_gateway, { ...settings, ...own });
  return {
    application: {
      ...application,
      name: app as AppName,
      policy: { ...application.policy, ...more.policy },
    },
    gateway: own_gateway,
    home: `/var/lib/glidepath/${app}`,
  };
}

/** The same text with paths that are there; refused: nginx's words are thrown. */
function accepted(name: string, text: string, snippet: string): void {
  const here = (one: string): string => one.replaceAll("/var/log/nginx", directory);
  const site = `server { listen 127.0.0.1:8080; location / { ${here(snippet)} } }`;
  mkdirSync(join(directory, "temp"), { recursive: true });
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (one) => `${one}_temp_path ${directory}/temp/${one};`,
  );
  const main = join(directory, `${name}.conf`);
  const http = [...temp, "access_log off;", here(text), site].join("\n");
  writeFileSync(
    main,
    `pid ${directory}/pid; error_log ${directory}/error.log; events {}\nhttp {\n${http}\n}\n`,
  );
  execFileSync(nginxBinary() ?? "nginx", ["-t", "-q", "-c", main, "-p", directory], { stdio: "pipe" });
}

test.each(Object.entries(CASES))(
  "the config of %s is as written down, and nginx accepts it",
  async (name, one) => {
    const topology = topologyOf(one);
    const { text, snippet } = writeConfig(topology);
    accepted(name, text, snippet);
    const isOwn = topology.application.gateway.mode === "server";
    const whole = isOwn ? text : `${text}\n# What the user's location includes:\n${snippet}`;
    await expect(whole).toMatchFileSnapshot(`golden/${name}.conf`);
  },
);

test("a broken text is not accepted: the control of the test above", () => {
  expect(() => accepted("broken", "upstream {", "")).toThrow("Command failed");
});

test("the config depends on the topology alone, and says which", () => {
  const one = writeConfig(topologyOf({ slots: [slot(8001), slot(8002)] }));
  const more = writeConfig(topologyOf({ slots: [slot(8001), slot(8002), slot(8003)] }));
  const slower = writeConfig(
    topologyOf({ slots: [slot(8001), slot(8002)], settings: { readTimeout: seconds(61) } }),
  );
  expect(new Set([one.pool, more.pool]).size).toBe(2);
  expect(slower.pool).toBe(one.pool);
  expect(new Set([one.digest, more.digest, slower.digest]).size).toBe(3);
  expect(readFileSync(join(import.meta.dirname, "golden", "two-slots.conf"), "utf8")).toContain(one.digest);
});

const TRUSTED = { from: ["10.0.0.0/8", "fd00::1"], header: "X-Forwarded-For" };

test.each<readonly [string, Partial<GatewaySettings>]>([
  ["another key", { key: { by: "address" }, realIp: TRUSTED }],
  ["another rule", { realIp: TRUSTED, rules: [{ by: "arg", name: "v", is: ["2"], to: "canary" }] }],
  ["no proxy any more", {}],
  ["another proxy", { realIp: { ...TRUSTED, from: ["10.0.0.0/8"] } }],
  ["another header of the proxy's", { realIp: { ...TRUSTED, header: "X-Real-IP" } }],
])("a config decides by what the file says, and not by %s", (_, other) => {
  const topologyWith = (own: Partial<GatewaySettings>): Topology =>
    topologyOf({ slots: [slot(8001), slot(8002)], settings: own });
  const topology = topologyWith({ realIp: TRUSTED });
  const { text } = writeConfig(topology);
  expect(decidesBy(topology.application, text)).toBe(true);
  expect(decidesBy(topologyWith(other).application, text)).toBe(false);
});

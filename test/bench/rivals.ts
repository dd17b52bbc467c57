// What else people release with, done as carefully as its own interface allows: the slot leaves, its requests
// end, it is updated and healthy, it comes back; then the next one.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { APP_FILE, writeRelease } from "../../src/demo/artifacts.ts";
import { reloadNginx, startNginx, workerPids } from "../../src/demo/nginx.ts";
import { freePort } from "../../src/demo/ports.ts";
import { ended } from "../../src/demo/processes.ts";
import { healthy, runApp, startApp, type App } from "../support/app.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";
import { RELEASES, measure, type Act, type Measured } from "./measure.ts";

/** A proxy before the slots, by its own means. */
export interface Proxy {
  readonly start: () => Promise<void>;
  /** No new request goes to the slot any more, and those that it has are over. */
  readonly leave: (slot: number) => Promise<void>;
  readonly join: (slot: number) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Whose processor time is the proxy's. */
  readonly pids: () => readonly number[];
}

/** Where a proxy stands. */
export type Stand = Pick<Workspace, "directory" | "port" | "slots">;

export interface Rival {
  readonly name: string;
  /** What has to be on the machine. */
  readonly needs: string;
  readonly run: () => Promise<Measured>;
}

const PM2_FILES = fileURLToPath(new URL("../../.tools/pm2/node_modules/pm2", import.meta.url));
const PM2 = join(PM2_FILES, "bin", "pm2");

export const RIVALS: readonly Rival[] = [
  { name: "nginx-reload", needs: "nginx", run: () => benchProxy("nginx-reload", nginxProxy) },
  { name: "haproxy", needs: "haproxy", run: () => benchProxy("haproxy", haproxyProxy) },
  { name: "caddy", needs: "caddy", run: () => benchProxy("caddy", caddyProxy) },
  { name: "pm2", needs: PM2, run: benchPm2 },
];

/** The version that is there, or null. */
const rivalVersion = ({ needs }: Rival): Promise<string | null> =>
  new Promise((resolve) => {
    if (needs === PM2) return resolve(pm2Version());
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
    const asked = { haproxy: "-v", nginx: "-v", caddy: "version" }[needs] ?? "--version";
    execFile(needs, [asked], { env }, (error, stdout, stderr) => {
      resolve(error === null ? (`${stdout}${stderr}`.trim().split("\n").at(0) ?? "") : null);
    });
  });

/** Asking the command itself would leave its daemon behind. */
function pm2Version(): string | null {
  const file = join(PM2_FILES, "package.json");
  if (!existsSync(file)) return null;
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return `PM2 ${version}`;
}

/** What is not on the machine is skipped, loudly. */
export async function isThere(name: string): Promise<boolean> {
  const rival = RIVALS.find((one) => one.name === name);
  if (rival === undefined) return true;
  const version = await rivalVersion(rival);
  console.error(
    version === null ? `!! ${name} SKIPPED: not installed; script/bench installs it` : `bench: ${version}`,
  );
  return version !== null;
}

const now = (): number => performance.timeOrigin + performance.now();

async function benchProxy(name: string, proxyOf: (workspace: Workspace) => Proxy): Promise<Measured> {
  const workspace = await openWorkspace({ start: false, releases: RELEASES });
  const proxy = proxyOf(workspace);
  const directoryOf = (slot: number): string => join(workspace.root, `app${slot}`);
  const apps = new Map<number, App>();
  try {
    for (const slot of workspace.slots) {
      apps.set(slot, await startApp({ directory: directoryOf(slot), port: slot, release: "v1" }));
    }
    await proxy.start();
    const act = async (release: string): Promise<Act> => {
      const startedAt = now();
      for (const slot of workspace.slots) {
        await proxy.leave(slot);
        await apps.get(slot)?.stop();
        writeRelease(directoryOf(slot), { release, behaviour: {} });
        apps.set(slot, runApp(directoryOf(slot), slot));
        await healthy(slot, 10_000);
        await proxy.join(slot);
      }
      return { startedAt, endedAt: now() };
    };
    return await measure({ name, workspace, act });
  } finally {
    await proxy.stop().catch(() => null);
    for (const app of apps.values()) await app.stop();
    await workspace.close();
  }
}

/** Every 20 ms, and twice in a row, because a look may fall between two requests. */
async function untilIdle(inFlight: () => Promise<number>): Promise<void> {
  for (let idle = 0; idle < 2; await wait(20)) idle = (await inFlight()) === 0 ? idle + 1 : 0;
}

const pidsOf = (child: ChildProcess | null): readonly number[] =>
  child?.pid === undefined ? [] : [child.pid];

async function stopProcess(child: ChildProcess | null): Promise<void> {
  if (child?.pid === undefined) return;
  child.kill("SIGKILL");
  await ended(child.pid, 5000);
}

/** A reload for each change; the workers of the former configuration must be gone before the slot stops. */
function nginxProxy({ nginx, port, slots }: Workspace): Proxy {
  const write = (out: number | null): void => {
    const servers = slots.filter((slot) => slot !== out).map((slot) => `  server 127.0.0.1:${slot};`);
    const text = `upstream shop {
${servers.join("\n")}
  keepalive 64;
  keepalive_timeout 1s;
}
server {
  listen 127.0.0.1:${port};
  location / {
    proxy_pass http://shop;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 1s;
  }
}
`;
    writeFileSync(join(nginx.confd, "shop.conf"), text);
  };
  const change = async (out: number | null): Promise<void> => {
    const former = new Set(workerPids(nginx));
    write(out);
    await reloadNginx(nginx);
    const isOld = (): boolean => workerPids(nginx).some((pid) => former.has(pid));
    while (isOld() || workerPids(nginx).length === 0) await wait(20);
  };
  return {
    start: () => {
      write(null);
      return startNginx(nginx);
    },
    leave: change,
    join: () => change(null),
    stop: async () => {},
    pids: () => workerPids(nginx),
  };
}

/** The runtime API: drain, and ready when it is back. */
export function haproxyProxy({ directory, port, slots }: Stand): Proxy {
  const socket = join(directory, "haproxy.sock");
  const file = join(directory, "haproxy.cfg");
  const config = `global
  stats socket ${socket} mode 600 level admin
  hard-stop-after 60s
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  option redispatch
  retries 3
frontend web
  bind 127.0.0.1:${port}
  default_backend shop
backend shop
  balance roundrobin
${slots.map((slot) => `  server s${slot} 127.0.0.1:${slot} pool-purge-delay 1s`).join("\n")}
`;
  const tell = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = "";
      const client = connect(socket, () => client.end(`${command}\n`));
      client.setEncoding("utf8").on("data", (text: string) => (answer += text));
      client.on("close", () => resolve(answer)).on("error", reject);
    });
  const state = async (slot: number, to: string): Promise<void> => {
    const answer = await tell(`set server shop/s${slot} state ${to}`);
    if (answer.trim() !== "") throw new Error(`haproxy: ${answer}`);
  };
  const inFlight = async (slot: number): Promise<number> => {
    const line = (await tell("show stat")).split("\n").find((one) => one.startsWith(`shop,s${slot},`));
    return Number(line?.split(",")[4] ?? 0);
  };
  let child: ChildProcess | null = null;
  return {
    start: async () => {
      writeFileSync(file, config);
      const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
      child = spawn("haproxy", ["-db", "-f", file], { env, stdio: "ignore" });
      await healthy(port, 10_000);
    },
    leave: async (slot) => {
      await state(slot, "drain");
      await untilIdle(() => inFlight(slot));
      await state(slot, "maint");
    },
    join: (slot) => state(slot, "ready"),
    stop: () => stopProcess(child),
    pids: () => pidsOf(child),
  };
}

/** A new configuration for each change, by POST /load. */
export function caddyProxy({ directory, port, slots }: Stand): Proxy {
  let child: ChildProcess | null = null;
  let admin = "";
  const configOf = (out: number | null): unknown => ({
    admin: { listen: admin.slice("http://".length) },
    apps: {
      http: {
        grace_period: "60s",
        servers: {
          shop: {
            listen: [`127.0.0.1:${port}`],
            automatic_https: { disable: true },
            routes: [
              {
                handle: [
                  {
                    handler: "reverse_proxy",
                    upstreams: slots
                      .filter((slot) => slot !== out)
                      .map((slot) => ({ dial: `127.0.0.1:${slot}` })),
                    load_balancing: { selection_policy: { policy: "round_robin" }, try_duration: "1s" },
                    transport: { protocol: "http", keep_alive: { idle_timeout: "1s" } },
                  },
                ],
              },
            ],
          },
        },
      },
    },
  });
  const load = async (out: number | null): Promise<void> => {
    const answer = await fetch(`${admin}/load`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(configOf(out)),
    });
    if (!answer.ok) throw new Error(`caddy: ${answer.status} ${await answer.text()}`);
  };
  const inFlight = async (slot: number): Promise<number> => {
    const answer = await fetch(`${admin}/reverse_proxy/upstreams`);
    const all = (await answer.json()) as readonly {
      readonly address: string;
      readonly num_requests: number;
    }[];
    return all.find(({ address }) => address === `127.0.0.1:${slot}`)?.num_requests ?? 0;
  };
  return {
    start: async () => {
      admin = `http://127.0.0.1:${await freePort()}`;
      const file = join(directory, "caddy.json");
      writeFileSync(file, JSON.stringify(configOf(null)));
      const env = { ...process.env, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory };
      child = spawn("caddy", ["run", "--config", file], { env, stdio: "ignore" });
      await healthy(port, 10_000);
    },
    leave: async (slot) => {
      await load(slot);
      await untilIdle(() => inFlight(slot));
    },
    join: () => load(null),
    stop: () => stopProcess(child),
    pids: () => pidsOf(child),
  };
}

export interface Cluster {
  readonly start: () => Promise<void>;
  readonly reload: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** The daemon, which has the port. */
  readonly pids: () => readonly number[];
}

/** Two processes of a cluster that share the port, without any proxy; `pm2 reload` changes one by one. */
export function pm2Cluster(app: string, home: string, port: number): Cluster {
  const env = { ...process.env, PM2_HOME: home, PORT: String(port) };
  const pm2 = (...args: readonly string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      execFile(PM2, args, { env, cwd: app }, (error, stdout, stderr) => {
        if (error === null) resolve();
        else reject(new Error(`pm2 ${args.join(" ")}: ${stdout}${stderr}`));
      });
    });
  return {
    start: async () => {
      await pm2("start", APP_FILE, "--name", "shop", "-i", "2", "--kill-timeout", "10000");
      await healthy(port, 15_000);
    },
    reload: () => pm2("reload", "shop"),
    stop: () => pm2("kill").catch(() => undefined),
    pids: () => [Number(readFileSync(join(home, "pm2.pid"), "utf8"))],
  };
}

async function benchPm2(): Promise<Measured> {
  const workspace = await openWorkspace({ start: false, releases: RELEASES });
  const directory = join(workspace.root, "app");
  const cluster = pm2Cluster(directory, join(workspace.directory, "pm2"), workspace.port);
  mkdirSync(directory, { recursive: true });
  writeRelease(directory, { release: "v1", behaviour: {} });
  try {
    await cluster.start();
    const act = async (release: string): Promise<Act> => {
      const startedAt = now();
      writeRelease(directory, { release, behaviour: {} });
      await cluster.reload();
      return { startedAt, endedAt: now() };
    };
    return await measure({ name: "pm2", workspace, act });
  } finally {
    await cluster.stop();
    await workspace.close();
  }
}

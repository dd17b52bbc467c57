// The procedure that Glidepath replaces: its script, hand.sh, on the same application under the same load.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../src/demo/nginx.ts";
import { startApp } from "../support/app.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";
import { type Act, type Measured, RELEASES, measure } from "./measure.ts";

const SCRIPT = fileURLToPath(new URL("hand.sh", import.meta.url));

export interface Peer {
  readonly name: string;
  readonly form: "full" | "short";
  readonly timeout: string;
}

export const PEERS: readonly Peer[] = [
  { name: "hand-1s", form: "full", timeout: "1s" },
  { name: "hand-10s", form: "full", timeout: "10s" },
  { name: "short", form: "short", timeout: "10s" },
];

function config({ port, slots }: Workspace, timeout: string, down: number | null): string {
  const servers = slots.map((slot, at) => `  server 127.0.0.1:${slot}${at === down ? " down" : ""};`);
  return `upstream shop {
${servers.join("\n")}
}
server {
  listen 127.0.0.1:${port};
  location / {
    proxy_pass http://shop;
    proxy_connect_timeout ${timeout};
    proxy_send_timeout ${timeout};
    proxy_read_timeout ${timeout};
  }
}
`;
}

function writeConfigs(workspace: Workspace, timeout: string): void {
  const folder = join(workspace.nginx.directory, "hand");
  mkdirSync(folder);
  for (const [name, down] of [
    ["both", null],
    ["down1", 0],
    ["down2", 1],
  ] as const) {
    writeFileSync(join(folder, `shop.${name}`), config(workspace, timeout, down));
  }
  writeFileSync(join(workspace.nginx.confd, "shop.conf"), config(workspace, timeout, null));
}

function runScript(workspace: Workspace, form: Peer["form"], release: string): Promise<Act> {
  const [port1 = 0, port2 = 0] = workspace.slots;
  const startedAt = performance.timeOrigin + performance.now();
  const env = {
    ...process.env,
    NGINX_BINARY: workspace.nginx.binary,
    PREFIX: workspace.nginx.directory,
    APPS: workspace.root,
    PORT1: String(port1),
    PORT2: String(port2),
    NODE: process.execPath,
  };
  const child = spawn(SCRIPT, [form, join(workspace.artifacts, `shop-${release}.tar.gz`)], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0) return reject(new Error(`hand.sh ${form} ended with code ${code}`));
      resolve({ startedAt, endedAt: performance.timeOrigin + performance.now() });
    });
  });
}

export async function benchPeer({ name, form, timeout }: Peer): Promise<Measured> {
  const workspace = await openWorkspace({ start: false, releases: RELEASES });
  try {
    writeConfigs(workspace, timeout);
    for (const [at, port] of workspace.slots.entries()) {
      const directory = join(workspace.root, `app${at + 1}`);
      const app = await startApp({ directory, port, release: "v1" });
      writeFileSync(join(directory, "app.pid"), `${app.pid}\n`);
    }
    await startNginx(workspace.nginx);
    const act = (release: string): Promise<Act> => runScript(workspace, form, release);
    return await measure({ name, workspace, act });
  } finally {
    await workspace.close();
  }
}

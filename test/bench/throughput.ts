// Our nginx config beside a minimal one, in the same nginx, in turns: requests a second and processor time
// per request of nginx's workers. Once with an application that computes 200 microseconds, once with one that
// does nothing.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import {
  type Nginx,
  prepareNginx,
  reloadNginx,
  startNginx,
  stopNginx,
  workerPids,
} from "../../src/demo/nginx.ts";
import { freePort } from "../../src/demo/ports.ts";
import { percentile } from "../support/load.ts";
import { until } from "../support/until.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";

const ROUNDS = 4;
const SECONDS = 5;
const CONNECTIONS = 32;

export interface Side {
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
}

export interface Throughput {
  readonly name: string;
  readonly minimal: Side;
  readonly glidepath: Side;
  /** Glidepath by minimal. */
  readonly ratio: number;
}

/** Processor time of the workers so far, in microseconds. */
function cpuOf(nginx: Nginx): number {
  return workerPids(nginx)
    .map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10_000;
    })
    .reduce((sum, one) => sum + one, 0);
}

async function wrk(port: number, cookie: string): Promise<number> {
  const args = [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${SECONDS}s`,
    "-H",
    `Cookie: ${cookie}`,
    `http://127.0.0.1:${port}/`,
  ];
  const { stdout } = await promisify(execFile)("wrk", args);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk met failures: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function sample(nginx: Nginx, port: number, cookie: string): Promise<Side> {
  const before = cpuOf(nginx);
  const requestsPerSecond = await wrk(port, cookie);
  return { requestsPerSecond, cpuUsPerRequest: (cpuOf(nginx) - before) / (requestsPerSecond * SECONDS) };
}

const middle = (sides: readonly Side[]): Side => ({
  requestsPerSecond: Math.round(
    percentile(
      sides.map((one) => one.requestsPerSecond),
      0.5,
    ),
  ),
  cpuUsPerRequest: Number(
    percentile(
      sides.map((one) => one.cpuUsPerRequest),
      0.5,
    ).toFixed(2),
  ),
});

/** What a careful person writes at least: no log, upstream keep-alive. */
async function addMinimal({ nginx, slots }: Workspace): Promise<number> {
  const port = await freePort();
  const servers = slots.map((slot) => `server 127.0.0.1:${slot};`).join(" ");
  const text = `upstream minimal { ${servers} keepalive 64; }
server {
  listen 127.0.0.1:${port};
  location / {
    proxy_pass http://minimal;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
  }
}
`;
  writeFileSync(join(nginx.confd, "minimal.conf"), text);
  const before = workerPids(nginx);
  await reloadNginx(nginx);
  // The old workers would take requests, and processor time, of the measurement.
  await until(
    () => workerPids(nginx),
    (pids) => pids.length > 0 && !pids.some((pid) => before.includes(pid)),
  );
  return port;
}

/** The cookie of somebody who has been there before. */
async function cookieOf(url: string): Promise<string> {
  const answer = await fetch(url);
  return answer.headers.getSetCookie()[0]?.split(";")[0] ?? "uid=1";
}

async function compare(name: string, workspace: Workspace): Promise<Throughput> {
  const first = await workspace.glidepath("release", "v1", "--json");
  if (first.code !== 0) throw new Error(`the first release failed: ${first.stdout}${first.stderr}`);
  const minimalPort = await addMinimal(workspace);
  const cookie = await cookieOf(workspace.url);
  const minimal: Side[] = [];
  const ours: Side[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    process.stderr.write(`bench: throughput, ${name}, round ${round + 1} of ${ROUNDS}\n`);
    minimal.push(await sample(workspace.nginx, minimalPort, cookie));
    ours.push(await sample(workspace.nginx, workspace.port, cookie));
  }
  const ratios = ours.map((one, at) => one.requestsPerSecond / (minimal[at]?.requestsPerSecond ?? 1));
  const ratio = Number(percentile(ratios, 0.5).toFixed(3));
  return { name, minimal: middle(minimal), glidepath: middle(ours), ratio };
}

async function withApplication(): Promise<Throughput> {
  const workspace = await openWorkspace({ releases: { v1: { costUs: 200 } } });
  try {
    return await compare("application of 200 µs", workspace);
  } finally {
    await workspace.close();
  }
}

/** A second nginx stands for the application, so the slots have nothing to start. */
async function withNothing(): Promise<Throughput> {
  const workspace = await openWorkspace({
    releases: { v1: {} },
    edit: ({ smoke: _smoke, ...rest }) => ({ ...rest, run: { static: true }, health: { tcp: true } }),
  });
  const backend = prepareNginx(join(workspace.directory, "backend"), { workers: 1 });
  try {
    const listens = workspace.slots.map((slot) => `listen 127.0.0.1:${slot};`).join(" ");
    const answer = 'keepalive_requests 100000000; location / { return 200 "hello\\n"; }';
    const text = `server { ${listens} ${answer} }\n`;
    writeFileSync(join(backend.confd, "hello.conf"), text);
    await startNginx(backend);
    return await compare("application that does nothing", workspace);
  } finally {
    await stopNginx(backend);
    await workspace.close();
  }
}

export const benchThroughput = async (): Promise<readonly Throughput[]> => [
  await withApplication(),
  await withNothing(),
];

// The ways to the application in turns: our nginx config beside a minimal one in the same nginx, and what
// else stands before applications. Requests a second, and the proxy's processor time per request. Once with
// an application that computes 200 microseconds, once with one that does nothing.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { writeRelease } from "../../src/demo/artifacts.ts";
import { prepareNginx, reloadNginx, startNginx, stopNginx, workerPids } from "../../src/demo/nginx.ts";
import { freePort } from "../../src/demo/ports.ts";
import { percentile } from "../support/load.ts";
import { table } from "../../src/demo/table.ts";
import { until } from "../support/until.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";
import { caddyProxy, haproxyProxy, isThere, pm2Cluster } from "./rivals.ts";

const ROUNDS = 4;
const SECONDS = 5;
const CONNECTIONS = 32;
const OURS = "glidepath";

export interface Side {
  readonly requestsPerSecond: number;
  /** Null: there is no proxy. */
  readonly cpuUsPerRequest: number | null;
}

export interface Throughput {
  readonly name: string;
  readonly paths: readonly (Side & { readonly name: string })[];
  /** Glidepath by minimal, round by round. */
  readonly ratio: number;
}

/** A way to the application, which is open now. */
export interface Path {
  readonly name: string;
  readonly port: number;
  /** Null: nothing stands between. */
  readonly pids: (() => readonly number[]) | null;
  readonly close?: () => Promise<void>;
}

/** Processor time of the processes so far, in microseconds. */
function cpuOf(pids: readonly number[]): number {
  return pids
    .map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10_000;
    })
    .reduce((sum, one) => sum + one, 0);
}

interface Sampling {
  readonly cookie: string;
  readonly seconds: number;
}

async function wrk(port: number, { cookie, seconds }: Sampling): Promise<number> {
  const args = [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    "-H",
    `Cookie: ${cookie}`,
    `http://127.0.0.1:${port}/`,
  ];
  const { stdout } = await promisify(execFile)("wrk", args);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk met failures: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

export async function sample({ port, pids }: Path, sampling: Sampling): Promise<Side> {
  const before = pids === null ? 0 : cpuOf(pids());
  const requestsPerSecond = await wrk(port, sampling);
  const cpu = pids === null ? null : (cpuOf(pids()) - before) / (requestsPerSecond * sampling.seconds);
  return { requestsPerSecond, cpuUsPerRequest: cpu };
}

const median = (values: readonly number[], digits: number): number =>
  Number(percentile(values, 0.5).toFixed(digits));

function middle(name: string, sides: readonly Side[]): Throughput["paths"][number] {
  const costs = sides.flatMap(({ cpuUsPerRequest }) => (cpuUsPerRequest === null ? [] : [cpuUsPerRequest]));
  return {
    name,
    requestsPerSecond: median(
      sides.map((one) => one.requestsPerSecond),
      0,
    ),
    cpuUsPerRequest: costs.length === 0 ? null : median(costs, 2),
  };
}

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

/** Those of the rivals that are proxies, before the same slots. */
async function rivalPaths(workspace: Workspace): Promise<readonly Path[]> {
  const paths: Path[] = [];
  for (const [name, proxyOf] of [
    ["haproxy", haproxyProxy],
    ["caddy", caddyProxy],
  ] as const) {
    if (!(await isThere(name))) continue;
    const port = await freePort();
    const proxy = proxyOf({ ...workspace, port });
    await proxy.start();
    paths.push({ name, port, pids: proxy.pids, close: proxy.stop });
  }
  return paths;
}

async function compare(
  name: string,
  workspace: Workspace,
  more: () => Promise<readonly Path[]>,
): Promise<Throughput> {
  const first = await workspace.glidepath("release", "v1", "--json");
  if (first.code !== 0) throw new Error(`the first release failed: ${first.stdout}${first.stderr}`);
  const { nginx } = workspace;
  const workers = (): readonly number[] => workerPids(nginx);
  const paths: Path[] = [
    { name: "nginx, minimal", port: await addMinimal(workspace), pids: workers },
    { name: OURS, port: workspace.port, pids: workers },
  ];
  try {
    paths.push(...(await rivalPaths(workspace)), ...(await more()));
    const cookie = await cookieOf(workspace.url);
    const sides = new Map<Path, Side[]>(paths.map((path) => [path, []]));
    for (let round = 0; round < ROUNDS; round++) {
      process.stderr.write(`bench: throughput, ${name}, round ${round + 1} of ${ROUNDS}\n`);
      for (const [path, all] of sides) all.push(await sample(path, { cookie, seconds: SECONDS }));
    }
    const [minimal = [], ours = []] = [...sides.values()];
    const ratios = ours.map((one, at) => one.requestsPerSecond / (minimal[at]?.requestsPerSecond ?? 1));
    const measured = [...sides].map(([path, all]) => middle(path.name, all));
    return { name, paths: measured, ratio: median(ratios, 3) };
  } finally {
    for (const path of paths) await path.close?.();
  }
}

const COSTLY = { costUs: 200 };

/** The same application in two processes of a cluster. */
async function clusterPath({ directory, root }: Workspace): Promise<readonly Path[]> {
  if (!(await isThere("pm2"))) return [];
  const app = join(root, "cluster");
  mkdirSync(app, { recursive: true });
  writeRelease(app, { release: "v1", behaviour: COSTLY });
  const port = await freePort();
  const cluster = pm2Cluster(app, join(directory, "pm2"), port);
  await cluster.start();
  return [{ name: "pm2", port, pids: cluster.pids, close: cluster.stop }];
}

async function withApplication(): Promise<Throughput> {
  const workspace = await openWorkspace({ releases: { v1: COSTLY } });
  try {
    return await compare("application of 200 µs", workspace, () => clusterPath(workspace));
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
    const [slot = 0] = workspace.slots;
    const bare = { name: "no proxy", port: slot, pids: null };
    return await compare("application that does nothing", workspace, async () => [bare]);
  } finally {
    await stopNginx(backend);
    await workspace.close();
  }
}

export const benchThroughput = async (): Promise<readonly Throughput[]> => [
  await withApplication(),
  await withNothing(),
];

export function printThroughput(results: readonly Throughput[]): void {
  for (const { name, paths, ratio } of results) {
    const rows = paths.map((one) => [
      one.name,
      String(one.requestsPerSecond),
      one.cpuUsPerRequest === null ? "-" : String(one.cpuUsPerRequest),
    ]);
    console.log(`\n${table([name, "req/s", "proxy's µs/req"], rows)}`);
    console.log(`${OURS} by minimal, round by round: ${ratio}`);
  }
}

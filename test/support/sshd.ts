// Real sshds of the current user on free loopback ports, with keys of their own: each is a machine to reach.
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { freePorts } from "../../src/demo/ports.ts";
import { isRoot, needs } from "./skip.ts";
import { until } from "./until.ts";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";

export const canSsh = (what: string): boolean =>
  needs(existsSync(SSHD), what, "there is no sshd here: script/setup --test");

export interface Target {
  /** As in a file's `hosts[].address`. */
  readonly address: string;
  readonly port: number;
  /** An ssh_config that knows it. */
  readonly config: string;
  /** What sshd has written so far. */
  log(): string;
  /** The listener's process. */
  pid(): number;
  /** Ends the listener; the connections that are there stay. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface Fleet {
  readonly targets: readonly Target[];
  readonly config: string;
  readonly directory: string;
  close(): Promise<void>;
}

export interface FleetOptions {
  /** Lines for sshd_config. */
  readonly server?: readonly string[];
  /** Lines for ssh_config; they win. */
  readonly client?: readonly string[];
}

export async function startFleet(count: number, options: FleetOptions = {}): Promise<Fleet> {
  // As root sshd wants this directory, which its service would make.
  if (isRoot()) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const directory = await mkdtemp(join(tmpdir(), "gp-sshd-"));
  // The connections of a test are its own, and their sockets go with it.
  process.env["XDG_RUNTIME_DIR"] = directory;
  for (const name of ["host", "user"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(directory, name)]);
  }
  const ports = await freePorts(count);
  const hostKey = await readFile(join(directory, "host.pub"), "utf8");
  await writeFile(join(directory, "known"), ports.map((port) => `[127.0.0.1]:${port} ${hostKey}`).join(""));
  await writeFile(join(directory, "authorized"), await readFile(join(directory, "user.pub")));
  const config = join(directory, "ssh_config");
  await writeFile(config, clientConfig(directory, ports, options.client ?? []), { mode: 0o600 });
  const servers = ports.map((port, i) => {
    const files = { config: join(directory, `sshd-${i}.conf`), log: join(directory, `sshd-${i}.log`) };
    return server({ ...files, directory, port, more: options.server ?? [] });
  });
  for (const one of servers) await one.start();
  const targets = servers.map((one, i) => ({ ...one, address: `target${i}`, port: ports[i] ?? 0, config }));
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((one) => one.close()));
    await rm(directory, { recursive: true, force: true });
  };
  return { targets, config, directory, close };
}

/** One sshd, closed with `close`. */
export async function startTarget(options: FleetOptions = {}): Promise<Target & Pick<Fleet, "close">> {
  const fleet = await startFleet(1, options);
  const [target] = fleet.targets;
  if (target === undefined) throw new Error("no sshd");
  return { ...target, close: () => fleet.close() };
}

const clientConfig = (directory: string, ports: readonly number[], more: readonly string[]): string =>
  [
    ...ports.flatMap((port, i) => [`Host target${i}`, `  Port ${port}`]),
    "Host target*",
    ...more.map((line) => `  ${line}`),
    "  HostName 127.0.0.1",
    `  User ${userInfo().username}`,
    `  IdentityFile ${directory}/user`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${directory}/known`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "",
  ].join("\n");

interface ServerOptions {
  readonly directory: string;
  readonly config: string;
  readonly log: string;
  readonly port: number;
  readonly more: readonly string[];
}

function serverConfig({ directory, config, port, more }: ServerOptions): string {
  return [
    ...more,
    `ListenAddress 127.0.0.1`,
    `Port ${port}`,
    `HostKey ${directory}/host`,
    `AuthorizedKeysFile ${directory}/authorized`,
    `PidFile ${config}.pid`,
    "StrictModes no",
    // No start-up file of the user's shell: some take a second, at each session.
    `SetEnv HOME=${directory}`,
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin yes",
    "LogLevel VERBOSE",
    "",
  ].join("\n");
}

function server(options: ServerOptions) {
  const { config, log, port } = options;
  let child: ChildProcess | null = null;
  const read = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "");
  const start = async (): Promise<void> => {
    rmSync(log, { force: true });
    await writeFile(config, serverConfig(options));
    const started = spawn(SSHD, ["-D", "-f", config, "-E", log], { stdio: "ignore" });
    child = started;
    const listening = `Server listening on 127.0.0.1 port ${port}.`;
    const text = await until(read, (words) => words.includes(listening) || started.exitCode !== null);
    if (!text.includes(listening)) throw new Error(`sshd ended with ${started.exitCode}: ${text}`);
  };
  const stop = async (): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child?.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  };
  const pid = (): number => child?.pid ?? 0;
  const close = async (): Promise<void> => {
    for (const one of serving(pid())) kill(one);
    await stop();
  };
  return { start, stop, pid, log: read, close };
}

/** The processes that serve the connections of a listener, deepest first. */
export function serving(listener: number): readonly number[] {
  const lines = execFileSync("ps", ["-eo", "pid=,ppid=,comm="], { encoding: "utf8" }).trim().split("\n");
  const all = lines.map((line) => line.trim().split(/\s+/));
  const below = (parent: number): readonly number[] =>
    all
      .filter(([, ppid, name]) => Number(ppid) === parent && name === "sshd")
      .flatMap(([pid]) => below(Number(pid)).concat(Number(pid)));
  return below(listener);
}

export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  // These would be whole groups of processes.
  if (pid <= 1) throw new Error(`no process: ${pid}`);
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this moment.
  }
}

/** Of sshd's log at DEBUG1: the most sessions and TCP connections that one connection had at a time. */
export function mostSessions(log: string): number {
  let most = 0;
  let now = 0;
  for (const line of log.split("\n")) {
    if (/Accepted publickey/.test(line)) now = 0;
    else if (/channel \d+: new /.test(line)) now += 1;
    else if (/channel \d+: free: /.test(line)) now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

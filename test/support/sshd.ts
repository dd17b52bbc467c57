// A real sshd of the current user on a free loopback port, with keys of its own.
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { isRoot, needs } from "./skip.ts";
import { until } from "./until.ts";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";

export const canSsh = (what: string): boolean =>
  needs(existsSync(SSHD), what, "there is no sshd here: script/setup --test");

export interface Keys {
  readonly directory: string;
  /** An ssh_config with these keys, for all of 127.0.0.0/8. */
  readonly config: string;
}

export interface Target {
  readonly port: number;
  readonly user: string;
  /** An ssh_config for this one sshd. */
  readonly config: string;
  /** As in a file's `hosts[].address`. */
  readonly address: string;
  readonly directory: string;
  log(): Promise<string>;
  /** The listener's process. */
  readonly process: ChildProcess;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends the listener and whatever it still serves. */
  close(): Promise<void>;
}

export interface TargetOptions {
  readonly name?: string;
  /** Lines for sshd_config. */
  readonly settings?: readonly string[];
  /** Lines for its Host in ssh_config. */
  readonly client?: readonly string[];
}

export async function freePort(address = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, address, done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** One pair of keys for the host and one for the user; made once, they serve many. */
export async function makeKeys(directory: string): Promise<void> {
  for (const name of ["host", "user"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(directory, name)]);
  }
  await writeFile(join(directory, "authorized"), await readFile(join(directory, "user.pub")), {
    mode: 0o600,
  });
}

export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), "gp-sshd-"));
  await makeKeys(directory);
  const port = await freePort();
  const name = options.name ?? "target";
  const known = `[127.0.0.1]:${port} ${await readFile(join(directory, "host.pub"), "utf8")}`;
  await writeFile(join(directory, "known"), known);
  await writeFile(join(directory, "sshd_config"), serverConfig(directory, port, options.settings ?? []));
  const config = join(directory, "ssh_config");
  await writeFile(config, clientConfig(directory, { name, port, more: options.client ?? [] }), {
    mode: 0o600,
  });
  const target = { port, user: userInfo().username, config, address: name, directory };
  return running(target);
}

function serverConfig(directory: string, port: number, more: readonly string[]): string {
  return [
    ...more,
    `ListenAddress 127.0.0.1`,
    `Port ${port}`,
    `HostKey ${directory}/host`,
    `AuthorizedKeysFile ${directory}/authorized`,
    `PidFile ${directory}/pid`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin yes",
    "LogLevel VERBOSE",
    "AcceptEnv LANG LC_*",
    "",
  ].join("\n");
}

interface Client {
  readonly name: string;
  readonly port: number;
  readonly more: readonly string[];
}

const clientConfig = (directory: string, { name, port, more }: Client): string =>
  [
    `Host ${name}`,
    ...more.map((line) => `  ${line}`),
    "  HostName 127.0.0.1",
    `  Port ${port}`,
    `  User ${userInfo().username}`,
    `  IdentityFile ${directory}/user`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${directory}/known`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "",
  ].join("\n");

async function running(
  target: Omit<Target, "process" | "log" | "stop" | "start" | "close">,
): Promise<Target> {
  // As root sshd wants this directory, which its service would make.
  if (isRoot()) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const { directory, port } = target;
  const log = join(directory, "log");
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(SSHD, ["-D", "-f", join(directory, "sshd_config"), "-E", log], { stdio: "ignore" });
    await until(
      () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
      (text) => text.includes(`Server listening on 127.0.0.1 port ${port}.`) || child.exitCode !== null,
    );
    return child;
  };
  let child = await launch();
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  };
  return {
    ...target,
    get process() {
      return child;
    },
    log: () => readFile(log, "utf8"),
    stop,
    async start() {
      await rm(log, { force: true });
      child = await launch();
    },
    async close() {
      for (const pid of serving(child.pid ?? 0)) kill(pid);
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
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
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this moment.
  }
}

// A real nginx of our own: in its own directory, on its own port, with its own pid file.
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { childrenOf, ended, isAlive, signal } from "./processes.ts";

export interface Nginx {
  readonly binary: string;
  readonly directory: string;
  /** nginx.conf, which includes conf.d/*.conf. */
  readonly main: string;
  readonly confd: string;
  readonly errorLog: string;
  readonly pidFile: string;
}

export interface NginxOptions {
  /** Another one than the machine's. */
  readonly binary?: string;
  readonly workers?: number;
  /** Lines in http{}, before the include. */
  readonly http?: string;
}

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The machine's nginx, or null. */
export function nginxBinary(): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/sbin"];
  return (
    folders
      .filter((folder) => folder !== "")
      .map((folder) => join(folder, "nginx"))
      .find(executable) ?? null
  );
}

/** Workers run as `nobody` when the master is root: they could not read a temporary directory of ours. */
const userLine = (): string => (process.getuid?.() === 0 ? "user root;\n" : "");

function mainConfig(directory: string, { workers = 2, http = "" }: NginxOptions): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${directory}/temp/${name};`)
    .join("\n");
  return `${userLine()}worker_processes ${workers};
pid ${directory}/nginx.pid;
error_log ${directory}/error.log notice;
events { worker_connections 2048; }
http {
  access_log off;
  server_tokens off;
${temp}
${http}
  include ${directory}/conf.d/*.conf;
}
`;
}

/** Writes its directory; starts nothing. */
export function prepareNginx(directory: string, options: NginxOptions = {}): Nginx {
  const binary = options.binary ?? nginxBinary();
  if (binary === null) throw new Error("there is no nginx on PATH nor in /usr/sbin");
  for (const name of ["conf.d", "temp", "logs"]) mkdirSync(join(directory, name), { recursive: true });
  const nginx: Nginx = {
    binary,
    directory,
    main: join(directory, "nginx.conf"),
    confd: join(directory, "conf.d"),
    errorLog: join(directory, "error.log"),
    pidFile: join(directory, "nginx.pid"),
  };
  writeFileSync(nginx.main, mainConfig(directory, options));
  return nginx;
}

function run(nginx: Nginx, args: readonly string[]): Promise<string> {
  const all = ["-p", nginx.directory, "-c", nginx.main, ...args];
  return new Promise((resolve, reject) => {
    execFile(nginx.binary, all, (error, _out, stderr) => {
      if (error === null) resolve(stderr);
      else reject(new Error(`nginx ${args.join(" ")} failed: ${stderr.trim()}`));
    });
  });
}

/** Starts the master and waits for its workers. Like a system's own nginx, it outlives who started it. */
export async function startNginx(nginx: Nginx): Promise<void> {
  await run(nginx, []);
  for (let left = 250; left > 0; left--) {
    if (workerPids(nginx).length > 0) return;
    await wait(20);
  }
  throw new Error(`nginx has no workers after 5 s: ${readErrorLog(nginx)}`);
}

/** What an operator types; returns when nginx has taken the signal, which proves nothing more. */
export const reloadNginx = (nginx: Nginx): Promise<string> => run(nginx, ["-s", "reload"]);
export const testNginx = (nginx: Nginx): Promise<string> => run(nginx, ["-t", "-q"]);

export function masterPid(nginx: Nginx): number | null {
  if (!existsSync(nginx.pidFile)) return null;
  const pid = Number(readFileSync(nginx.pidFile, "utf8").trim());
  return pid > 1 && isAlive(pid) ? pid : null;
}

export function workerPids(nginx: Nginx): readonly number[] {
  const master = masterPid(nginx);
  return master === null ? [] : childrenOf(master).toSorted((a, b) => a - b);
}

export const readErrorLog = (nginx: Nginx): string =>
  existsSync(nginx.errorLog) ? readFileSync(nginx.errorLog, "utf8") : "";

/** How many times this nginx has read its configuration anew since it started. */
export const reloadsOf = (nginx: Nginx): number =>
  readErrorLog(nginx).match(/\(SIGHUP\) received.*reconfiguring$/gm)?.length ?? 0;

/** Fast end, by pid: the master ends its workers. */
export async function stopNginx(nginx: Nginx): Promise<void> {
  const master = masterPid(nginx);
  if (master === null) return;
  const workers = workerPids(nginx);
  signal(master, "SIGTERM");
  if (await ended(master, 3000)) return;
  for (const pid of [master, ...workers]) signal(pid, "SIGKILL");
  await ended(master, 2000);
}

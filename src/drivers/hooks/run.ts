import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { after, formatDuration, minutes, type Instant } from "../../base/time.ts";

/**
 * COMMAND PATH: who runs it is in PATH.pid, what it says in PATH.log, how it ended in PATH.exit. The process
 * is in a session of its own and holds no pipe of ours: it goes on when the controller is killed.
 */
const WRAPPER = `set -u
mark() { printf '%s\\n' "$1" >"$3.new" && mv "$3.new" "$3.$2"; }
mark "$$ $(cut -d' ' -f22 "/proc/$$/stat" 2>/dev/null)" pid "$2" || exit 126
/bin/sh -c "$1" >"$2.log" 2>&1 </dev/null
mark "$?" exit "$2"
`;

export interface RunRequest {
  readonly command: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Without an ending; its directory is there. */
  readonly path: string;
}

export interface RunEnd {
  /** null: exit code 0. `lost`: it is gone, and how it ended was never written down. */
  readonly trouble: string | null;
  /** The last of what it said. */
  readonly output: string;
}

/** A migration may take its time, but nothing may take for ever. */
const LONGEST = minutes(60);
const TOO_LONG = `not finished within ${formatDuration(LONGEST)}`;

export function beginRun({ command, directory, env, path }: RunRequest): Promise<RunEnd> {
  const { GLIDEPATH_SLOT: _, ...environment } = process.env;
  const child = spawn("/bin/sh", ["-c", WRAPPER, "glidepath", command, path], {
    cwd: directory,
    detached: true,
    env: { ...environment, ...env },
    stdio: "ignore",
  });
  // Whoever leaves need not wait for it.
  child.unref();
  return new Promise((resolve) => {
    const end = async (otherwise: string): Promise<void> => {
      clearTimeout(deadline);
      resolve({ trouble: troubleOf(await exitOf(path), otherwise), output: await tail(`${path}.log`) });
    };
    const deadline = setTimeout(() => {
      if (child.pid !== undefined) killGroup(child.pid);
      void end(TOO_LONG);
    }, LONGEST).unref();
    child.on("error", (error) => void end(error.message));
    child.on(
      "exit",
      (code, signal) => void end(signal === null ? `exit code ${code}` : `killed by ${signal}`),
    );
  });
}

const LOOK_MS = 100;

/** Waits for a run of another process, if it still goes on, for as long as that one would have. */
export async function seekRun(path: string, since: Instant): Promise<RunEnd> {
  const deadline = after(since, LONGEST);
  let otherwise = "lost";
  for (let pid = await runningAs(path); pid !== null; pid = await runningAs(path)) {
    if (Date.now() >= deadline) {
      otherwise = TOO_LONG;
      killGroup(pid);
    }
    await wait(LOOK_MS);
  }
  return { trouble: troubleOf(await exitOf(path), otherwise), output: await tail(`${path}.log`) };
}

function troubleOf(exit: string | null, otherwise: string): string | null {
  if (exit === null) return otherwise;
  return exit === "0" ? null : `exit code ${exit}`;
}

const textOf = async (path: string): Promise<string | null> =>
  (await readFile(path, "utf8").catch(() => null))?.trim() ?? null;

const exitOf = (path: string): Promise<string | null> => textOf(`${path}.exit`);

/** The very process that was begun, and not another one that has its number now; null: it is gone. */
async function runningAs(path: string): Promise<number | null> {
  if ((await exitOf(path)) !== null) return null;
  const [pid = "", started = ""] = (await textOf(`${path}.pid`))?.split(" ") ?? [];
  const stat = pid === "" ? null : await textOf(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const isIt = fields[0] !== undefined && fields[0] !== "Z" && fields[19] === started;
  return isIt ? Number(pid) : null;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended in this moment.
  }
}

const MOST_BYTES = 16 * 1024;

async function tail(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return "";
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - MOST_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - from), position: from });
    const text = buffer.subarray(0, bytesRead).toString("utf8").trimEnd();
    if (from === 0) return text;
    // From a whole line on, where there is one.
    return `…${text.slice(Math.max(0, text.indexOf("\n")))}`;
  } finally {
    await file.close();
  }
}

// Processes by pid, read from /proc. Nothing here ever looks a process up by its name.
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** A zombie has ended; only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  const stat = readProc(pid, "stat");
  return stat !== "" && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

const allPids = (): readonly number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid);

export function parentOf(pid: number): number {
  const stat = readProc(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? "0");
}

export const childrenOf = (parent: number): readonly number[] =>
  allPids().filter((pid) => parentOf(pid) === parent && isAlive(pid));

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** Processes that work in a directory of ours or name it in their arguments. Its name is unique. */
export function processesIn(directory: string): readonly number[] {
  const inside = (path: string): boolean => path === directory || path.startsWith(`${directory}/`);
  return allPids().filter(
    (pid) =>
      isAlive(pid) && (inside(workingDirectory(pid)) || readProc(pid, "cmdline").includes(`${directory}/`)),
  );
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already, which is what the signal is for.
  }
}

/** True when it has ended within the time. */
export async function ended(pid: number, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  while (isAlive(pid)) {
    if (Date.now() > until) return false;
    await wait(20);
  }
  return true;
}

/** Ends every process of a directory: all at once, again for whom a supervisor had just started. */
export async function endProcessesIn(directory: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const pids = processesIn(directory);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, "SIGKILL");
    await Promise.all(pids.map((pid) => ended(pid, 2000)));
  }
}

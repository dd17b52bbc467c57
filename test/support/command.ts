// Runs the real command as a person would, and measures what it costs.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Json } from "./contract.ts";

export const GLIDEPATH = fileURLToPath(new URL("../../bin/glidepath", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of --json: one a line. */
  readonly events: readonly Json[];
  readonly took: number;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly cost: Cost;
}

/** Sampled while it ran: the last 20 ms may be missing. */
export interface Cost {
  /** Milliseconds of processor time of the process itself. */
  readonly own: number;
  /** Milliseconds of processor time, with those of its children that it waited for. */
  readonly cpu: number;
  /** Of the process itself, in MB. */
  readonly maxRss: number;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Ends it as a hung test would otherwise hang. */
  readonly timeoutMs?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** What it has said so far. */
  readonly said: () => { readonly stdout: string; readonly stderr: string };
  /** Resolves when its output, both streams, matches; rejects when it ends first. */
  readonly says: (pattern: RegExp) => Promise<void>;
}

const TICK_MS = 10;
const HEAVY = /VmHWM:\s+(\d+) kB/;

/** Samples a process until it is gone. */
function meter(pid: number): { readonly stop: () => Cost } {
  let maxRss = 0;
  let own = 0;
  let cpu = 0;
  const look = (): void => {
    try {
      maxRss = Number(HEAVY.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0") / 1024 || maxRss;
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const [user = 0, system = 0, ...children] = fields
        .slice(11, 15)
        .map((ticks) => Number(ticks) * TICK_MS);
      own = user + system || own;
      cpu = children.reduce((sum, one) => sum + one, own) || cpu;
    } catch {
      // Gone: the last sample counts.
    }
  };
  const timer = setInterval(look, 20);
  look();
  return {
    stop: () => {
      clearInterval(timer);
      return { own, cpu, maxRss: Math.round(maxRss * 10) / 10 };
    },
  };
}

function parseOr(text: string): readonly Json[] {
  try {
    const value = JSON.parse(text) as Json | readonly Json[];
    return Array.isArray(value) ? (value as readonly Json[]) : [value as Json];
  } catch {
    return [];
  }
}

/** One document, or one event a line; what is neither is left out. */
function parseEvents(stdout: string): readonly Json[] {
  const whole = parseOr(stdout);
  return whole.length > 0 ? whole : stdout.split("\n").flatMap(parseOr);
}

/** What a child says, and a way to wait for words. */
function listen(child: ChildProcess): { said: Running["said"]; says: Running["says"] } {
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (part: string) => {
      said[name] += part;
      for (const look of waiting) look();
    });
  }
  const says = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(said.stdout + said.stderr)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      child.on("close", () =>
        reject(new Error(`it ended without saying ${pattern}: ${said.stdout}${said.stderr}`)),
      );
      look();
    });
  return { said: () => ({ ...said }), says };
}

/** What `release --json` says where it waits for an approval, with this share of 10000. */
export const approvalAt = (share: number): RegExp => new RegExp(`"phase":"approval"[^\\n]*"share":${share},`);

/** Starts it, in a group of its own, and does not wait. */
export function startCommand(args: readonly string[], options: CommandOptions): Running {
  const startedAt = performance.timeOrigin + performance.now();
  const child = spawn(GLIDEPATH, args, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const pid = child.pid ?? 0;
  const { said, says } = listen(child);
  const { stop } = meter(pid);
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 200_000);
  const done = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const endedAt = performance.timeOrigin + performance.now();
      const events = parseEvents(said().stdout);
      resolve({
        code,
        signal,
        ...said(),
        events,
        took: endedAt - startedAt,
        startedAt,
        endedAt,
        cost: stop(),
      });
    });
  });
  return { pid, child, done, said, says };
}

export const runCommand = (args: readonly string[], options: CommandOptions): Promise<Ran> =>
  startCommand(args, options).done;

// The application under test is the one of the demo; here it also runs alone, as a test of a driver needs it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import type { Behaviour } from "../../src/demo/app.ts";
import { APP_FILE, writeRelease } from "../../src/demo/artifacts.ts";
import { ended, signal } from "../../src/demo/processes.ts";

export type { Behaviour } from "../../src/demo/app.ts";

export interface App {
  readonly pid: number;
  readonly port: number;
  readonly child: ChildProcess;
  /** SIGTERM, then SIGKILL when that has no effect; returns the milliseconds that it took. */
  readonly stop: (withinMs?: number) => Promise<number>;
}

export interface AppOptions {
  readonly directory: string;
  readonly port: number;
  readonly release: string;
  readonly behaviour?: Behaviour;
}

/** Runs what lies in the directory. Does not wait for the port. */
export function runApp(directory: string, port: number): App {
  const child = spawn(process.execPath, [APP_FILE], {
    cwd: directory,
    env: { ...process.env, PORT: String(port) },
    stdio: "ignore",
  });
  const pid = child.pid ?? 0;
  const stop = async (withinMs = 10_000): Promise<number> => {
    const began = performance.now();
    signal(pid, "SIGTERM");
    if (!(await ended(pid, withinMs))) signal(pid, "SIGKILL");
    await ended(pid, 2000);
    return performance.now() - began;
  };
  return { pid, port, child, stop };
}

/** Writes a release into the directory, runs it, and waits until it is healthy. */
export async function startApp({ directory, port, release, behaviour = {} }: AppOptions): Promise<App> {
  mkdirSync(directory, { recursive: true });
  writeRelease(directory, { release, behaviour });
  const app = runApp(directory, port);
  await healthy(port, 60_000);
  return app;
}

/** Until /healthz answers 200. */
export async function healthy(port: number, withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    if (answer?.ok === true) return;
    if (Date.now() > until) throw new Error(`port ${port} is not healthy after ${withinMs} ms`);
    await wait(10);
  }
}

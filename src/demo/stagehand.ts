// Runs the real command in the scene, as a person would type it, and notes what nginx did meanwhile.
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { reloadsOf, workerPids } from "./nginx.ts";
import type { Scene } from "./scene.ts";

/** How this very command was started: node, its options, the main file. */
export type CommandLine = readonly [string, ...string[]];

export const ownCommandLine = (): CommandLine => [
  process.execPath,
  ...process.execArgv,
  process.argv[1] ?? "glidepath",
];

export interface Act {
  readonly args: readonly string[];
  readonly code: number | null;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly reloads: number;
  /** nginx answers with the same worker processes as before. */
  readonly sameWorkers: boolean;
}

export interface Stagehand {
  readonly perform: (args: readonly string[]) => Promise<Act>;
  /** True once somebody asked the demo to end. */
  readonly isInterrupted: () => boolean;
  readonly close: () => void;
}

export interface StagehandOptions {
  readonly scene: Scene;
  readonly command: CommandLine;
  /** Where the command's standard output goes: 1, or 2 when the demo's own is for a document. */
  readonly output: 1 | 2;
  /** A closed terminal ends neither us nor the command, as nohup has it. */
  readonly outlivesTerminal: boolean;
}

const now = (): number => performance.timeOrigin + performance.now();

/**
 * Ctrl-C reaches the command too, which asks its own question: then its answer counts, and between two
 * commands ours is to end. SIGTERM and SIGHUP reach only us and are passed on.
 */
export function hireStagehand(options: StagehandOptions): Stagehand {
  const { scene, command, output, outlivesTerminal } = options;
  let running: ChildProcess | null = null;
  let interrupted = false;
  const onInt = (): void => {
    interrupted ||= running === null;
  };
  const onTerm = (): void => {
    interrupted = true;
    running?.kill("SIGTERM");
  };
  process.on("SIGINT", onInt).on("SIGTERM", onTerm);
  if (!outlivesTerminal) process.on("SIGHUP", onTerm);
  // What bin/glidepath would say.
  const env = outlivesTerminal ? { ...process.env, GLIDEPATH_NOHUP: "1" } : process.env;

  const spawnIt = (args: readonly string[]): Promise<number | null> =>
    new Promise((resolve, reject) => {
      const [node, ...before] = command;
      running = spawn(node, [...before, ...args], {
        cwd: scene.directory,
        env,
        stdio: ["inherit", output, "inherit"],
      });
      running.on("error", reject);
      running.on("close", (code, signal) => {
        running = null;
        interrupted ||= code === 5 || signal !== null;
        resolve(code);
      });
    });

  const perform = async (args: readonly string[]): Promise<Act> => {
    const workers = workerPids(scene.nginx).join(" ");
    const reloads = reloadsOf(scene.nginx);
    const startedAt = now();
    const code = await spawnIt(args);
    return {
      args,
      code,
      startedAt,
      endedAt: now(),
      reloads: reloadsOf(scene.nginx) - reloads,
      sameWorkers: workerPids(scene.nginx).join(" ") === workers,
    };
  };
  const close = (): void => void process.off("SIGINT", onInt).off("SIGTERM", onTerm).off("SIGHUP", onTerm);
  return { perform, isInterrupted: () => interrupted, close };
}

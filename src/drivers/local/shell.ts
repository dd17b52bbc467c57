import { spawn, type ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import { quoted } from "../../base/shell.ts";
import { loginEnvironment } from "./environment.ts";

/** A file, or bytes that are written to it. */
export type Input = number | "pipe";

/** What a shell that waits does: it takes all that it is told, closes the way it came by, and runs it. */
export const WAIT = 'script=$(cat <&3)\nexec 3<&-\neval "$script"';

/** In braces nothing is run before everything is read: a script that is cut in the middle is a mistake. */
export const told = (script: string, args: readonly string[]): string =>
  `set -- ${args.map(quoted).join(" ")}\n{\n${script}\n}\n`;

/** Runs the script with sh, in a process group of its own that does not die with us: the same as over SSH. */
export function startScript(script: string, args: readonly string[], input: Input): ChildProcess {
  const text = told(script, args);
  if (text.includes("\0")) throw new Error("a script cannot have a NUL byte in it");
  const shell = (input === "pipe" ? takeNext() : null) ?? start(input);
  wayTo(shell)?.end(text);
  setImmediate(startNext);
  return shell;
}

let next: ChildProcess | null = null;

function start(input: Input): ChildProcess {
  const shell = spawn("/bin/sh", ["-c", WAIT, "glidepath"], {
    cwd: "/",
    detached: true,
    env: loginEnvironment(process.env),
    stdio: [input, "pipe", "pipe", "pipe"],
  });
  // One that ended takes nothing any more: its end tells.
  wayTo(shell)?.on("error", () => {});
  return shell;
}

const wayTo = (shell: ChildProcess): Duplex | undefined => shell.stdio[3] as Duplex | undefined;

/**
 * To start a process costs milliseconds of a large one like this: it is done while the last script runs, for
 * the next one. Nobody waits for the shell that waits; when we end it is told nothing, and does nothing.
 */
function startNext(): void {
  if (next !== null) return;
  const shell = start("pipe");
  const forget = (): void => {
    if (next === shell) next = null;
  };
  shell.on("error", forget).on("exit", forget);
  hold(shell, "unref");
  next = shell;
}

function takeNext(): ChildProcess | null {
  const shell = next;
  next = null;
  if (shell !== null) hold(shell, "ref");
  return shell;
}

/** Whether this process goes on for its sake. */
function hold(shell: ChildProcess, how: "ref" | "unref"): void {
  shell[how]();
  for (const stream of shell.stdio)
    (stream as { ref?(): void; unref?(): void } | null | undefined)?.[how]?.();
}

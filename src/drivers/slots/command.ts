import { expandPlaceholders } from "../../model/command.ts";

/** Words with which a line begins that is not simply a program and its arguments. */
const SHELL_WORDS = new Set(
  (
    "cd exec eval set export unset trap umask ulimit source . : ! if for while until case { ( test [ " +
    "true false wait read"
  ).split(" "),
);

/** One program with arguments: the shell can become it, and a signal to it reaches it. */
export function isOneProgram(command: string): boolean {
  const first = command.trim().split(/\s/, 1)[0] ?? "";
  return first !== "" && !/[;&|<>()`\n]/.test(command) && !first.includes("=") && !SHELL_WORDS.has(first);
}

/** What the supervisor gives to the shell. */
export function launchLine(command: string): string {
  const line = expandPlaceholders(command);
  return isOneProgram(command) ? `exec ${line.trim()}` : line;
}

/**
 * Who is asked to stop: the program, or where a shell stands before it, all of the application's
 * processes.
 */
export const signalled = (command: string): "one" | "all" =>
  isOneProgram(command) || /^\s*exec\s[^;&|()`\n]*$/.test(command) ? "one" : "all";

/** `SIGTERM` as kill takes it. */
export const signalName = (signal: string): string => signal.replace(/^SIG/, "");

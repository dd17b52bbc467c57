import { spawn, type ChildProcess } from "node:child_process";
import { open } from "node:fs/promises";
import { formatDuration } from "../../base/time.ts";
import type { HostCommand, HostReply } from "../../ports/host.ts";
import type { Program } from "../../ports/program.ts";
import { bounded, type Bounded } from "./bounded.ts";
import { loginEnvironment } from "./environment.ts";

const MAX_OUTPUT_BYTES = 1 << 20;
/**
 * How long output is still read after the script ended: something it left behind may hold the pipe open
 * for ever.
 */
export const LINGER_MS = 500;

const lost = (why: string): HostReply => ({ kind: "lost", why });
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs the script with sh, in a process group of its own that does not die with us: the same as over SSH. */
export const runScript = ({ script, args = [], ...command }: HostCommand): Promise<HostReply> =>
  runProgram({
    ...command,
    argv: ["/bin/sh", "-c", script, "glidepath", ...args],
    environment: loginEnvironment(process.env),
  });

export async function runProgram(program: Program): Promise<HostReply> {
  if (program.signal?.aborted === true) return lost("interrupted before it began");
  const { input } = program;
  try {
    if (input === undefined || input instanceof Uint8Array) return await launch(program, "pipe", input);
    const file = await open(input.file);
    try {
      return await launch(program, file.fd, undefined);
    } finally {
      await file.close();
    }
  } catch (error) {
    return lost(reason(error));
  }
}

function launch(program: Program, stdin: "pipe" | number, bytes: Uint8Array | undefined): Promise<HostReply> {
  const [binary, ...args] = program.argv;
  const child = spawn(binary, args, {
    cwd: "/",
    detached: true,
    env: program.environment,
    stdio: [stdin, "pipe", "pipe"],
  });
  // A program that does not read its input closes the pipe; that is not a failure.
  child.stdin?.on("error", () => {});
  child.stdin?.end(bytes);
  return reply(child, program);
}

function reply(child: ChildProcess, program: Program): Promise<HostReply> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve) => {
    const settle = (answer: HostReply): void => {
      clearTimeout(deadline);
      clearTimeout(linger);
      program.signal?.removeEventListener("abort", abort);
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve(answer);
    };
    const giveUp = (why: string): void => {
      killGroup(child.pid);
      settle(lost(why));
    };
    const abort = (): void => giveUp("interrupted");
    const exited = (code: number | null, signal: NodeJS.Signals | null): void =>
      settle(
        code === null
          ? lost(`the script was killed by ${signal ?? "a signal"}`)
          : { kind: "exited", code, stdout: stdout.text(), stderr: stderr.text() },
      );
    let linger: NodeJS.Timeout | undefined;
    const deadline = setTimeout(
      () => giveUp(`not finished within ${formatDuration(program.timeout)}`),
      program.timeout,
    );
    program.signal?.addEventListener("abort", abort, { once: true });
    child.on("error", (error) => settle(lost(error.message)));
    child.on("exit", (code, signal) => {
      clearTimeout(linger);
      linger = setTimeout(() => exited(code, signal), LINGER_MS);
    });
    child.on("close", exited);
    onceSeen(child.stdout, program.ending, () => {
      linger ??= setTimeout(() => {
        killGroup(child.pid);
        exited(0, null);
      }, LINGER_MS);
    });
  });
}

/** Calls once the text has come, in whatever pieces. */
function onceSeen(stream: NodeJS.ReadableStream | null, text: string | undefined, call: () => void): void {
  if (text === undefined) return;
  let tail = "";
  stream?.on("data", (chunk: Buffer) => {
    const window = tail + chunk.toString("latin1");
    if (window.includes(text)) call();
    tail = window.slice(-text.length);
  });
}

function collect(stream: NodeJS.ReadableStream | null): Bounded {
  const kept = bounded(MAX_OUTPUT_BYTES);
  stream?.on("data", (chunk: Buffer) => kept.push(chunk));
  return kept;
}

export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended in this moment.
  }
}

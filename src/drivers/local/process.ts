import { spawn, type ChildProcess } from "node:child_process";
import { open } from "node:fs/promises";
import { formatDuration } from "../../base/time.ts";
import type { HostCommand, HostReply } from "../../ports/host.ts";
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
export async function runScript(command: HostCommand): Promise<HostReply> {
  if (command.signal?.aborted === true) return lost("interrupted before it began");
  const { input } = command;
  try {
    if (input === undefined || input instanceof Uint8Array) return await launch(command, "pipe", input);
    const file = await open(input.file);
    try {
      return await launch(command, file.fd, undefined);
    } finally {
      await file.close();
    }
  } catch (error) {
    return lost(reason(error));
  }
}

function launch(
  command: HostCommand,
  stdin: "pipe" | number,
  bytes: Uint8Array | undefined,
): Promise<HostReply> {
  const child = spawn("/bin/sh", ["-c", command.script, "glidepath", ...(command.args ?? [])], {
    cwd: "/",
    detached: true,
    env: loginEnvironment(process.env),
    stdio: [stdin, "pipe", "pipe"],
  });
  // A script that does not read its input closes the pipe; that is not a failure.
  child.stdin?.on("error", () => {});
  child.stdin?.end(bytes);
  return reply(child, command);
}

function reply(child: ChildProcess, command: HostCommand): Promise<HostReply> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve) => {
    const settle = (answer: HostReply): void => {
      clearTimeout(deadline);
      clearTimeout(linger);
      command.signal?.removeEventListener("abort", abort);
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
      () => giveUp(`not finished within ${formatDuration(command.timeout)}`),
      command.timeout,
    );
    command.signal?.addEventListener("abort", abort, { once: true });
    child.on("error", (error) => settle(lost(error.message)));
    child.on("exit", (code, signal) => {
      linger = setTimeout(() => exited(code, signal), LINGER_MS);
    });
    child.on("close", exited);
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

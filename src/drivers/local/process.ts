import { spawn, type ChildProcess } from "node:child_process";
import { open } from "node:fs/promises";
import { formatDuration } from "../../base/time.ts";
import type { HostCommand, HostReply } from "../../ports/host.ts";
import type { Program } from "../../ports/program.ts";
import { bounded, type Bounded } from "./bounded.ts";
import { linger } from "./linger.ts";
import { startScript, type Input } from "./shell.ts";

const MAX_OUTPUT_BYTES = 1 << 20;

const lost = (why: string): HostReply => ({ kind: "lost", why });
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const runScript = ({ script, args = [], ...limits }: HostCommand): Promise<HostReply> =>
  run(limits, (input) => startScript(script, args, input));

export const runProgram = ({ argv, environment, ...limits }: Program): Promise<HostReply> =>
  run(limits, (input) => {
    const [binary, ...args] = argv;
    const stdio = [input, "pipe", "pipe"] as const;
    return spawn(binary, args, { cwd: "/", detached: true, env: environment, stdio: [...stdio] });
  });

type Limits = Omit<Program, "argv" | "environment">;

async function run(limits: Limits, start: (input: Input) => ChildProcess): Promise<HostReply> {
  if (limits.signal?.aborted === true) return lost("interrupted before it began");
  const { input } = limits;
  try {
    if (input === undefined || input instanceof Uint8Array) {
      const child = start("pipe");
      // A program that does not read its input closes the pipe; that is not a failure.
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
      return await reply(child, limits);
    }
    const file = await open(input.file);
    try {
      return await reply(start(file.fd), limits);
    } finally {
      await file.close();
    }
  } catch (error) {
    return lost(reason(error));
  }
}

function reply(child: ChildProcess, limits: Limits): Promise<HostReply> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve) => {
    const settle = (answer: HostReply): void => {
      clearTimeout(deadline);
      endLinger?.();
      limits.signal?.removeEventListener("abort", abort);
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
    let endLinger: (() => void) | undefined;
    const deadline = setTimeout(
      () => giveUp(`not finished within ${formatDuration(limits.timeout)}`),
      limits.timeout,
    );
    limits.signal?.addEventListener("abort", abort, { once: true });
    child.on("error", (error) => settle(lost(error.message)));
    child.on("exit", (code, signal) => {
      endLinger?.();
      endLinger = linger(() => exited(code, signal));
    });
    child.on("close", exited);
    onceSeen(child.stdout, limits.ending, () => {
      endLinger ??= linger(() => {
        killGroup(child.pid);
        exited(0, null);
      });
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

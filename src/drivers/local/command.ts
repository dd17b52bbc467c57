import { spawn } from "node:child_process";
import { formatDuration } from "../../base/time.ts";
import type { CommandReply, CommandRequest } from "../../ports/command.ts";
import { bounded } from "./bounded.ts";
import { linger } from "./linger.ts";
import { killGroup } from "./process.ts";

const MAX_OUTPUT_BYTES = 256 * 1024;

/** Runs one of the user's own commands here, where the controller is. */
export function runCommand(request: CommandRequest): Promise<CommandReply> {
  const { GLIDEPATH_SLOT: _, ...environment } = process.env;
  const child = spawn("/bin/sh", ["-c", 'exec /bin/sh -c "$1" 2>&1', "glidepath", request.command], {
    cwd: request.directory,
    detached: true,
    env: { ...environment, ...request.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const output = bounded(MAX_OUTPUT_BYTES);
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve) => {
    const settle = (trouble: string | null): void => {
      clearTimeout(deadline);
      endLinger?.();
      child.stdout.destroy();
      resolve({ trouble, output: output.text() });
    };
    let endLinger: (() => void) | undefined;
    const deadline = setTimeout(() => {
      killGroup(child.pid);
      settle(`not finished within ${formatDuration(request.timeout)}`);
    }, request.timeout);
    child.on("error", (error) => settle(error.message));
    child.on("exit", (code, signal) => {
      endLinger = linger(() => settle(ending(code, signal)));
    });
    child.on("close", (code, signal) => settle(ending(code, signal)));
  });
}

function ending(code: number | null, signal: NodeJS.Signals | null): string | null {
  if (code === 0) return null;
  return code === null ? `killed by ${signal ?? "a signal"}` : `exit code ${code}`;
}

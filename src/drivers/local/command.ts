import { spawn } from "node:child_process";
import { formatDuration } from "../../base/time.ts";
import type { CommandReply, CommandRequest } from "../../ports/command.ts";
import { bounded } from "./bounded.ts";
import { killGroup, LINGER_MS } from "./process.ts";

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
      clearTimeout(linger);
      child.stdout.destroy();
      resolve({ trouble, output: output.text() });
    };
    let linger: NodeJS.Timeout | undefined;
    const deadline = setTimeout(() => {
      killGroup(child.pid);
      settle(`not finished within ${formatDuration(request.timeout)}`);
    }, request.timeout);
    child.on("error", (error) => settle(error.message));
    child.on("exit", (code, signal) => {
      linger = setTimeout(() => settle(ending(code, signal)), LINGER_MS);
    });
    child.on("close", (code, signal) => settle(ending(code, signal)));
  });
}

function ending(code: number | null, signal: NodeJS.Signals | null): string | null {
  if (code === 0) return null;
  return code === null ? `killed by ${signal ?? "a signal"}` : `exit code ${code}`;
}

import { spawn } from "node:child_process";
import process from "node:process";
import { Duplex } from "node:stream";
import type { Ssh } from "./connection.ts";

/** A TCP connection on the far side, as the input and output of an ssh. */
export interface Stream {
  readonly duplex: Duplex;
  /** Whether the far side took it; false also when ssh ended before. */
  readonly opened: Promise<boolean>;
  /** What ssh said, once it has ended. */
  readonly said: Promise<string>;
  close(): void;
}

const MAX_WORDS = 16 * 1024;
/** ssh's note to itself that the other end has the connection. */
const OPENED = "master session id";

export function openStream(
  { environment }: Pick<Ssh, "environment">,
  [binary, ...args]: readonly [string, ...string[]],
): Stream {
  const child = spawn(binary, args, { detached: true, env: environment, stdio: "pipe" });
  let words = "";
  let isOpen = (_: boolean): void => {};
  const opened = new Promise<boolean>((resolve) => (isOpen = resolve));
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-MAX_WORDS);
    if (words.includes(OPENED)) isOpen(true);
  });
  const said = new Promise<string>((resolve) => {
    child.on("error", (error) => {
      isOpen(false);
      resolve(error.message);
    });
    child.on("close", () => {
      isOpen(false);
      resolve(words);
    });
  });
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // Whoever uses the stream hears of it as well.
  duplex.on("error", () => {});
  const close = (): void => {
    duplex.destroy();
    if (child.pid !== undefined && child.exitCode === null) process.kill(child.pid, "SIGKILL");
  };
  return { duplex, opened, said, close };
}

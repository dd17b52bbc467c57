import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { Duplex } from "node:stream";
import type { Ssh } from "./connection.ts";

/** A TCP connection on the far side, as the input and output of an ssh. */
export interface Stream {
  readonly duplex: Duplex;
  /** Whether the far side took it; false also when ssh ended before. */
  readonly opened: Promise<boolean>;
  /** What ssh has said; waits a moment for its end. */
  lastWords(): Promise<string>;
  close(): void;
}

const MAX_WORDS = 16 * 1024;
const GRACE_MS = 300;
/** ssh's note to itself that the other end has the connection. */
const OPENED = "master session id";

export function openStream(
  { environment }: Pick<Ssh, "environment">,
  [binary, ...args]: readonly [string, ...string[]],
): Stream {
  const child = spawn(binary, args, { detached: true, env: environment, stdio: "pipe" });
  let words = "";
  const { promise: opened, resolve: isOpen } = Promise.withResolvers<boolean>();
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-MAX_WORDS);
    if (words.includes(OPENED)) isOpen(true);
  });
  child.stdout.once("data", () => isOpen(true));
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  child.on("error", (error) => {
    words += error.message;
    isOpen(false);
    end();
  });
  // Not when its output is closed: the master has it too, and keeps it while the far side does not answer.
  child.on("exit", () => isOpen(false));
  child.on("close", () => end());
  const lastWords = async (): Promise<string> => {
    await Promise.race([ended, pause(GRACE_MS)]);
    return words;
  };
  const duplex = duplexOf(child);
  const close = (): void => {
    duplex.destroy();
    isOpen(false);
    if (child.pid !== undefined && child.exitCode === null) process.kill(child.pid, "SIGKILL");
  };
  return { duplex, opened, lastWords, close };
}

/** Not Duplex.from: it turns the other end's close into an abort of our own. */
function duplexOf({ stdin, stdout }: ChildProcessWithoutNullStreams): Duplex {
  const duplex = new Duplex({
    read: () => void stdout.resume(),
    write: (chunk: Uint8Array, _encoding, done) => void stdin.write(chunk, done),
    final: (done) => void stdin.end(done),
  });
  stdout.on("data", (chunk: Buffer) => {
    if (!duplex.push(chunk)) stdout.pause();
  });
  stdout.on("end", () => duplex.push(null));
  stdin.on("error", (error) => duplex.destroy(error));
  // Whoever uses the stream hears of it as well.
  duplex.on("error", () => {});
  return duplex;
}

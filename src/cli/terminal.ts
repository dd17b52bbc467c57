import { existsSync, writeFileSync } from "node:fs";
import type { EventEmitter } from "node:events";
import { basename } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { confirm, intro, isCancel, outro, text } from "@clack/prompts";
import { createLogUpdate } from "log-update";
import type { Files, Io, Prompts, Screen, Told } from "./io.ts";

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

/** `NO_COLOR` and `TERM=dumb` are obeyed; `FORCE_COLOR` is for those who pipe and still want it. */
function colored(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "0") return true;
  return stream.isTTY && TERM !== "dumb";
}

function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== "");
  return locale === undefined || /utf-?8/i.test(locale);
}

function screenOn(stream: NodeJS.WriteStream): Screen {
  const update = createLogUpdate(stream);
  return {
    show: (content) => update(content.trimEnd()),
    clear: () => {
      update.clear();
      update.done();
    },
    done: () => update.done(),
  };
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const onSignal =
  (signals: readonly NodeJS.Signals[]): Io["onSignal"] =>
  (handler) => {
    const listener = (signal: NodeJS.Signals): void => handler(signal === "SIGINT");
    for (const signal of signals) process.on(signal, listener);
    return () => {
      for (const signal of signals) process.off(signal, listener);
    };
  };

/** A terminal that was closed takes no mode any more, and needs none. */
function setRaw(raw: boolean): void {
  try {
    process.stdin.setRawMode(raw);
  } catch {
    process.stdin.pause();
  }
}

const CTRL_C = "\u0003";

/** The answer in what came at once: on a busy machine a key with its Enter, or one that was pressed twice. */
export function keyIn(typed: string, keys: string): string | null {
  if (typed.includes(CTRL_C)) return "interrupt";
  const [key = "", ...others] = new Set(typed.toLowerCase().replaceAll(/\s/g, ""));
  return others.length === 0 && key !== "" && keys.includes(key) ? key : null;
}

/** In raw mode Ctrl-C is a key like any other, so it ends here and is no signal. */
function askKey(keys: string, cancel: AbortSignal): Promise<string> {
  const { stdin } = process;
  return new Promise((resolve) => {
    const end = (key: string): void => {
      stdin.off("data", onData);
      cancel.removeEventListener("abort", onCancel);
      setRaw(false);
      stdin.pause();
      resolve(key);
    };
    const onCancel = (): void => end("interrupt");
    const onData = (data: Buffer): void => {
      const key = keyIn(data.toString("utf8"), keys);
      if (key !== null) end(key);
    };
    if (cancel.aborted) return resolve("interrupt");
    setRaw(true);
    stdin.on("data", onData);
    stdin.resume();
    cancel.addEventListener("abort", onCancel, { once: true });
  });
}

/** What a question proposes is taken by Enter alone, and gives way to the first letter that is typed. */
export const promptsOn = (streams: { input: Readable; output: Writable }): Prompts => ({
  intro: (title) => intro(title, streams),
  outro: (message) => outro(message, streams),
  text: async ({ message, initial, refuse }) => {
    const answer = await text({
      message,
      placeholder: initial,
      defaultValue: initial,
      ...streams,
      validate: (value) => refuse(value === undefined || value === "" ? initial : value) ?? undefined,
    });
    return isCancel(answer) ? null : answer;
  },
  confirm: async (message) => {
    const answer = await confirm({ message, initialValue: false, ...streams });
    return isCancel(answer) ? null : answer;
  },
});

const files: Files = {
  exists: (path) => existsSync(path),
  write: (path, content) => writeFileSync(path, content),
  here: () => basename(process.cwd()),
};

const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "EIO"]);

/**
 * A reader that has gone, as in `glidepath history | head`, or a closed terminal, is no failure. That
 * a log cannot be written, on a full disk, is told once; the rollout behind it goes on. The value says how
 * the stream stands.
 */
export function outlive(stream: EventEmitter, tell: (what: string) => void = () => {}): () => Told {
  let stands: Told = "all";
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whatever is written after its first failure fails too, in other words.
    if (stands !== "all") return;
    stands = GONE.has(error.code) ? "left" : "lost";
    if (stands === "lost") tell(error.message);
  });
  return () => stands;
}

/** When all that was written before is there, or will never be. */
function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    // A failure is told to those who wait before it is an event.
    stream.write("", () => void setImmediate(resolve));
  });
}

/** The width where a line ends; a terminal that does not tell its size is as wide as most. */
export const paperOf = ({ isTTY, columns }: { isTTY: boolean; columns: number }): number =>
  isTTY ? columns || DEFAULT_COLUMNS : Number.POSITIVE_INFINITY;

export interface ProcessIoOptions {
  /** SIGHUP was ignored when the process began, as nohup does it. */
  readonly outlivesTerminal: boolean;
}

/** The process's own terminal, streams and signals. */
export function processIo({ outlivesTerminal }: ProcessIoOptions): Io {
  if (outlivesTerminal) process.on("SIGHUP", () => {});
  const { stdin, stdout, stderr } = process;
  outlive(stdin);
  outlive(stderr);
  const stands = outlive(
    stdout,
    (what) => void stderr.write(`✗ the answer could not be written to stdout: ${what}\n`),
  );
  return {
    stdout: (content) => void stdout.write(content),
    stderr: (content) => void stderr.write(content),
    told: () => flushed(stdout).then(stands),
    interactive: stdin.isTTY && stderr.isTTY && process.env["TERM"] !== "dumb",
    color: { stdout: colored(stdout), stderr: colored(stderr) },
    unicode: isUtf8(),
    columns: () => stderr.columns || stdout.columns || DEFAULT_COLUMNS,
    paper: () => paperOf(stdout),
    rows: () => stderr.rows || DEFAULT_ROWS,
    screen: screenOn(stderr),
    onSignal: onSignal(SIGNALS.filter((signal) => signal !== "SIGHUP" || !outlivesTerminal)),
    askKey,
    repeat: (everyMs, action) => {
      const timer = setInterval(action, everyMs);
      timer.unref();
      return () => clearInterval(timer);
    },
    prompts: promptsOn({ input: stdin, output: stderr }),
    files,
  };
}

// The other side of the generator: starts it, listens to it, ends it.
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LoadFailure, LoadLine, LoadReport, Second } from "./report.ts";

/** Told as it happens. */
export interface LoadListener {
  readonly onSecond?: (second: Second) => void;
  readonly onFailure?: (failure: LoadFailure) => void;
}

export interface LoadOptions extends LoadListener {
  readonly url: string;
  readonly host?: string;
  readonly rate?: number;
  readonly users?: number;
  readonly seconds?: number;
  readonly requests?: number;
  /** Shares of all requests, 0 to 1. */
  readonly post?: number;
  readonly slow?: number;
  /** Each over a connection of its own. */
  readonly fresh?: number;
  readonly slowMs?: number;
  readonly timeoutMs?: number;
  /** Keeps every request for windowOf. */
  readonly samples?: boolean;
}

export interface Load {
  readonly pid: number;
  /** The first second of answers is there. */
  readonly warm: Promise<void>;
  /** Ends it unless it has ended, lets what is in flight finish, and tells. */
  readonly stop: () => Promise<LoadReport>;
  readonly report: Promise<LoadReport>;
}

/** The source itself in a checkout; in the published package its bundle, which lies beside ours. */
const PUBLISHED = "./demo-load.js";
const script = (): string =>
  fileURLToPath(
    import.meta.url.endsWith(".ts")
      ? new URL("main.ts", import.meta.url)
      : new URL(PUBLISHED, import.meta.url),
  );

function argsOf(options: LoadOptions): string[] {
  const numbers: Readonly<Record<string, number | undefined>> = {
    rate: options.rate,
    users: options.users,
    seconds: options.seconds,
    requests: options.requests,
    post: options.post,
    slow: options.slow,
    fresh: options.fresh,
    "slow-ms": options.slowMs,
    timeout: options.timeoutMs,
  };
  return [
    `--url=${options.url}`,
    ...(options.host === undefined ? [] : [`--host=${options.host}`]),
    ...(options.samples === true ? ["--samples"] : []),
    ...Object.entries(numbers).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`],
    ),
  ];
}

export const startLoad = (options: LoadOptions): Load => startClients(script(), argsOf(options), options);

/** Any process that tells what it did in these lines, and ends when its standard input does. */
export function startClients(file: string, args: readonly string[], listener: LoadListener): Load {
  const all = ["--disable-warning=ExperimentalWarning", file, ...args];
  // A group of its own: Ctrl-C in the terminal is for whoever started it, who then ends it.
  const child = spawn(process.execPath, all, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const warm = Promise.withResolvers<void>();
  const report = Promise.withResolvers<LoadReport>();
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (errors += part));
  child.stdin.on("error", () => undefined);
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as LoadLine;
    if (line.kind === "report") return report.resolve(line.report);
    if (line.kind === "failure") return listener.onFailure?.(line.failure);
    listener.onSecond?.(line.second);
    warm.resolve();
  });
  child.on("close", (code) => {
    const failure = new Error(`the load generator ended with code ${code}: ${errors.trim()}`);
    warm.reject(failure);
    report.reject(failure);
  });
  for (const promise of [warm.promise, report.promise]) promise.catch(() => undefined);
  const stop = (): Promise<LoadReport> => {
    child.stdin.end();
    return report.promise;
  };
  return { pid: child.pid ?? 0, warm: warm.promise, stop, report: report.promise };
}

import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { NO_MARK } from "./cache.ts";
import type { Mark } from "./cache.ts";
import { ask } from "./http.ts";
import type { Answer } from "./http.ts";
import { Refusal, refuse, stopIfAborted } from "./refusal.ts";
import type { Place } from "./source.ts";

/** How long to hope; tests hope for less. */
export interface Patience {
  /** Attempts in a row that bring nothing new. */
  readonly attempts: number;
  /** Wait after the first such attempt, in ms; doubles. */
  readonly backoff: number;
  /** Longest silence of a server, in ms. */
  readonly stall: number;
}

export const PATIENCE: Patience = { attempts: 5, backoff: 500, stall: 30_000 };
/** However much each attempt brings: a server that hands out a byte at a time is not waited for. */
const MOST_ATTEMPTS = 100;

export interface DownloadOptions {
  /** The file to write. */
  readonly into: string;
  readonly onProgress: (progress: { readonly received: number; readonly total: number | null }) => void;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  /** Most bytes to take. */
  readonly limit: number;
  /** Do not load what still bears this mark. */
  readonly unless: Mark;
}

export type Download =
  | { readonly kind: "unchanged" }
  | { readonly kind: "loaded"; readonly digest: string; readonly bytes: number; readonly mark: Mark };

/** A download in progress: what is in the file, and what is known about the rest. */
interface Progress {
  readonly file: FileHandle;
  hash: Hash;
  received: number;
  total: number | null;
  mark: Mark;
}

/** Loads something published into a file, and its sha256 on the way. */
export async function download(place: Place, options: DownloadOptions): Promise<Download> {
  return place.kind === "path" ? copyFile(place, options) : fetchUrl(place, options);
}

async function take(progress: Progress, chunk: Uint8Array, options: DownloadOptions): Promise<void> {
  if (progress.received + chunk.length > options.limit) {
    throw refuse("artifact.too-large", `the download is larger than ${options.limit} bytes`, {
      hint: "if it is meant to be so large, raise artifact.maxBytes in the file",
    });
  }
  await progress.file.write(chunk, 0, chunk.length, progress.received);
  progress.hash.update(chunk);
  progress.received += chunk.length;
  options.onProgress({ received: progress.received, total: progress.total });
}

const begin = (file: FileHandle): Progress => ({
  file,
  hash: createHash("sha256"),
  received: 0,
  total: null,
  mark: NO_MARK,
});

const loaded = ({ hash, received, mark }: Progress): Download => ({
  kind: "loaded",
  digest: hash.digest("hex"),
  bytes: received,
  mark,
});

const isSame = (a: Mark, b: Mark): boolean =>
  (a.etag !== null || a.lastModified !== null) && a.etag === b.etag && a.lastModified === b.lastModified;

async function copyFile(place: Place & { kind: "path" }, options: DownloadOptions): Promise<Download> {
  const found = await stat(place.path).catch((error: NodeJS.ErrnoException) => {
    throw refuse("artifact.unreachable", `there is no artifact at ${place.shown}`, {
      details: error.message,
      hint: "see that the release was built, and that artifact.url in the file leads there",
    });
  });
  const mark = { etag: `${found.ino}-${found.size}-${found.mtimeMs}`, lastModified: null };
  if (isSame(mark, options.unless)) return { kind: "unchanged" };
  const file = await open(options.into, "w", 0o600);
  try {
    const progress: Progress = { ...begin(file), total: found.size, mark };
    for await (const chunk of createReadStream(place.path)) {
      stopIfAborted(options.signal);
      await take(progress, chunk as Uint8Array, options);
    }
    return loaded(progress);
  } finally {
    await file.close();
  }
}

async function fetchUrl(place: Place & { kind: "http" }, options: DownloadOptions): Promise<Download> {
  const file = await open(options.into, "w", 0o600);
  try {
    const progress = begin(file);
    const failures: string[] = [];
    let fruitless = 0;
    for (let count = 0; count < MOST_ATTEMPTS && fruitless < options.patience.attempts; count += 1) {
      const before = progress.received;
      const result = await tryOnce(place, progress, options);
      if (typeof result !== "string") return result;
      failures.push(`attempt ${count + 1}, at byte ${progress.received}: ${result}`);
      fruitless = progress.received > before ? 0 : fruitless + 1;
      if (fruitless < options.patience.attempts) await pause(options, fruitless);
    }
    throw refuse(
      "artifact.unreachable",
      `${place.shown} could not be loaded in ${failures.length} attempts`,
      {
        details: failures.slice(-10).join("\n"),
        hint: "see that the address, or the proxy that is named, can be reached, then release again",
      },
    );
  } finally {
    await file.close();
  }
}

async function pause({ patience, signal }: DownloadOptions, fruitless: number): Promise<void> {
  const wait = patience.backoff * 2 ** Math.max(0, fruitless - 1);
  await sleep(wait, undefined, { signal }).catch(() => undefined);
  stopIfAborted(signal);
}

/** Headers that ask for the rest of exactly what was begun, or for nothing if nothing changed. */
function headersFor({ received, mark }: Progress, unless: Mark): Record<string, string> {
  if (received > 0) {
    const condition = strongEtag(mark) ?? mark.lastModified ?? "";
    return { range: `bytes=${received}-`, "if-range": condition };
  }
  return {
    ...(unless.etag === null ? {} : { "if-none-match": unless.etag }),
    ...(unless.lastModified === null ? {} : { "if-modified-since": unless.lastModified }),
  };
}

/** Only a strong mark promises the same bytes. */
const strongEtag = ({ etag }: Mark): string | null => (etag === null || etag.startsWith("W/") ? null : etag);

async function startAnew(progress: Progress): Promise<void> {
  await progress.file.truncate(0);
  Object.assign(progress, begin(progress.file));
}

/** One request and its body; a text says why it has to be tried again. */
async function tryOnce(
  place: Place & { kind: "http" },
  progress: Progress,
  options: DownloadOptions,
): Promise<Download | string> {
  if (progress.received > 0 && strongEtag(progress.mark) === null && progress.mark.lastModified === null) {
    await startAnew(progress);
  }
  try {
    const headers = headersFor(progress, options.unless);
    const answer = await ask(place.url, { headers, signal: options.signal, stall: options.patience.stall });
    return await receive(place, answer, { progress, options });
  } catch (error) {
    stopIfAborted(options.signal);
    if (error instanceof Refusal) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOSPC" || code === "EDQUOT") throw error;
    return error instanceof Error ? error.message || (code ?? error.name) : String(error);
  }
}

interface Reception {
  readonly progress: Progress;
  readonly options: DownloadOptions;
}

/** Sorts the answer by its status, and takes the body of a good one. */
async function receive(place: Place, answer: Answer, reception: Reception): Promise<Download | string> {
  const { progress } = reception;
  switch (answer.status) {
    case 304:
      answer.discard();
      return { kind: "unchanged" };
    case 200:
      // Also the answer to a range of something that is another thing now.
      if (progress.received > 0) await startAnew(progress);
      progress.total = answer.length;
      progress.mark = answer.mark;
      return drink(answer, reception);
    case 206:
      if (answer.rangeStart === progress.received) return drink(answer, reception);
      answer.discard();
      await startAnew(progress);
      return "the server sent another range than was asked for";
    case 416:
      answer.discard();
      await startAnew(progress);
      return "the server has not this range";
    default:
      answer.discard();
      return failedStatus(place, answer.status);
  }
}

async function drink(answer: Answer, { progress, options }: Reception): Promise<Download | string> {
  for await (const chunk of answer.body()) await take(progress, chunk, options);
  if (progress.total !== null && progress.received !== progress.total) {
    return `${progress.received} of ${progress.total} bytes came`;
  }
  return loaded(progress);
}

const PASSING = new Set([408, 425, 429]);

function failedStatus(place: Place, status: number): string {
  if (status >= 500 || PASSING.has(status)) return `the server answered ${status}`;
  const hints: Readonly<Record<number, string>> = {
    401: "put the user and password into the address, or open it to this machine",
    403: "see that this machine may read it",
    404: "see that the release was published under this name, and that artifact.url in the file leads there",
  };
  throw refuse("artifact.unreachable", `${place.shown} answered ${status}`, {
    hint: hints[status] ?? "see what the address serves",
  });
}

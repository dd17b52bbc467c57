import { open, readFile, rm } from "node:fs/promises";
import type { Application } from "../../model/application.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { Artifact, FetchOptions } from "../../ports/artifact.ts";
import { enter, NO_MARK, publish, recall, remember, roomOf, scratch, tarOf, thin, touch } from "./cache.ts";
import type { Mark, Memory } from "./cache.ts";
import { digestIn, isDigest } from "./digest.ts";
import { download } from "./download.ts";
import type { Patience } from "./download.ts";
import { normalise } from "./normalise.ts";
import { Refusal, refuse, stopIfAborted } from "./refusal.ts";
import { placeOf, settleFormat, stem } from "./source.ts";
import type { Format, Place } from "./source.ts";
import { isDirectory } from "./paths.ts";
import type { Written } from "./write-tar.ts";

export interface Shop {
  readonly application: Application;
  readonly cache: string;
  readonly patience: Patience;
}

/** One release on its way: where it is, and what it is checked against. */
interface Job extends Shop {
  readonly release: ReleaseId;
  readonly options: FetchOptions;
  readonly place: Place;
  readonly memory: Memory | null;
  /** Its tar is still in the cache. */
  readonly isAtHand: boolean;
}

const artifactOf = ({ cache }: Shop, release: ReleaseId, memory: Memory): Artifact => ({
  release,
  digest: memory.digest,
  tar: tarOf(cache, release, memory.sum),
  bytes: memory.bytes,
  entries: memory.entries,
});

export async function fetchArtifact(
  shop: Shop,
  release: ReleaseId,
  options: FetchOptions,
): Promise<Artifact> {
  const { application, cache } = shop;
  stopIfAborted(options.signal);
  const place = placeOf(application.artifact.url, release, application);
  await enter(cache, release, Date.now());
  const memory = await recall(cache, release);
  const isAtHand = memory !== null && (await touch(tarOf(cache, release, memory.sum)));
  const job: Job = { ...shop, release, options, place, memory, isAtHand };
  const expected = await expectedDigest(job);
  if (memory !== null && expected !== null) {
    if (memory.digest !== expected) throw changed(job, memory, expected);
    if (isAtHand) return artifactOf(shop, release, memory);
  }
  return artifactOf(shop, release, await obtain(job, expected));
}

function changed({ cache, release, place }: Job, memory: Memory, now: string): Refusal {
  return refuse("artifact.changed", `release ${release} was fetched before, and is another artifact now`, {
    details: `sha256 before: ${memory.digest}\nsha256 now:    ${now}\nfrom ${place.shown}`,
    hint:
      "a release never changes: publish the new artifact under a new name. If the old one never " +
      `ran anywhere, delete ${roomOf(cache, release)} and release again`,
  });
}

/** What the artifact's sha256 has to be; null when nobody says. */
async function expectedDigest(job: Job): Promise<string | null> {
  const { options, application, release } = job;
  if (options.sha256 !== null) {
    if (isDigest(options.sha256)) return options.sha256.toLowerCase();
    throw refuse("usage", `a sha256 has 64 hexadecimal digits; found: ${JSON.stringify(options.sha256)}`);
  }
  const template = application.artifact.sha256;
  if (template === null) return null;
  if (isDigest(template)) return template.toLowerCase();
  const place = placeOf(template, release, application);
  const text = await digestText(job, place);
  if (text === null) return job.memory?.digest ?? null;
  const digest = digestIn(text, job.place.name);
  if (digest !== null) return digest;
  throw refuse("artifact.digest", `${place.shown} has no sha256 of ${job.place.name}`, {
    details: text.slice(0, 500),
    hint: "expected: 64 hexadecimal digits alone, or lines as sha256sum writes them",
  });
}

const LONGEST_DIGEST_FILE = 1024 * 1024;

/**
 * Null when it cannot be had, and the artifact is at hand: going back must not depend on a distant server.
 */
async function digestText(job: Job, place: Place): Promise<string | null> {
  const into = scratch(job.cache, job.release);
  try {
    await download(place, {
      into,
      onProgress: () => undefined,
      signal: job.options.signal,
      patience: job.isAtHand ? { ...job.patience, attempts: 1 } : job.patience,
      limit: LONGEST_DIGEST_FILE,
      unless: NO_MARK,
    });
    return await readFile(into, "utf8");
  } catch (error) {
    if (job.isAtHand && isUnreachable(error)) return null;
    throw error;
  } finally {
    await rm(into, { force: true });
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof Refusal && error.error.code === "artifact.unreachable";

/** Downloads and checks it; or finds that what is at hand is still what is published. */
async function obtain(job: Job, expected: string | null): Promise<Memory> {
  if (job.place.kind === "path" && (await isDirectory(job.place.path))) {
    return adopt(job, { from: job.place.path, format: "directory" }, { expected });
  }
  const from = scratch(job.cache, job.release);
  try {
    const found = await load(job, from);
    if (found === null && job.memory !== null) return job.memory;
    if (found === null) throw refuse("artifact.unreachable", `${job.place.shown} sent nothing`);
    checkDigest(job, found.digest, expected);
    const format = settleFormat(job.place.name, await headOf(from));
    return await adopt(job, { from, format }, { expected, ...found });
  } finally {
    await rm(from, { force: true });
  }
}

interface Found {
  readonly digest: string;
  readonly mark: Mark;
}

/** Null: what is at hand will do. */
async function load(job: Job, into: string): Promise<Found | null> {
  const { application, memory, isAtHand, options, patience } = job;
  try {
    const result = await download(job.place, {
      into,
      onProgress: options.onProgress,
      signal: options.signal,
      patience: isAtHand ? { ...patience, attempts: 1 } : patience,
      limit: application.artifact.maxBytes,
      unless: isAtHand && memory !== null ? memory.mark : NO_MARK,
    });
    return result.kind === "unchanged" ? null : result;
  } catch (error) {
    if (isAtHand && isUnreachable(error)) return null;
    throw error;
  }
}

function checkDigest(job: Job, found: string, expected: string | null): void {
  if (expected !== null && found !== expected) {
    throw refuse("artifact.digest", `${job.place.shown} has not the sha256 that it should have`, {
      details: `expected: ${expected}\nfound:    ${found}`,
      hint: "see that the artifact and its digest were published together, and by whom",
    });
  }
  if (job.memory !== null && job.memory.digest !== found) throw changed(job, job.memory, found);
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

interface Origin {
  readonly from: string;
  readonly format: Format | "directory";
}

/** Normalises it and puts it into the cache. A directory's digest is that of its content. */
async function adopt(
  job: Job,
  origin: Origin,
  known: Partial<Found> & { readonly expected: string | null },
): Promise<Memory> {
  const { application, cache, release, options } = job;
  const into = scratch(cache, release);
  try {
    const written: Written = await normalise({
      ...origin,
      into,
      limits: application.artifact,
      names: { stem: stem(job.place.name), release },
      signal: options.signal,
    });
    const digest = known.digest ?? written.contentSum;
    checkDigest(job, digest, known.expected);
    const { sum, bytes, entries } = written;
    const memory: Memory = { digest, sum, bytes, entries, mark: known.mark ?? NO_MARK };
    await publish(into, tarOf(cache, release, sum));
    await remember(cache, release, memory);
    await thin(cache, Math.max(2, application.artifact.keep));
    return memory;
  } finally {
    await rm(into, { force: true });
  }
}

import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { ReleaseId } from "../../model/ids.ts";

/**
 * The controller's memory of artifacts: CACHE/RELEASE/artifact.json, and beside it SUM.tar, the normalised
 * tar, named by its own sha256. Work in progress is under names that begin with a dot. Nothing is changed
 * in place, so any number of processes may fetch at once.
 */
export interface Memory {
  /** sha256 of the artifact as published. */
  readonly digest: string;
  /** sha256 of the normalised tar, and its name. */
  readonly sum: string;
  readonly bytes: number;
  readonly entries: number;
  readonly mark: Mark;
}

/** What tells, without reading it all, that something published is still the same. */
export interface Mark {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export const NO_MARK: Mark = { etag: null, lastModified: null };
const MEMORY = "artifact.json";
const DAY_MS = 86_400_000;

export const roomOf = (cache: string, release: ReleaseId): string => join(cache, release);
export const tarOf = (cache: string, release: ReleaseId, sum: string): string =>
  join(roomOf(cache, release), `${sum}.tar`);
/** The sha256 of a normalised tar, from its name. */
export const sumOf = (tar: string): string => tar.slice(tar.lastIndexOf("/") + 1).replace(/\.tar$/, "");
export const scratch = (cache: string, release: ReleaseId): string =>
  join(roomOf(cache, release), `.${randomUUID()}`);

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes the release's room, and clears out what a killed process left there. */
export async function enter(cache: string, release: ReleaseId, now: number): Promise<void> {
  const room = roomOf(cache, release);
  await mkdir(room, { recursive: true, mode: 0o700 });
  for (const name of await readdir(room)) {
    if (!name.startsWith(".")) continue;
    const found = await stat(join(room, name)).catch(() => null);
    if (found !== null && now - found.mtimeMs > DAY_MS) await rm(join(room, name), { force: true });
  }
}

function isMemory(value: unknown): value is Memory {
  if (typeof value !== "object" || value === null) return false;
  const { digest, sum, bytes, entries, mark } = value as Partial<Record<keyof Memory, unknown>>;
  const texts = typeof digest === "string" && typeof sum === "string";
  return texts && typeof bytes === "number" && typeof entries === "number" && typeof mark === "object";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** What is remembered of a release; its tar may have been cleared out since. */
export async function recall(cache: string, release: ReleaseId): Promise<Memory | null> {
  const text = await unlessAbsent(readFile(join(roomOf(cache, release), MEMORY), "utf8"));
  const memory = text === null ? null : parsed(text);
  return isMemory(memory) ? memory : null;
}

/** Whether the tar is there; if so, it counts as just used. */
export async function touch(tar: string): Promise<boolean> {
  const found = await unlessAbsent(stat(tar));
  if (found === null || !found.isFile()) return false;
  const now = new Date();
  await utimes(tar, now, now);
  return true;
}

/** Deletes all tars but the `keep` last used ones; the memory of their digests stays. */
export async function thin(cache: string, keep: number): Promise<void> {
  const tars: { readonly path: string; readonly usedAt: number }[] = [];
  for (const release of await readdir(cache)) {
    const room = join(cache, release);
    const names = await readdir(room).catch((): string[] => []);
    for (const name of names.filter((name) => /^[0-9a-f]{64}\.tar$/.test(name))) {
      const found = await unlessAbsent(stat(join(room, name)));
      if (found !== null) tars.push({ path: join(room, name), usedAt: found.mtimeMs });
    }
  }
  const old = tars.toSorted((a, b) => b.usedAt - a.usedAt).slice(keep);
  for (const { path } of old) await rm(path, { force: true });
}

/** Puts a synced file in its place, for good. */
export async function publish(temporary: string, path: string): Promise<void> {
  await rename(temporary, path);
  await syncDirectory(join(path, ".."));
}

export async function remember(cache: string, release: ReleaseId, memory: Memory): Promise<void> {
  const temporary = scratch(cache, release);
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(memory)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await publish(temporary, join(roomOf(cache, release), MEMORY));
}

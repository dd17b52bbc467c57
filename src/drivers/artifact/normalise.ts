import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough, pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Bytes, Entry } from "./entry.ts";
import { readDirectory } from "./read-directory.ts";
import { readTar } from "./read-tar.ts";
import { readZip } from "./read-zip.ts";
import { Refusal, refuse, stopIfAborted } from "./refusal.ts";
import type { Format } from "./source.ts";
import { admit, isWrapper, OTHER_TOP, plant, topOf } from "./tree.ts";
import type { Limits, Tree } from "./tree.ts";
import { TarWriter } from "./write-tar.ts";
import type { Written } from "./write-tar.ts";

export interface NormaliseOptions {
  readonly from: string;
  readonly format: Format | "directory";
  /** The tar to write; must not exist. */
  readonly into: string;
  readonly limits: Limits;
  readonly names: { readonly stem: string; readonly release: string };
  readonly signal: AbortSignal;
}

const DECOMPRESSORS = {
  tar: () => new PassThrough(),
  "tar.gz": () => createGunzip(),
  "tar.zst": () => createZstdDecompress(),
} as const;

/** The plain tar inside; damage in the compressed stream becomes a refusal. */
async function* plainTar(path: string, format: keyof typeof DECOMPRESSORS): AsyncGenerator<Uint8Array> {
  const plain = DECOMPRESSORS[format]();
  // The callback takes the error that the loop below also gets.
  pipeline(createReadStream(path), plain, () => undefined);
  try {
    for await (const chunk of plain as Bytes) yield chunk;
  } catch (error) {
    throw refuse("artifact.broken", `the ${format} is damaged or truncated`, {
      details: error instanceof Error ? error.message : String(error),
      hint: "publish it again; the upload or the packing was probably cut",
    });
  } finally {
    plain.destroy();
  }
}

function entriesOf({ from, format, limits }: NormaliseOptions): AsyncIterable<Entry> {
  if (format === "directory") return readDirectory(from);
  if (format === "zip") return readZip(from);
  return readTar(plainTar(from, format), limits.maxBytes);
}

/**
 * Copies every entry that is admitted; null when the top directory that was taken off is not the only one.
 */
async function copy(options: NormaliseOptions, writer: TarWriter, strip: boolean): Promise<Written | null> {
  let tree: Tree | null = null;
  for await (const entry of entriesOf(options)) {
    stopIfAborted(options.signal);
    const top = topOf(entry.path);
    // Nothing is known before the first entry that has a name.
    if (tree === null && top !== null) {
      const wrapper = strip && options.format !== "directory" && isWrapper(top, options.names) ? top : null;
      tree = plant(options.limits, wrapper);
    }
    const admitted = admit(tree ?? plant(options.limits, null), entry);
    if (!admitted.ok) {
      if (admitted.error === OTHER_TOP) return null;
      throw new Refusal(admitted.error);
    }
    if (admitted.value !== null) await writer.add(entry, admitted.value);
  }
  const written = await writer.end();
  if (written.entries === 0) throw refuse("artifact.broken", "the artifact has no files in it");
  return written;
}

/** Checks every entry of an artifact and writes those same entries as a plain tar. */
export async function normalise(options: NormaliseOptions): Promise<Written> {
  for (const strip of [true, false]) {
    const file = await open(options.into, "w", 0o600);
    try {
      const written = await copy(options, new TarWriter(file), strip);
      if (written !== null) return written;
    } finally {
      await file.close();
    }
  }
  throw refuse("artifact.broken", "the artifact's top directory cannot be told");
}

import { noBody } from "./entry.ts";
import type { Bytes, Entry } from "./entry.ts";
import { refuse } from "./refusal.ts";
import { BLOCK, isZero, readHeader, readLong, readPax } from "./tar-header.ts";
import type { Extended, TarHeader } from "./tar-header.ts";
import type { EntryKind } from "./tree.ts";

/** Hands out a stream's bytes in the amounts asked for. */
class Intake {
  at = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: Bytes) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `most` bytes, as many as are at hand; null at the end. */
  async some(most: number): Promise<Uint8Array | null> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    this.at += taken.length;
    return taken;
  }

  /** Exactly so many; null when the stream is already at its end; a refusal when it ends in between. */
  async exactly(count: number): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === null && missing === count) return null;
      if (part === null) throw truncated(this.at);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? (parts[0] ?? null) : Buffer.concat(parts);
  }

  close(): Promise<unknown> {
    return this.#source.return?.() ?? Promise.resolve();
  }
}

const truncated = (at: number) =>
  refuse("artifact.broken", `the tar is truncated: it ends at byte ${at} without its end mark`, {
    hint: "publish it again; the upload or the packing was probably cut",
  });

const KINDS: Readonly<Record<string, EntryKind>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};
const FORBIDDEN: Readonly<Record<string, string>> = {
  "3": "a character device",
  "4": "a block device",
  "6": "a named pipe",
  S: "a sparse file",
  M: "a part of another volume",
  D: "an incremental dump",
  V: "a volume label",
};

function kindOf(header: TarHeader, path: string): EntryKind {
  const kind = KINDS[header.type];
  if (kind === undefined) {
    const what = FORBIDDEN[header.type] ?? `of the unknown type ${JSON.stringify(header.type)}`;
    throw refuse(
      "artifact.hostile",
      `the artifact's entry ${JSON.stringify(path)} is ${what}; allowed are files, directories and links`,
      { hint: "rebuild the artifact without this entry; nothing was unpacked anywhere" },
    );
  }
  // Before ustar a directory was a file with a slash at its end.
  return kind === "file" && path.endsWith("/") ? "directory" : kind;
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
const MOST_META = 1024 * 1024;

/** The body of a header that only describes another one. */
async function metaBody(intake: Intake, header: TarHeader): Promise<Uint8Array> {
  if (header.size > MOST_META) {
    throw refuse(
      "artifact.hostile",
      `the tar has a header of ${header.size} bytes; allowed are ${MOST_META}`,
    );
  }
  if (header.size === 0) return new Uint8Array(0);
  const body = await intake.exactly(padded(header.size));
  if (body === null) throw truncated(intake.at);
  return body.subarray(0, header.size);
}

/** What this header adds to the next entry; null when it is an entry itself. */
async function describe(intake: Intake, header: TarHeader): Promise<Extended | null> {
  switch (header.type) {
    case "x":
      return readPax(await metaBody(intake, header), intake.at);
    case "g": {
      // A comment, as `git archive` writes; what would name every entry the same is no honest header.
      const all = readPax(await metaBody(intake, header), intake.at);
      if (all.path === undefined && all.target === undefined && all.size === undefined) return {};
      throw refuse("artifact.hostile", "the tar has a global header that renames or resizes every entry");
    }
    case "L":
      return { path: readLong(await metaBody(intake, header)) };
    case "K":
      return { target: readLong(await metaBody(intake, header)) };
    default:
      return null;
  }
}

function entryOf(header: TarHeader, extended: Extended, body: (size: number) => Bytes): Entry {
  const path = extended.path ?? header.path();
  const kind = kindOf(header, path);
  const size = extended.size ?? header.size;
  // Some writers note a size for directories; there is never a body. A hard link with a body is another
  // thing.
  if (size !== 0 && (kind === "hardlink" || kind === "symlink")) {
    throw refuse(
      "artifact.hostile",
      `the artifact's entry ${JSON.stringify(path)} is a link with ${size} bytes in it`,
    );
  }
  const isLink = kind === "hardlink" || kind === "symlink";
  return {
    kind,
    path,
    target: isLink ? (extended.target ?? header.target()) : "",
    size: kind === "file" ? size : 0,
    mode: header.mode,
    mtime: extended.mtime ?? header.mtime,
    body: kind === "file" ? body(size) : noBody(),
  };
}

/**
 * Everything after the end mark is padding; `most` bytes of it. Also makes the decompressor check its own
 * end.
 */
async function readPadding(intake: Intake, most: number): Promise<void> {
  const from = intake.at;
  for (let part = await intake.some(BLOCK * 128); part !== null; part = await intake.some(BLOCK * 128)) {
    if (!isZero(part)) {
      throw refuse("artifact.broken", `the tar goes on after its end mark at byte ${from}`, {
        hint: "two tars in one file are not read; pack the artifact in one go",
      });
    }
    if (intake.at - from > most)
      throw refuse("artifact.too-large", `the tar has more than ${most} bytes of padding`);
  }
}

/** The entries of a plain tar, in order. `most`: bytes of padding to read after its end. */
export async function* readTar(source: Bytes, most: number): AsyncGenerator<Entry> {
  const intake = new Intake(source);
  let extended: Extended = {};
  let left = 0;
  async function* body(size: number): AsyncGenerator<Uint8Array> {
    left = padded(size);
    let content = size;
    while (content > 0) {
      const part = await intake.some(content);
      if (part === null) throw truncated(intake.at);
      content -= part.length;
      left -= part.length;
      yield part;
    }
  }
  try {
    for (;;) {
      if (left > 0 && (await intake.exactly(left)) === null) throw truncated(intake.at);
      left = 0;
      const block = await intake.exactly(BLOCK);
      if (block === null) throw truncated(intake.at);
      if (isZero(block)) break;
      const header = readHeader(block, intake.at - BLOCK);
      const more = await describe(intake, header);
      if (more !== null) extended = Object.assign(extended, more);
      else {
        yield entryOf(header, extended, body);
        extended = {};
      }
    }
    await readPadding(intake, most);
  } finally {
    await intake.close();
  }
}

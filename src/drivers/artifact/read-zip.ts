import { crc32 } from "node:zlib";
import yauzl from "yauzl";
import { noBody } from "./entry.ts";
import type { Entry } from "./entry.ts";
import { Refusal, refuse } from "./refusal.ts";
import { textOf } from "./tar-header.ts";
import type { EntryKind } from "./tree.ts";

/**
 * yauzl reads the format; what is in it is judged by the same rules as a tar's. Its own words go into
 * `details`.
 */
const broken = (what: string, cause: unknown): Refusal =>
  cause instanceof Refusal
    ? cause
    : refuse("artifact.broken", what, {
        details: cause instanceof Error ? cause.message : String(cause),
        hint: "publish it again; the upload or the packing was probably cut",
      });

const UNIX = 3;
const FILE_TYPE = 0o170000;
const TYPES: Readonly<Record<number, EntryKind>> = {
  0o100000: "file",
  0o040000: "directory",
  0o120000: "symlink",
};
const LONGEST_TARGET = 4096;

/** Unix mode bits, where the packer wrote some. */
const unixMode = (entry: yauzl.Entry): number =>
  entry.versionMadeBy >>> 8 === UNIX ? entry.externalFileAttributes >>> 16 : 0;

function kindOf(entry: yauzl.Entry, path: string): EntryKind {
  const type = unixMode(entry) & FILE_TYPE;
  const kind = type === 0 ? "file" : TYPES[type];
  if (kind === undefined) {
    throw refuse("artifact.hostile", `the artifact's entry ${JSON.stringify(path)} is a device or a pipe`, {
      hint: "allowed are files, directories and links",
    });
  }
  if (kind === "symlink") return kind;
  return path.endsWith("/") ? "directory" : kind;
}

/** Stored, and deflate. */
const METHODS: ReadonlySet<number> = new Set([0, 8]);

/** The bytes of one entry; its checksum is proved at the end. */
async function* contentOf(zip: yauzl.ZipFile, entry: yauzl.Entry, path: string): AsyncGenerator<Uint8Array> {
  let sum = 0;
  let count = 0;
  if (!METHODS.has(entry.compressionMethod)) {
    const method = `is compressed by method ${entry.compressionMethod}, which is not read`;
    throw refuse("artifact.broken", `the artifact's entry ${JSON.stringify(path)} ${method}`, {
      hint: "pack the zip with deflate, the default of every tool",
    });
  }
  try {
    const stream: AsyncIterable<Uint8Array> = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream) {
      sum = crc32(chunk, sum);
      count += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw broken(`the artifact's entry ${JSON.stringify(path)} cannot be read`, error);
  }
  if (sum !== entry.crc32 || count !== entry.uncompressedSize) {
    throw refuse(
      "artifact.broken",
      `the artifact's entry ${JSON.stringify(path)} is damaged: its checksum does not fit`,
    );
  }
}

async function targetOf(content: AsyncIterable<Uint8Array>, path: string, size: number): Promise<string> {
  if (size > LONGEST_TARGET) {
    throw refuse(
      "artifact.hostile",
      `the artifact's entry ${JSON.stringify(path)} is a link to ${size} bytes of name`,
    );
  }
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

const UTF8_FLAG = 0x800;
/** Info-ZIP's extra field with the name in UTF-8. */
const UNICODE_PATH = 0x7075;

/**
 * Raw names are asked for, since yauzl's own check would name no rule of ours. Names without a mark of
 * their encoding are UTF-8 where Unix wrote them; the standard's own code page would only garble them.
 */
function nameOf(entry: yauzl.Entry): string {
  const { generalPurposeBitFlag: flags, fileNameRaw: raw, extraFields } = entry;
  const isMarked = (flags & UTF8_FLAG) !== 0 || extraFields.some((field) => field.id === UNICODE_PATH);
  return isMarked
    ? yauzl.getFileNameLowLevel(flags, raw, extraFields, true)
    : textOf(raw, "a name in the zip");
}

async function entryOf(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Entry> {
  const path = nameOf(entry);
  if (path.includes("\\")) {
    throw refuse(
      "artifact.hostile",
      `the artifact's entry ${JSON.stringify(path)} has a backslash in its name`,
      {
        hint: "pack the zip with a tool that writes / between directories",
      },
    );
  }
  if (entry.isEncrypted()) {
    throw refuse("artifact.broken", `the artifact's entry ${JSON.stringify(path)} is encrypted`);
  }
  const kind = kindOf(entry, path);
  const size = entry.uncompressedSize;
  const content = contentOf(zip, entry, path);
  const mode = unixMode(entry) & 0o7777;
  return {
    kind,
    path,
    target: kind === "symlink" ? await targetOf(content, path, size) : "",
    size: kind === "file" ? size : 0,
    mode: mode === 0 ? null : mode,
    mtime: Math.floor(entry.getLastModDate().getTime() / 1000),
    body: kind === "file" ? content : noBody(),
  };
}

/** The entries of a zip, in the order of its directory. */
export async function* readZip(path: string): AsyncGenerator<Entry> {
  const zip = await openZip(path);
  try {
    const entries = zip.eachEntry()[Symbol.asyncIterator]();
    for (;;) {
      const next = await nextOf(entries);
      if (next === null) return;
      yield await entryOf(zip, next);
    }
  } finally {
    zip.close();
  }
}

async function openZip(path: string): Promise<yauzl.ZipFile> {
  try {
    return await yauzl.openPromise(path, { autoClose: false, lazyEntries: true, decodeStrings: false });
  } catch (error) {
    throw broken("the zip cannot be read", error);
  }
}

async function nextOf(entries: AsyncIterator<yauzl.Entry>): Promise<yauzl.Entry | null> {
  try {
    const next = await entries.next();
    return next.done === true ? null : next.value;
  } catch (error) {
    throw broken("the zip's list of entries is damaged", error);
  }
}

import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Header, type HeaderData } from "tar/header";
import { Pax } from "tar/pax";
import type { Entry } from "./entry.ts";
import { refuse } from "./refusal.ts";
import type { Admitted, EntryKind } from "./tree.ts";

const BLOCK = 512;
/** Tars are read in records; a whole number of them leaves no byte unread in a pipe. */
const RECORD = 20 * BLOCK;
const LATEST = 0o77777777777;

const TYPES = {
  file: "File",
  directory: "Directory",
  symlink: "SymbolicLink",
  hardlink: "Link",
} as const satisfies Record<EntryKind, string>;

/**
 * Permissions as they are unpacked: what was found, less setuid, setgid, sticky and write for everybody;
 * the owner may always read and write (else nobody but root could unpack or delete it).
 */
export function maskedMode(kind: EntryKind, mode: number | null): number {
  const isDirectory = kind === "directory";
  const found = mode ?? (isDirectory ? 0o755 : 0o644);
  return (found & 0o775) | (isDirectory ? 0o700 : 0o600);
}

function headerBytes(entry: Entry, admitted: Admitted): Buffer {
  const mode = entry.kind === "symlink" ? 0o777 : maskedMode(entry.kind, entry.mode);
  const mtime = new Date(Math.min(Math.max(0, Math.floor(entry.mtime)), LATEST) * 1000);
  const path = entry.kind === "directory" ? `${admitted.path}/` : admitted.path;
  const data: HeaderData = { path, mode, uid: 0, gid: 0, size: entry.size, mtime, type: TYPES[entry.kind] };
  const header = new Header(admitted.target === "" ? data : { ...data, linkpath: admitted.target });
  const block = Buffer.alloc(BLOCK);
  if (!header.encode(block)) return block;
  const pax = new Pax({
    path,
    size: entry.size,
    ...(admitted.target === "" ? {} : { linkpath: admitted.target }),
  });
  return Buffer.concat([pax.encode(), block]);
}

export interface Written {
  /** sha256 of the tar, hex. */
  readonly sum: string;
  /** sha256 of names, kinds, modes and contents without times: the same content, the same digest. */
  readonly contentSum: string;
  /** Of the files in it. */
  readonly bytes: number;
  readonly entries: number;
}

/** Writes a plain tar, entry by entry. */
export class TarWriter {
  readonly #file: FileHandle;
  readonly #sum = createHash("sha256");
  readonly #contentSum = createHash("sha256");
  #size = 0;
  #bytes = 0;
  #entries = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(entry: Entry, admitted: Admitted): Promise<void> {
    const { kind, size, mode } = entry;
    await this.#write(headerBytes(entry, admitted));
    this.#contentSum.update(
      `${kind}\0${admitted.path}\0${admitted.target}\0${maskedMode(kind, mode)}\0${size}\0`,
    );
    let written = 0;
    for await (const chunk of entry.body) {
      written += chunk.length;
      if (written > size) break;
      this.#contentSum.update(chunk);
      await this.#write(chunk);
    }
    if (written !== size) {
      throw refuse(
        "artifact.broken",
        `${JSON.stringify(entry.path)} has not the ${size} bytes that were announced`,
        {
          hint: "see that nothing writes to it while it is read",
        },
      );
    }
    await this.#write(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
    this.#bytes += size;
    this.#entries += 1;
  }

  async end(): Promise<Written> {
    const ended = this.#size + 2 * BLOCK;
    await this.#write(Buffer.alloc(2 * BLOCK + ((RECORD - (ended % RECORD)) % RECORD)));
    await this.#file.sync();
    return {
      sum: this.#sum.digest("hex"),
      contentSum: this.#contentSum.digest("hex"),
      bytes: this.#bytes,
      entries: this.#entries,
    };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#sum.update(bytes);
    this.#size += bytes.length;
    await this.#file.writeFile(bytes);
  }
}

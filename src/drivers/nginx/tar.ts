import { assert } from "../../base/assert.ts";
import type { Entry } from "./tree.ts";

const BLOCK = 512;
const NAME = 100;
const encoder = new TextEncoder();

/** An uncompressed archive of our own names, for `tar -x` on a host. */
export function tarOf(entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap((entry) => [...longNames(entry), headerOf(entry), contentOf(entry)]);
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

/** A name or a target of more than 100 bytes stands before its entry, as GNU's tar and busybox's read it. */
function longNames(entry: Entry): readonly Uint8Array[] {
  const named = [["L", entry.path] as const, ...(entry.kind === "link" ? [["K", entry.to] as const] : [])];
  return named
    .filter(([, text]) => text.length > NAME)
    .flatMap(([type, text]) => {
      const long: Entry = { kind: "file", path: "././@LongLink", text: `${text}\0` };
      return [headerOf(long, type), contentOf(long)];
    });
}

function contentOf(entry: Entry): Uint8Array {
  if (entry.kind !== "file") return new Uint8Array(0);
  const bytes = encoder.encode(entry.text);
  const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  padded.set(bytes);
  return padded;
}

const TYPES = { file: "0", link: "2", directory: "5" } as const;
const MODES = { file: 0o644, link: 0o777, directory: 0o755 } as const;

/** One ustar header. The checksum is the sum of its bytes with the checksum itself taken as spaces. */
function headerOf(entry: Entry, type: string = TYPES[entry.kind]): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, size: number, text: string): void => {
    const bytes = encoder.encode(text);
    assert(bytes.length <= size, `too long for an archive: ${text}`);
    block.set(bytes, at);
  };
  const octal = (at: number, size: number, value: number): void =>
    put(at, size, `${value.toString(8).padStart(size - 1, "0")}\0`);
  put(0, NAME, entry.path.slice(0, NAME));
  octal(100, 8, MODES[entry.kind]);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, entry.kind === "file" ? encoder.encode(entry.text).length : 0);
  octal(136, 12, 0);
  put(148, 8, " ".repeat(8));
  put(156, 1, type);
  if (entry.kind === "link") put(157, NAME, entry.to.slice(0, NAME));
  put(257, 8, "ustar\u000000");
  let sum = 0;
  for (const byte of block) sum += byte;
  put(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

import { refuse } from "./refusal.ts";

/**
 * Reads the 512 byte headers of tar: ustar, GNU's and the old ones, and pax records. Bytes in, values out.
 * An own reader, because what it must not overlook is what a lenient one hides: sparse files, names that
 * are no UTF-8, a missing end mark, trailing data.
 */
export interface TarHeader {
  readonly type: string;
  /** Decoded when asked for: with a long name elsewhere, what stands here may be cut within a letter. */
  path(): string;
  target(): string;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
}

export const BLOCK = 512;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    const shown = Buffer.from(bytes.subarray(0, 80))
      .toString("latin1")
      .replaceAll(/[^ -~]/g, "?");
    throw refuse("artifact.broken", `${what} is not UTF-8: ${JSON.stringify(shown)}`, {
      hint: "pack the artifact where file names are UTF-8",
    });
  }
}

/** Up to the first NUL, as C would read it. */
function field(block: Uint8Array, at: number, length: number): Uint8Array {
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** Octal digits, or GNU's base 256 (first bit set); null when it is neither. */
export function numberOf(bytes: Uint8Array): number | null {
  if (((bytes[0] ?? 0) & 0x80) !== 0) {
    // 0xff… would be negative: no size, mode or time that we take.
    let value = BigInt((bytes[0] ?? 0) & 0x7f);
    for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
  }
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\0", " ").trim();
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

/** The sum of a header's bytes, its own field read as blanks; some old writers summed signed bytes. */
function sumOf(block: Uint8Array, signed: boolean): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i += 1) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    sum += signed && byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

export const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0);

function needed(block: Uint8Array, at: number, length: number): number | null {
  return numberOf(block.subarray(at, at + length));
}

function nameOf(block: Uint8Array): string {
  const name = textOf(field(block, 0, 100), "a name in the tar");
  // GNU's own format keeps other things where ustar has the prefix.
  const ustar = Buffer.from(block.subarray(257, 263)).toString("latin1") === "ustar\0";
  const prefix = ustar ? textOf(field(block, 345, 155), "a name in the tar") : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** One header; `at` is where in the tar it stands, for the message. */
export function readHeader(block: Uint8Array, at: number): TarHeader {
  const sum = needed(block, 148, 8);
  if (sum === null || (sum !== sumOf(block, false) && sum !== sumOf(block, true))) {
    throw refuse("artifact.broken", `the tar is damaged at byte ${at}: a header's checksum does not fit`);
  }
  const size = needed(block, 124, 12);
  const mode = needed(block, 100, 8);
  const mtime = needed(block, 136, 12);
  if (size === null || mode === null) {
    throw refuse("artifact.broken", `the tar is damaged at byte ${at}: an entry has no valid size or mode`);
  }
  return {
    type: String.fromCodePoint(block[156] ?? 0),
    path: () => nameOf(block),
    target: () => textOf(field(block, 157, 100), "a link's target in the tar"),
    mode,
    size,
    mtime: mtime ?? 0,
  };
}

/** What pax records and GNU's long names say of the next entry. */
export interface Extended {
  readonly path?: string;
  readonly target?: string;
  readonly size?: number;
  readonly mtime?: number;
}

function paxValue(key: string, value: Uint8Array, at: number): Extended {
  if (key.startsWith("GNU.sparse.")) {
    throw refuse("artifact.hostile", `the tar has a sparse file at byte ${at}`, {
      hint: "pack the artifact without --sparse",
    });
  }
  const text = (): string => textOf(value, `pax ${key}`);
  if (key === "path") return { path: text() };
  if (key === "linkpath") return { target: text() };
  if (key !== "size" && key !== "mtime") return {};
  const number = Number(text());
  const valid = key === "mtime" ? Number.isFinite(number) : Number.isSafeInteger(number) && number >= 0;
  if (!valid) throw refuse("artifact.broken", `the tar is damaged at byte ${at}: pax ${key} is no number`);
  return key === "size" ? { size: number } : { mtime: number };
}

/** Reads `LENGTH KEY=VALUE\n` records. */
export function readPax(body: Uint8Array, at: number): Extended {
  const extended: Extended = {};
  let start = 0;
  while (start < body.length) {
    const space = body.indexOf(0x20, start);
    const length =
      space === -1 ? Number.NaN : Number(Buffer.from(body.subarray(start, space)).toString("latin1"));
    const end = start + length;
    const equals = body.indexOf(0x3d, space);
    const whole = Number.isInteger(length) && end <= body.length && body[end - 1] === 0x0a;
    if (!whole || equals === -1 || equals >= end) {
      throw refuse("artifact.broken", `the tar is damaged at byte ${at}: a pax record does not fit`);
    }
    const key = textOf(body.subarray(space + 1, equals), "a pax key");
    Object.assign(extended, paxValue(key, body.subarray(equals + 1, end - 1), at));
    start = end;
  }
  return extended;
}

/** GNU's long name or long target: text with a NUL at its end. */
export const readLong = (body: Uint8Array): string =>
  textOf(field(body, 0, body.length), "a long name in the tar");

import { crc32, deflateRawSync } from "node:zlib";

/** Builds tars and zips byte by byte, so that they can hold what no packer would write. */
export interface TarEntry {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly target?: string;
  readonly mode?: number;
  /** Written instead of the body's own. */
  readonly size?: number;
  readonly mtime?: number;
}

const BLOCK = 512;
const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
const pad = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);

function header({ name, type = "0", body = "", target = "", ...more }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  Buffer.from(name).copy(block, 0, 0, 100);
  block.write(octal(more.mode ?? 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(more.size ?? Buffer.byteLength(body), 11), 124);
  block.write(octal(more.mtime ?? 1_790_000_000, 11), 136);
  block.write(" ".repeat(8), 148);
  block.write(type, 156, "latin1");
  block.write(target, 157);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

export const tarEntry = (entry: TarEntry): Buffer =>
  Buffer.concat([header(entry), pad(Buffer.from(entry.body ?? ""))]);
export const TAR_END = Buffer.alloc(2 * BLOCK);
export const tar = (...entries: readonly TarEntry[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), TAR_END]);

export const pax = (...records: readonly (readonly [string, string])[]): TarEntry => ({
  name: "pax",
  type: "x",
  body: records.map(([key, value]) => paxRecord(key, value)).join(""),
});

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const base = Buffer.byteLength(rest);
  let length = base + String(base).length;
  if (base + String(length).length !== length) length = base + String(length).length;
  return `${length}${rest}`;
}

export interface ZipEntry {
  readonly name: string;
  readonly body?: string | Buffer;
  /** Unix mode with the type's bits. */
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  readonly claimedSize?: number;
}

function zipParts({ name, body = "", mode = 0o100644, flags = 0x800, ...more }: ZipEntry, offset: number) {
  const plain = Buffer.from(body);
  const method = more.method ?? 8;
  const packed = method === 8 ? deflateRawSync(plain) : plain;
  const bytes = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(flags, 2);
  common.writeUInt16LE(method, 4);
  common.writeUInt32LE(0x5b6e_6000, 6);
  common.writeUInt32LE(more.crc ?? crc32(plain), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(more.claimedSize ?? plain.length, 18);
  common.writeUInt16LE(bytes.length, 22);
  const central = Buffer.alloc(20);
  central.writeUInt32LE((mode << 16) >>> 0, 10 - 2);
  central.writeUInt32LE(offset, 12);
  return {
    local: Buffer.concat([Buffer.from("PK\u0003\u0004"), common, bytes, packed]),
    central: Buffer.concat([
      Buffer.from("PK\u0001\u0002"),
      Buffer.from([20, 3]),
      common,
      central.subarray(2, 16),
      bytes,
    ]),
  };
}

export function zip(...entries: readonly ZipEntry[]): Buffer {
  let offset = 0;
  const parts = entries.map((entry) => {
    const part = zipParts(entry, offset);
    offset += part.local.length;
    return part;
  });
  const directory = Buffer.concat(parts.map((part) => part.central));
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts.map((part) => part.local), directory, Buffer.from("PK\u0005\u0006"), end]);
}

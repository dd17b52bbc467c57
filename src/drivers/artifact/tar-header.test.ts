import { expect, test } from "vitest";
import { numberOf, readPax } from "./tar-header.ts";
import { maskedMode } from "./write-tar.ts";

test.each([
  { bytes: Buffer.from("0000644\0"), value: 0o644 },
  { bytes: Buffer.from("   644 \0"), value: 0o644 },
  { bytes: Buffer.alloc(8), value: 0 },
  { bytes: Buffer.from([0x80, 0, 0, 0, 0, 0, 1, 2]), value: 258 },
  { bytes: Buffer.from("0000698\0"), value: null },
  { bytes: Buffer.from("-000001\0"), value: null },
  { bytes: Buffer.alloc(12, 0xff), value: null },
])("the number $bytes is $value", ({ bytes, value }) => {
  expect(numberOf(bytes)).toBe(value);
});

test("pax records are counted in bytes, and may hold anything", () => {
  const body = Buffer.from("17 path=中/a=b\n\n22 mtime=1790000000.5\n");
  expect(readPax(body, 0)).toEqual({ path: "中/a=b\n", mtime: 1_790_000_000.5 });
});

test.each([
  "9 path=a",
  "0 path=a\n",
  "-1 path=a\n",
  "x path=a\n",
  "99 path=a\n",
  "7 path\n\n",
  "10 size=-1\n",
])("the pax record %j is damaged", (text) => {
  expect(() => readPax(Buffer.from(text), 512)).toThrow(/damaged at byte 512/);
});

test.each([
  { kind: "file", mode: 0o4777, masked: 0o775 },
  { kind: "file", mode: 0o400, masked: 0o600 },
  { kind: "file", mode: 0o640, masked: 0o640 },
  { kind: "file", mode: null, masked: 0o644 },
  { kind: "directory", mode: 0o1777, masked: 0o775 },
  { kind: "directory", mode: 0o2555, masked: 0o755 },
  { kind: "directory", mode: null, masked: 0o755 },
] as const)("a $kind of mode $mode is unpacked with $masked", ({ kind, mode, masked }) => {
  expect(maskedMode(kind, mode)).toBe(masked);
});

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pax, tar, tarEntry, zip } from "./archives.ts";
import { command, makeWorld } from "./world.ts";
import type { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

/** Fetches bytes under a name; what became of it in one line. */
async function fateOf(bytes: Uint8Array, name = "artifact-v1.tar"): Promise<string> {
  writeFileSync(join(world.directory, name), bytes);
  const got = await world.fetch("v1", { artifact: { url: name } });
  return got.ok ? `fine: ${got.value.entries} entries` : `${got.error.code}: ${got.error.message}`;
}

const A = { name: "a", body: "x".repeat(1000) };

test.each([
  {
    id: "an absolute path",
    bytes: () => tar({ name: "/etc/cron.d/x" }),
    words: 'hostile: the artifact\'s entry "/etc/cron.d/x"',
  },
  {
    id: "a way out",
    bytes: () => tar({ name: "a/../../x" }),
    words: 'hostile: the artifact\'s entry "a/../../x" leads out',
  },
  {
    id: "a way out by pax",
    bytes: () => tar(pax(["path", "../x"]), A),
    words: 'hostile: the artifact\'s entry "../x"',
  },
  {
    id: "a way out by GNU's long name",
    bytes: () => tar({ name: "L", type: "L", body: "../x\0" }, A),
    words: '"../x" leads out',
  },
  {
    id: "an absolute link",
    bytes: () => tar({ name: "a", type: "2", target: "/etc" }),
    words: 'link to the absolute path "/etc"',
  },
  {
    id: "an absolute link by pax",
    bytes: () => tar(pax(["linkpath", "/etc"]), { name: "a", type: "2", target: "b" }),
    words: '"/etc"',
  },
  {
    id: "an entry through a link",
    bytes: () => tar({ name: "a", type: "2", target: "." }, { name: "a/b" }),
    words: '"a/b" is written through "a", which is a symlink',
  },
  {
    id: "a hard link out",
    bytes: () => tar({ name: "a", type: "1", target: "../../etc/shadow" }),
    words: "is a hard link to",
  },
  {
    id: "a link with a body",
    bytes: () => tar(A, { name: "b", type: "1", target: "a", body: "x" }),
    words: "a link with 1 bytes",
  },
  {
    id: "a character device",
    bytes: () => tar({ name: "null", type: "3" }),
    words: '"null" is a character device',
  },
  { id: "a block device", bytes: () => tar({ name: "sda", type: "4" }), words: '"sda" is a block device' },
  {
    id: "a named pipe",
    bytes: () => tar({ name: "p", type: "6" }),
    words: '"p" is a named pipe; allowed are files',
  },
  { id: "a sparse file", bytes: () => tar({ name: "s", type: "S" }), words: '"s" is a sparse file' },
  {
    id: "a sparse file by pax",
    bytes: () => tar(pax(["GNU.sparse.major", "1"]), A),
    words: "has a sparse file",
  },
  {
    id: "an unknown type",
    bytes: () => tar({ name: "q", type: "Q" }),
    words: '"q" is of the unknown type "Q"',
  },
  {
    id: "a global path",
    bytes: () => tar({ ...pax(["path", "x"]), type: "g" }, A),
    words: "a global header that renames",
  },
  { id: "a file twice", bytes: () => tar(A, A), words: '"a" comes twice' },
  {
    id: "NUL in a name by pax",
    bytes: () => tar(pax(["path", "a\0b"]), A),
    words: "control character in its name",
  },
  {
    id: "a name that is no UTF-8",
    bytes: () => tar({ name: Buffer.from([0x61, 0xff]) }),
    words: "broken: a name in the tar is not UTF-8",
  },
  {
    id: "a huge header",
    bytes: () => tar({ name: "x", type: "x", size: 9_000_000_000 }),
    words: "a header of",
  },
  {
    id: "no end mark",
    bytes: () => tarEntry(A),
    words: "broken: the tar is truncated: it ends at byte 1536",
  },
  {
    id: "an end in a body",
    bytes: () => tarEntry(A).subarray(0, 700),
    words: "broken: the tar is truncated",
  },
  { id: "an end in a header", bytes: () => tar(A).subarray(0, 1600), words: "broken: the tar is truncated" },
  {
    id: "a second tar behind the first",
    bytes: () => Buffer.concat([tar(A), tar(A)]),
    words: "goes on after its end mark",
  },
  {
    id: "a damaged header",
    bytes: () => tar(A).fill(7, 20, 30),
    words: "damaged at byte 0: a header's checksum",
  },
  {
    id: "nothing in it",
    bytes: () => tar({ name: "./", type: "5" }),
    words: "broken: the artifact has no files in it",
  },
  { id: "nothing at all", bytes: () => Buffer.alloc(0), words: "broken: artifact-v1.tar is empty" },
  { id: "a page of a proxy", bytes: () => Buffer.from("<!DOCTYPE html>".repeat(100)), words: "broken: " },
])("a tar with $id is refused, by name", async ({ bytes, words }) => {
  expect(await fateOf(bytes())).toContain(words);
  expect(world.leftInCache("v1")).toEqual([]);
});

test("a control: the same tar without the hostile part is fine", async () => {
  expect(await fateOf(tar(pax(["path", "ok"]), A, { name: "b", type: "1", target: "ok" }))).toBe(
    "fine: 2 entries",
  );
});

test.each([
  {
    id: "a way out",
    bytes: () => zip({ name: "../x" }),
    words: 'hostile: the artifact\'s entry "../x" leads out',
  },
  { id: "an absolute path", bytes: () => zip({ name: "/x" }), words: '"/x" is an absolute path' },
  { id: "a backslash", bytes: () => zip({ name: "a\\..\\..\\x" }), words: "has a backslash in its name" },
  {
    id: "an absolute link",
    bytes: () => zip({ name: "l", body: "/etc", mode: 0o120777 }),
    words: 'absolute path "/etc"',
  },
  {
    id: "an entry through a link",
    bytes: () => zip({ name: "l", body: ".", mode: 0o120777 }, { name: "l/x" }),
    words: 'written through "l"',
  },
  { id: "a device", bytes: () => zip({ name: "d", mode: 0o020644 }), words: '"d" is a device or a pipe' },
  { id: "a pipe", bytes: () => zip({ name: "d", mode: 0o010644 }), words: '"d" is a device or a pipe' },
  {
    id: "an encrypted entry",
    bytes: () => zip({ name: "e", body: "x", flags: 0x801 }),
    words: "is encrypted",
  },
  {
    id: "an unknown method",
    bytes: () => zip({ name: "e", body: "x", method: 14 }),
    words: '"e" is compressed by method 14, which is not read',
  },
  {
    id: "a wrong checksum",
    bytes: () => zip({ name: "e", body: "x", crc: 1 }),
    words: '"e" is damaged: its checksum',
  },
  {
    id: "more bytes than announced",
    bytes: () => zip({ name: "e", body: "x".repeat(900), claimedSize: 9 }),
    words: '"e" cannot be read',
  },
  {
    id: "less bytes than announced",
    bytes: () => zip({ name: "e", body: "x", claimedSize: 9 }),
    words: '"e" cannot be read',
  },
  { id: "a name twice", bytes: () => zip({ name: "e" }, { name: "e" }), words: '"e" comes twice' },
  {
    id: "its end cut off",
    bytes: () => zip({ name: "e", body: "x" }).subarray(0, -8),
    words: "broken: the zip cannot be read",
  },
  {
    id: "something behind it",
    bytes: () => Buffer.concat([zip({ name: "e" }), Buffer.from("more")]),
    words: "broken: the zip",
  },
])("a zip with $id is refused, by name", async ({ bytes, words }) => {
  expect(await fateOf(bytes(), "artifact-v1.zip")).toContain(words);
  expect(world.leftInCache("v1")).toEqual([]);
});

test.each([
  { name: "artifact-v1.tar.gz", pack: gzipSync },
  { name: "artifact-v1.tar.zst", pack: zstdCompressSync },
])("$name that is truncated anywhere is refused", async ({ name, pack }) => {
  const whole = pack(
    tar({ name: "a", body: Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i) % 251)) }),
  );
  expect(await fateOf(whole, name)).toBe("fine: 1 entries");
  for (const length of [whole.length - 1, whole.length - 8, Math.floor(whole.length / 2), 20]) {
    world.remove();
    world = makeWorld();
    expect(await fateOf(whole.subarray(0, length), name), `${length} bytes`).toContain("artifact.broken");
  }
});

test.each([
  { id: "gzip", name: "artifact-v1.tar.gz", pack: (bytes: Buffer): Buffer => gzipSync(bytes) },
  { id: "zstd", name: "artifact-v1.tar.zst", pack: (bytes: Buffer): Buffer => zstdCompressSync(bytes) },
])("a bomb in $id is refused when it passes the limit", async ({ name, pack }) => {
  const fate = await fateOf(pack(tar({ name: "zeros", body: Buffer.alloc(60_000_000) })), name);
  expect(fate).toContain("artifact.too-large: the artifact unpacks to more than 50000000 bytes");
});

test("a bomb of padding is refused as well", async () => {
  const bytes = gzipSync(Buffer.concat([tar(A), Buffer.alloc(60_000_000)]));
  expect(await fateOf(bytes, "artifact-v1.tar.gz")).toContain("artifact.too-large");
});

test("a zip is counted over all of its entries", async () => {
  const bytes = zip(
    ...Array.from({ length: 60 }, (_, i) => ({ name: `z${i}`, body: Buffer.alloc(1_000_000) })),
  );
  expect(await fateOf(bytes, "artifact-v1.zip")).toContain("artifact.too-large");
});

// Mostly harmless, so that hostile parts stand where everything else is admitted.
const harmless = fc.constantFrom("a", "b", "link", "-rf", "$(x)", "~", "\u2025");
const hostile = fc.constantFrom("..", ".", "", "\u0000", "\n", "\\");
const nasty = fc
  .array(fc.oneof({ weight: 9, arbitrary: harmless }, { weight: 1, arbitrary: hostile }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("/"));
const climbing = fc.tuple(fc.integer({ min: 0, max: 3 }), nasty).map(([up, rest]) => "../".repeat(up) + rest);
const nastyEntry = fc.record({
  type: fc.constantFrom("0", "0", "1", "2", "5"),
  name: nasty,
  target: fc.oneof(
    climbing,
    climbing,
    nasty,
    nasty.map((text) => `/${text}`),
  ),
});

test("whatever a tar claims, GNU tar unpacks what we made of it inside its directory", async () => {
  let admitted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(nastyEntry, { minLength: 1, maxLength: 6 }), async (entries) => {
      const one = makeWorld();
      try {
        const bytes = tar(
          ...entries.flatMap(({ type, name, target }) => {
            const isLink = type === "1" || type === "2";
            return [
              pax(["path", name], ...(isLink ? [["linkpath", target] as const] : [])),
              { name: "x", type },
            ];
          }),
        );
        writeFileSync(join(one.directory, "artifact-v1.tar"), bytes);
        const got = await one.fetch("v1");
        if (!got.ok) return;
        admitted += 1;
        const inside = join(one.directory, "box", "inside");
        mkdirSync(inside, { recursive: true });
        execFileSync("tar", ["-xpf", got.value.tar, "-C", inside]);
        expect(readdirSync(join(one.directory, "box"))).toEqual(["inside"]);
        // -L follows every link, -m also those to nothing; where they lead has to be inside.
        const found = command("find", "-L", inside, "-maxdepth", "6", "-exec", "readlink", "-m", "{}", "+");
        const real = realpathSync(inside);
        const outside = found.stdout
          .split("\n")
          .filter((path) => path !== "" && path !== real && !path.startsWith(`${real}/`));
        expect(outside).toEqual([]);
      } finally {
        one.remove();
      }
    }),
    { numRuns: 150 },
  );
  // A control: some were admitted, so that the above was really tried.
  expect(admitted).toBeGreaterThan(10);
});

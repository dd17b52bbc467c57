import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { list } from "tar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pax, tar, TAR_END, tarEntry, zip } from "./archives.ts";
import { makeWorld } from "./world.ts";
import type { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(world.directory, name), bytes);

/** As an independent reader lists it: type, mode, path, target. */
async function listing(path: string): Promise<readonly string[]> {
  const found: string[] = [];
  await list({
    file: path,
    strict: true,
    onReadEntry: (entry) => {
      const arrow = entry.linkpath === undefined || entry.linkpath === "" ? "" : ` -> ${entry.linkpath}`;
      found.push(
        `${entry.type} ${(entry.mode ?? 0).toString(8)} ${entry.uid}:${entry.gid} ${entry.path}${arrow}`,
      );
    },
  });
  return found;
}

const HONEST = [
  { name: "app/", type: "5", mode: 0o1777 },
  { name: "app/server", body: "hello", mode: 0o6777 },
  { name: "app/current", type: "2", target: "server" },
  { name: "app/same", type: "1", target: "app/server" },
] as const;
const EXPECTED = [
  "Directory 775 0:0 app/",
  "File 775 0:0 app/server",
  "SymbolicLink 777 0:0 app/current -> server",
  "Link 644 0:0 app/same -> app/server",
];

test.each([
  { name: "artifact-v1.tar", bytes: () => tar(...HONEST) },
  { name: "artifact-v1.tar.gz", bytes: () => gzipSync(tar(...HONEST)) },
  { name: "artifact-v1.tgz", bytes: () => gzipSync(tar(...HONEST)) },
  { name: "artifact-v1.tar.zst", bytes: () => zstdCompressSync(tar(...HONEST)) },
  { name: "download", bytes: () => gzipSync(tar(...HONEST)) },
])("$name becomes a plain tar without owners and dangerous modes", async ({ name, bytes }) => {
  const content = bytes();
  put(name, content);
  const got = await world.fetched("v1", { artifact: { url: name } });
  expect(await listing(got.tar)).toEqual(EXPECTED);
  expect(got).toMatchObject({
    digest: createHash("sha256").update(content).digest("hex"),
    bytes: 5,
    entries: 4,
  });
  expect(world.leftInCache("v1")).toEqual(["artifact.json"]);
});

test("a zip becomes the same, its links and modes too", async () => {
  const bytes = zip(
    { name: "app/", mode: 0o41777 },
    { name: "app/server", body: "hello", mode: 0o106755 },
    { name: "app/current", body: "server", mode: 0o120777 },
    { name: "app/中文", body: "x".repeat(5000), mode: 0 },
  );
  put("artifact-v1.zip", bytes);
  const got = await world.fetched("v1", { artifact: { url: "artifact-v1.zip" } });
  expect(await listing(got.tar)).toEqual([
    "Directory 775 0:0 app/",
    "File 755 0:0 app/server",
    "SymbolicLink 777 0:0 app/current -> server",
    "File 644 0:0 app/中文",
  ]);
});

test("a directory is packed; its digest is that of its content, not of its times", async () => {
  const make = (name: string): void => {
    mkdirSync(join(world.directory, name, "bin"), { recursive: true });
    writeFileSync(join(world.directory, name, "bin", "run"), "#!/bin/sh\n", { mode: 0o755 });
    symlinkSync("bin/run", join(world.directory, name, "start"));
  };
  make("out-v1");
  const first = await world.fetched("v1", { artifact: { url: "out-{release}" } });
  expect(await listing(first.tar)).toEqual([
    "Directory 755 0:0 bin/",
    "File 755 0:0 bin/run",
    "SymbolicLink 777 0:0 start -> bin/run",
  ]);
  make("out-v2");
  execFileSync("touch", ["-d", "2020-01-01", join(world.directory, "out-v2", "bin", "run")]);
  expect((await world.fetched("v2", { artifact: { url: "out-{release}" } })).digest).toBe(first.digest);
});

test("long and foreign names come through, whichever way they were written", async () => {
  const long = `${"很长".repeat(20)}/${"名".repeat(60)}.txt`;
  const cut = Buffer.from(long).subarray(0, 100);
  const bytes = tar(
    { name: "L", type: "L", body: `${long}\0` },
    { name: cut, body: "gnu" },
    pax(["path", `pax/${long}`]),
    { name: "short", body: "pax" },
  );
  put("artifact-v1.tar", bytes);
  expect(await listing((await world.fetched("v1")).tar)).toEqual([
    `File 644 0:0 ${long}`,
    `File 644 0:0 pax/${long}`,
  ]);
});

test.each([
  { id: "named like the file", top: "artifact-v1", stripped: true },
  { id: "named after the release", top: "shop-v1", stripped: true },
  { id: "of another name", top: "dist", stripped: false },
])("a single top directory $id is taken off: $stripped", async ({ top, stripped }) => {
  put("artifact-v1.tar", tar({ name: `${top}/`, type: "5" }, { name: `${top}/a`, body: "a" }));
  const found = await listing((await world.fetched("v1")).tar);
  expect(found.at(-1)).toBe(stripped ? "File 644 0:0 a" : `File 644 0:0 ${top}/a`);
});

test("a top directory stays when something is beside it, even at the very end", async () => {
  put("artifact-v1.tar", tar({ name: "./shop-v1/a", body: "a" }, { name: "README" }));
  expect(await listing((await world.fetched("v1")).tar)).toEqual([
    "File 644 0:0 shop-v1/a",
    "File 644 0:0 README",
  ]);
});

test("what is fetched can be read by GNU tar without a word", async () => {
  put("artifact-v1.tar", Buffer.concat([...HONEST.map(tarEntry), TAR_END]));
  const got = await world.fetched("v1");
  expect(execFileSync("tar", ["-tf", got.tar], { encoding: "utf8" })).toBe(
    "app/\napp/server\napp/current\napp/same\n",
  );
});

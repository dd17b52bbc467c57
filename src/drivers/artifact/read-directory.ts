import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { noBody } from "./entry.ts";
import type { Entry } from "./entry.ts";
import { refuse } from "./refusal.ts";

/** Opened only when it is read: an entry that is refused leaves no file open. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
}

async function entryOf(root: string, path: string): Promise<Entry> {
  const full = join(root, path);
  const stat = await lstat(full);
  const common = { path, mode: stat.mode & 0o7777, mtime: Math.floor(stat.mtimeMs / 1000) };
  const bare = { ...common, target: "", size: 0, body: noBody() };
  if (stat.isDirectory()) return { ...bare, kind: "directory" };
  if (stat.isSymbolicLink()) return { ...bare, kind: "symlink", target: await readlink(full) };
  if (stat.isFile()) return { ...bare, kind: "file", size: stat.size, body: contentOf(full) };
  throw refuse("artifact.hostile", `${JSON.stringify(full)} is a device, a pipe or a socket`, {
    hint: "allowed are files, directories and links",
  });
}

/**
 * The entries of a directory on the controller, in the order of their names: the same content, the same tar.
 */
export async function* readDirectory(root: string, below = ""): AsyncGenerator<Entry> {
  const names = await readdir(join(root, below));
  for (const name of names.toSorted()) {
    const path = below === "" ? name : `${below}/${name}`;
    const entry = await entryOf(root, path);
    yield entry;
    if (entry.kind === "directory") yield* readDirectory(root, path);
  }
}

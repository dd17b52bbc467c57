// Builds releases of the small application: one archive each.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create } from "tar/create";
import type { Behaviour } from "./app.ts";

export const APP_FILE = "server.mjs";

/** The application as plain JavaScript: the source without types, or what the published package carries. */
export function appSource(): string {
  const here = import.meta.url;
  if (!here.endsWith(".ts")) return readFileSync(fileURLToPath(new URL("./demo-app.js", here)), "utf8");
  const source = readFileSync(fileURLToPath(new URL("./app.ts", here)), "utf8");
  return stripTypeScriptTypes(source, { mode: "strip" });
}

export interface Release {
  readonly release: string;
  readonly behaviour?: Behaviour;
  /** Further files by their path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Writes the files of a release into a directory, as they lie after unpacking. */
export function writeRelease(directory: string, { release, behaviour = {}, files = {} }: Release): void {
  const all = {
    [APP_FILE]: appSource(),
    "release.txt": `${release}\n`,
    "behaviour.json": `${JSON.stringify(behaviour)}\n`,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** Writes `shop-RELEASE.tar.gz` into the directory and returns its path. */
export async function packRelease(directory: string, release: Release): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `shop-${release.release}.tar.gz`);
  const content = mkdtempSync(join(directory, ".pack-"));
  writeRelease(content, release);
  await create({ gzip: true, file, cwd: content, portable: true }, ["."]);
  rmSync(content, { recursive: true });
  return file;
}

// Whether a test can run here. What cannot says so, loudly.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export const isRoot = (): boolean => process.getuid?.() === 0;

export function needs(condition: boolean, what: string, why: string): boolean {
  if (!condition) console.error(`\n!! ${what} SKIPPED: ${why}\n`);
  return condition;
}

/** Puts an empty file system of this size over the directory. */
export function mountSmall(directory: string, size: string): void {
  system("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", directory]);
}

/** Nobody can write there any more; returns what makes room again. */
export function fill(directory: string): () => void {
  const ballast = join(directory, "ballast");
  spawnSync("sh", ["-c", 'cat /dev/zero >"$1" 2>/dev/null', "sh", ballast]);
  return () => rmSync(ballast, { force: true });
}

export const unmount = (directory: string): void => system("umount", ["-l", directory]);

function system(binary: string, args: readonly string[]): void {
  execFileSync(binary, args, { stdio: "ignore" });
}

/** A small file system of its own can be mounted; a container may forbid it even to root. */
export function canMount(): boolean {
  if (!isRoot()) return false;
  const directory = mkdtempSync(join(tmpdir(), "glidepath-mount-"));
  try {
    mountSmall(directory, "64k");
    unmount(directory);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

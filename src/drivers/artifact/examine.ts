import { randomUUID } from "node:crypto";
import { rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Examiner, Finding } from "../../ports/examine.ts";
import { isDirectory } from "./paths.ts";

const MIB = 1024 * 1024;
const ENOUGH = 512 * MIB;

/** The nearest directory that is there: `check` changes nothing, so the cache is not made for it. */
async function nearest(path: string): Promise<string> {
  return (await isDirectory(path)) || dirname(path) === path ? path : nearest(dirname(path));
}

async function tryWriting(directory: string): Promise<string | null> {
  const path = join(directory, `.glidepath-check-${randomUUID()}`);
  try {
    await writeFile(path, "", { flag: "wx" });
    await rm(path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether the controller can keep artifacts. */
export function artifactExaminer(cache: string): Examiner {
  const subject = `controller: ${cache}`;
  const examine = async (): Promise<readonly Finding[]> => {
    const directory = await nearest(cache);
    const trouble = await tryWriting(directory);
    if (trouble !== null) {
      const todo = `let the user that runs Glidepath write in ${directory}`;
      return [{ severity: "fault", subject, found: `artifacts cannot be kept here: ${trouble}`, todo }];
    }
    const { bavail, bsize } = await statfs(directory);
    const free = Math.floor((bavail * bsize) / MIB);
    const found = `${free} MiB free for artifacts`;
    if (free * MIB >= ENOUGH) return [{ severity: "fine", subject, found, todo: null }];
    return [{ severity: "warning", subject, found, todo: "free some space: each release is kept here once" }];
  };
  return { examine };
}

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/**
 * A number that all sources and tests give together, 0 to 2^31 − 1: what was changed is tried with what was
 * never tried before, and the same sources with the same once more. A failure is then never one of chance.
 */
export function seedOfSources(): number {
  const digest = createHash("sha256");
  for (const room of ["src", "test"]) {
    const names = readdirSync(join(root, room), { recursive: true, encoding: "utf8" });
    for (const name of names.filter((one) => one.endsWith(".ts")).toSorted()) {
      digest.update(name).update(readFileSync(join(root, room, name)));
    }
  }
  return digest.digest().readUInt32BE() >>> 1;
}

import { execFileSync } from "node:child_process";
import { describeArgv } from "./config.ts";
import { makePlace } from "./place.ts";

const PATIENCE_MS = 10_000;

/** What ssh makes of an address: the HostName that its configuration has for it; null when ssh cannot say. */
export function hostNameOf(address: string, ownConfig: string | null): string | null {
  const place = makePlace(ownConfig);
  if (!place.ok) return null;
  const [binary, ...args] = describeArgv({ config: place.value.config, address });
  try {
    const said = execFileSync(binary, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: PATIENCE_MS,
    });
    return /^hostname (.+)$/m.exec(said)?.[1] ?? null;
  } catch {
    return null;
  }
}

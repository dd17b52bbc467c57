// A real nginx in a directory of the test's.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Nginx,
  type NginxOptions,
  nginxBinary,
  prepareNginx,
  startNginx,
  stopNginx,
  workerPids,
} from "../../src/demo/nginx.ts";
import { until } from "./until.ts";

/** False when this machine has no nginx; then says so, loudly, for the tests that are skipped. */
export function hasNginx(what: string): boolean {
  const found = nginxBinary() !== null;
  if (!found) console.error(`\n!! ${what} SKIPPED: there is no nginx here; script/setup installs one\n`);
  return found;
}

export interface TemporaryNginx {
  readonly nginx: Nginx;
  /** Starts it; a test writes its conf.d files before. */
  readonly start: () => Promise<void>;
  /** Ends it and removes its directory. */
  readonly close: () => Promise<void>;
}

export function temporaryNginx(options: NginxOptions = {}): TemporaryNginx {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "glidepath-nginx-")));
  const nginx = prepareNginx(directory, options);
  const close = async (): Promise<void> => {
    await stopNginx(nginx);
    rmSync(directory, { recursive: true, force: true });
  };
  return { nginx, start: () => startNginx(nginx), close };
}

/** Of one that is gone, nothing can be read or is left to read. */
function isLeaving(worker: number): boolean {
  try {
    const title = readFileSync(`/proc/${worker}/cmdline`, "utf8");
    return title === "" || title.includes("shutting down");
  } catch {
    return true;
  }
}

/** Those that a reload has replaced leave by and by: the workers once they are gone. */
export const settledWorkers = (nginx: Nginx): Promise<readonly number[]> =>
  until(
    () => workerPids(nginx),
    (workers) => !workers.some(isLeaving),
  );

// A real nginx in a directory of the test's.
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Nginx,
  type NginxOptions,
  nginxBinary,
  prepareNginx,
  startNginx,
  stopNginx,
} from "../../src/demo/nginx.ts";

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

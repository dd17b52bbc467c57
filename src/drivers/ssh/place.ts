import { createHash, randomUUID } from "node:crypto";
import { accessSync, constants, lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { err, ok, type Result } from "../../base/result.ts";
import { configText } from "./config.ts";
import type { Trouble } from "./trouble.ts";

/** What our ssh needs on the controller: a directory that is this user's alone, and our ssh_config in it. */
export interface Place {
  readonly directory: string;
  readonly config: string;
}

/** A control socket's path has at most 108 bytes, of which ssh itself takes 17 while it makes one. */
const LONGEST_DIRECTORY = 60;

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24);

/** `own`: the ssh_config that the file names; absolute. */
export function makePlace(own: string | null): Result<Place, Trouble> {
  const directory = directoryPath();
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fault = faultOf(directory);
    if (fault !== null) return err({ why: fault, todo: `move ${directory} away` });
    const name = digest(own ?? "");
    if (own !== null) {
      accessSync(own, constants.R_OK);
      replace(join(directory, `own-${name}`), (path) => symlinkSync(own, path));
    }
    const config = join(directory, `config-${name}`);
    const text = configText(own === null ? null : join(directory, `own-${name}`));
    replace(config, (path) => writeFileSync(path, text, { mode: 0o600 }));
    return ok({ directory, config });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return err({ why, todo: own === null ? "see the rights there" : "see ssh.config in the file" });
  }
}

/** Whoever reads it meets the former or the new one, whole. */
function replace(path: string, make: (beside: string) => void): void {
  const beside = `${path}.${randomUUID()}`;
  make(beside);
  renameSync(beside, path);
}

const me = (): number => process.getuid?.() ?? 0;

function directoryPath(): string {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? "";
  const mine = runtime.startsWith("/") && runtime.length <= LONGEST_DIRECTORY - 14 && isMine(runtime);
  // In /tmp nobody else can rename or remove it.
  return mine ? join(runtime, "glidepath-ssh") : `/tmp/glidepath-ssh-${me()}`;
}

function isMine(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.uid === me() && (found.mode & 0o022) === 0;
}

/** Whoever may write there could have us run anything. */
function faultOf(directory: string): string | null {
  const found = lstatSync(directory);
  if (!found.isDirectory()) return `${directory} is no directory`;
  if (found.uid !== me()) return `${directory} belongs to another user`;
  return (found.mode & 0o077) === 0 ? null : `${directory} is open to other users`;
}

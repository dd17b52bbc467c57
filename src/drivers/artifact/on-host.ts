import { randomUUID } from "node:crypto";
import { appError } from "../../base/errors.ts";
import type { AppError } from "../../base/errors.ts";
import { present } from "../../base/assert.ts";
import { err, ok } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";
import { millis, minutes, seconds } from "../../base/time.ts";
import type { Duration } from "../../base/time.ts";
import type { Application, Host } from "../../model/application.ts";
import { releaseId } from "../../model/ids.ts";
import type { HostName, ReleaseId } from "../../model/ids.ts";
import { refused } from "../../model/outcome.ts";
import type { Outcome } from "../../model/outcome.ts";
import type { Artifact } from "../../ports/artifact.ts";
import type { Hosts } from "../../ports/host.ts";
import { sumOf } from "./cache.ts";
import { explain, lostError, outcomeOf } from "./replies.ts";
import { EXCHANGE, EXITS, INSTALLED, PREPARE, PRUNE, UNPACK } from "./scripts.ts";

export interface HostSide {
  readonly application: Application;
  readonly hosts: Hosts;
}

const ASKING = seconds(30);
const DELETING = minutes(5);
/** The slowest connection that is worth waiting for: 256 KiB a second. */
const SLOWEST_BYTES_A_MS = 256;

const transferTime = (bytes: number): Duration => millis(minutes(5) + bytes / SLOWEST_BYTES_A_MS);

/** What it will take on the disk: each file is rounded up to a block; a tenth more for what one forgets. */
const kibNeeded = ({ bytes, entries }: Artifact): number =>
  Math.ceil(((bytes + entries * 4096) * 1.1) / 1024);

function hostOf({ application }: HostSide, name: HostName): Host {
  return present(
    application.hosts.find((host) => host.name === name),
    `host ${name}`,
  );
}

/** Of two shared entries of which one is in the other, the inner one would be the user's own file. */
export function nestedShared(shared: readonly string[]): AppError | null {
  for (const outer of shared) {
    const inner = shared.find((entry) => entry !== outer && entry.startsWith(`${outer}/`));
    if (inner === undefined) continue;
    return appError("file.invalid", `shared: ${inner} is inside ${outer}, which is shared already`, {
      hint: `leave ${inner} out: it is shared with ${outer}`,
    });
  }
  return null;
}

export async function stageOn(side: HostSide, name: HostName, artifact: Artifact): Promise<Outcome> {
  const { shared } = side.application;
  const nested = nestedShared(shared);
  if (nested !== null) return refused(nested);
  const { root } = hostOf(side, name);
  const { release, digest, tar } = artifact;
  const port = side.hosts(name);
  const context = { host: name, release };
  // Asked first, so that nothing is sent to a host that has it, or has no room for it.
  const before = await port.run({
    script: PREPARE,
    args: [root, release, digest, String(kibNeeded(artifact)), ...shared],
    timeout: ASKING,
  });
  if (before.kind === "exited" && before.code === EXITS.done) return exchangeOn(side, context);
  if (before.kind === "lost" || before.code !== EXITS.absent) return outcomeOf(before, context);
  const reply = await port.run({
    script: UNPACK,
    args: [root, release, digest, sumOf(tar), randomUUID(), ...shared],
    input: { file: tar },
    timeout: transferTime(artifact.bytes),
  });
  const outcome = outcomeOf(reply, context);
  return outcome.kind === "done" ? exchangeOn(side, context) : outcome;
}

const EXCHANGING = minutes(5);

interface Staged {
  readonly host: HostName;
  readonly release: ReleaseId;
}

/** Files that pages of one release ask for come into the others. */
async function exchangeOn(side: HostSide, { host, release }: Staged): Promise<Outcome> {
  const { assets } = side.application;
  if (assets === undefined) return { kind: "done" };
  const { root, slots } = hostOf(side, host);
  const time = String(Math.max(1, Math.round(assets.for / minutes(1))));
  const places = [String(slots.length), ...slots.map((slot) => slot.dir)];
  const args = [root, release, time, randomUUID(), ...places, ...assets.dirs];
  const reply = await side.hosts(host).run({ script: EXCHANGE, args, timeout: EXCHANGING });
  return outcomeOf(reply, { host, release });
}

const linesOf = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

export async function installedOn(
  side: HostSide,
  name: HostName,
): Promise<Result<readonly ReleaseId[], AppError>> {
  const { root } = hostOf(side, name);
  const reply = await side.hosts(name).run({ script: INSTALLED, args: [root], timeout: ASKING });
  if (reply.kind === "lost") return err(lostError(name, reply.why));
  if (reply.code !== EXITS.done) return err(explain(reply, { host: name, release: "" as ReleaseId }));
  return ok(
    linesOf(reply.stdout)
      .map(releaseId)
      .filter((id) => id !== null),
  );
}

export async function pruneOn(side: HostSide, name: HostName, inUse: readonly ReleaseId[]): Promise<Outcome> {
  const { root, slots } = hostOf(side, name);
  const dirs = slots.map((slot) => slot.dir);
  const keep = Math.max(1, side.application.artifact.keep);
  const reply = await side.hosts(name).run({
    script: PRUNE,
    args: [root, String(keep), randomUUID(), String(dirs.length), ...dirs, ...inUse],
    timeout: DELETING,
  });
  const outcome = outcomeOf(reply, { host: name, release: "" as ReleaseId });
  if (outcome.kind !== "done" || reply.kind === "lost" || reply.stdout === "") return outcome;
  return { kind: "done", note: `deleted ${linesOf(reply.stdout).join(", ")}` };
}

import { appError, type AppError } from "../base/errors.ts";
import type { Application } from "../model/application.ts";
import type { ReleaseId } from "../model/ids.ts";
import { limit } from "./limit.ts";
import type { EnginePorts } from "./ports.ts";

/** How many rollouts back a release to go back to is looked for. */
const HISTORY = 1000;
/** Hosts that are asked at once. */
const MOST_ASKED = 10;
const MOST_NAMED = 12;

interface Sought {
  readonly release: ReleaseId;
  readonly stable: ReleaseId | null;
}

/** What the stable release replaced when it came. */
export async function previousRelease(
  { name }: Application,
  { journal }: EnginePorts,
  stable: ReleaseId | null,
): Promise<ReleaseId | null> {
  const history = await journal.history(name, HISTORY);
  const came = history.find(
    ({ rollout }) => rollout.phase.name === "completed" && rollout.release === stable,
  );
  return came?.rollout.from ?? null;
}

/**
 * Nothing is gone back to that never was here: by the store it never served, and it lies on no host. Null
 * where it is known, or a host is silent: what that means is told by who looks at all of them.
 */
export async function neverHere(
  { name, hosts }: Application,
  { journal, artifacts }: EnginePorts,
  { release, stable }: Sought,
): Promise<AppError | null> {
  const served = (await journal.history(name, HISTORY)).flatMap(({ rollout }) =>
    [rollout.phase.name === "completed" ? rollout.release : null, rollout.from].filter((id) => id !== null),
  );
  if (release === stable || served.includes(release)) return null;
  const limited = limit(MOST_ASKED);
  const found = await Promise.all(hosts.map((host) => limited(() => artifacts.installed(host.name))));
  const lying = found.flatMap((one) => (one.ok ? one.value : []));
  if (found.some(({ ok }) => !ok) || lying.includes(release)) return null;
  const others = [...new Set([...served, ...lying])].filter((id) => id !== stable);
  const named = others.slice(0, MOST_NAMED).join(", ");
  const rest = others.length > MOST_NAMED ? ` and ${others.length - MOST_NAMED} more` : "";
  const there = others.length === 0 ? "none besides what runs" : named + rest;
  return appError("release.unknown", `${name}: there is no release ${release} to go back to`, {
    hint: `there are: ${there}. A new one comes by \`glidepath release ${release}\``,
  });
}

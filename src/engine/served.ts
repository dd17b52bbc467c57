import { poolOf, type Application } from "../model/application.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Routing } from "../model/routing.ts";
import { isHealthy, slotSeen } from "../rollout/sight.ts";

/**
 * The store knows nothing, and a rollout stands half-way: what all gateways lead users to can still be the
 * release to start from, if its slots serve and may carry everybody. The stable one first: it is known
 * longer. null: nobody can say.
 */
export function servedIn(application: Application, seen: Observation): ReleaseId | null {
  const routings = application.gateways.map(({ name }) => {
    const state = seen.gateways[name];
    return state?.known === true && state.value.serving ? state.value.routing : null;
  });
  const all = routings.filter((routing) => routing !== null);
  if (all.length === 0 || all.length < routings.length) return null;
  const candidates = (["stable", "canary"] as const).map((role) =>
    carriedBy(application, seen, { role, all }),
  );
  return candidates.find((release) => release !== null) ?? null;
}

interface Role {
  readonly role: "stable" | "canary";
  readonly all: readonly Routing[];
}

function carriedBy(application: Application, seen: Observation, { role, all }: Role): ReleaseId | null {
  const pool = poolOf(application.hosts);
  const slots = pool.filter(({ key }) => all.every((routing) => routing[role].includes(key)));
  const releases = new Set(slots.map(({ key }) => servedBy(seen, key)));
  const [release = null] = releases;
  const canCarry = slots.length * application.policy.maxLoad >= pool.length;
  return releases.size === 1 && canCarry ? release : null;
}

function servedBy(seen: Observation, slot: SlotKey): ReleaseId | null {
  const state = slotSeen(seen, slot)?.value;
  return state?.process === "running" && isHealthy(seen, slot) ? state.release : null;
}

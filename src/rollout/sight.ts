import { after, type Instant } from "../base/time.ts";
import type { Generation, HostName, RolloutId, SlotKey } from "../model/ids.ts";
import type { GatewayState, Health, Observation, SlotState } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";

interface Sighting<T> {
  readonly at: Instant;
  readonly value: T;
}

export function slotSeen(seen: Observation, slot: SlotKey): Sighting<SlotState> | null {
  const observed = seen.slots[slot];
  return observed?.known === true ? observed : null;
}

export function healthSeen(seen: Observation, slot: SlotKey): Sighting<Health> | null {
  const observed = seen.health[slot];
  return observed?.known === true ? observed : null;
}

export function gatewaySeen(seen: Observation, gateway: HostName): Sighting<GatewayState> | null {
  const observed = seen.gateways[gateway];
  return observed?.known === true ? observed : null;
}

/** No look at it had an answer for `hostLostAfter`; without looks nothing is known. */
export function isSilentForLong({ plan }: Rollout, { silent }: Observation, host: HostName): boolean {
  const silence = silent?.[host];
  return silence !== undefined && silence.lastAt >= after(silence.since, plan.hostLostAfter);
}

/** A definite no. What could not be asked is not unwell (law 3). */
export const isUnwell = (seen: Observation, slot: SlotKey): boolean =>
  healthSeen(seen, slot)?.value.healthy === false;

/** One missed look is not yet an illness. */
const SICK_AFTER = 3;

/** Definitely and repeatedly not healthy. */
export function isSick(seen: Observation, slot: SlotKey): boolean {
  const health = healthSeen(seen, slot)?.value;
  return health?.healthy === false && (health.misses ?? SICK_AFTER) >= SICK_AFTER;
}

export const isHealthy = (seen: Observation, slot: SlotKey): boolean =>
  healthSeen(seen, slot)?.value.healthy === true;

interface Written {
  readonly generation: Generation;
  readonly writer?: RolloutId;
}

/** Somebody else wrote there: at a newer generation, or at the very number of ours. */
export const isOverwritten = ({ id }: Rollout, seen: Written, ours: Generation): boolean =>
  seen.generation > ours || (seen.generation === ours && seen.writer !== undefined && seen.writer !== id);

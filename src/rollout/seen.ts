import type { Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { GatewayState, Health, Observation, SlotState } from "../model/observation.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Action } from "./actions.ts";

/** How a dispatched action ended. */
export interface Settled {
  readonly action: Action;
  readonly outcome: Outcome;
}

/** Everything that a decision looks at: the world, and what became of our own actions since the last decision. */
export interface Seen extends Observation {
  readonly outcomes: readonly Settled[];
}

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

export const isHealthy = (seen: Observation, slot: SlotKey): boolean =>
  healthSeen(seen, slot)?.value.healthy === true;

import type { Generation, HostName, ReleaseId, RolloutId, SlotKey } from "./ids.ts";
import type { BasisPoints } from "./share.ts";

/**
 * Who serves whom, the same on every gateway. `canary` is always a prefix of the pool's order and `stable` a
 * suffix; a slot in neither is out of rotation.
 */
export interface Routing {
  readonly canary: readonly SlotKey[];
  readonly stable: readonly SlotKey[];
  /** The part of the users (or, split by servers, of the slots) that the canary gets. */
  readonly share: BasisPoints;
}

/** A routing with the stamp that it was written at. */
export interface RoutingTable {
  readonly generation: Generation;
  readonly writer: RolloutId;
  readonly routing: Routing;
  /** What the two roles run, for the header that says so. */
  readonly releases?: { readonly canary: ReleaseId | null; readonly stable: ReleaseId | null };
  /** Lost hosts: the pool is without their slots. */
  readonly excluded?: readonly HostName[];
}

export const inRotation = (routing: Routing, slot: SlotKey): boolean =>
  routing.canary.includes(slot) || routing.stable.includes(slot);

export const rotationSize = (routing: Routing): number => routing.canary.length + routing.stable.length;

const sameSlots = (a: readonly SlotKey[], b: readonly SlotKey[]): boolean =>
  a.length === b.length && a.every((slot, i) => slot === b[i]);

export const sameRouting = (a: Routing, b: Routing): boolean =>
  a.share === b.share && sameSlots(a.canary, b.canary) && sameSlots(a.stable, b.stable);

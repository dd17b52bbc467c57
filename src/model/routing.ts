import type { Generation, HostName, ReleaseId, RolloutId, SlotKey } from "./ids.ts";
import { EVERYTHING, type BasisPoints } from "./share.ts";

/**
 * Who serves whom, the same on every gateway. `canary` is always a prefix of the pool's order and `stable` a
 * suffix; a slot in neither is out of rotation.
 */
export interface Routing {
  readonly canary: readonly SlotKey[];
  readonly stable: readonly SlotKey[];
  /** The part of the users (or, split by servers, of the slots) that the canary gets. */
  readonly share: BasisPoints;
  /** Absent: all slots of a role get the same. */
  readonly ramp?: Ramp;
  /** Of the stable's requests that change nothing, the part of which the canary gets a copy; absent: none. */
  readonly mirror?: BasisPoints;
  /** Absent: nobody stays with the release that he has a page of. */
  readonly pins?: Pins;
}

/** Slots of one role that have joined lately, while they get less than the others of it. */
export interface Ramp {
  readonly newcomers: readonly SlotKey[];
  /** The part of the role's traffic that goes to all its slots; the rest goes to those that it had before. */
  readonly part: BasisPoints;
}

/** Whose visitors stay with their release, whatever their bucket says, while both serve. */
export interface Pins {
  /** Those of the canary: not on the way back. */
  readonly canary: boolean;
  /** Those of the stable release whose bucket is not below: its slots carry so many and no more. */
  readonly stable: BasisPoints;
}

/** The routing without its newcomers: what serves the rest of their role. A role may be left by all. */
export function beforeRamp({ canary, stable, share, ramp }: Routing): Routing {
  const isOld = (slot: SlotKey): boolean => ramp?.newcomers.includes(slot) !== true;
  return { canary: canary.filter(isOld), stable: stable.filter(isOld), share };
}

/** The most that a slot gets of all traffic, copies included, as a part of 1. */
export function heaviestOf(routing: Routing, role: "canary" | "stable"): number {
  const { share, ramp, mirror = 0 } = routing;
  const all = (role === "canary" ? share + mirror : EVERYTHING - share) / EVERYTHING;
  const slots = routing[role].length;
  if (slots === 0) return 0;
  if (ramp === undefined || !ramp.newcomers.some((slot) => routing[role].includes(slot))) return all / slots;
  const part = ramp.part / EVERYTHING;
  return all * (part / slots + (1 - part) / Math.max(1, slots - ramp.newcomers.length));
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
  /** Slots in the midst of those that serve, which do not: the pool is without them. */
  readonly aside?: readonly SlotKey[];
}

const members = new WeakMap<Routing, ReadonlySet<SlotKey>>();

/** All that serve; counted out once for a routing, which never changes. */
export function rotationOf(routing: Routing): ReadonlySet<SlotKey> {
  const known = members.get(routing);
  if (known !== undefined) return known;
  const slots = new Set([...routing.canary, ...routing.stable]);
  members.set(routing, slots);
  return slots;
}

export const inRotation = (routing: Routing, slot: SlotKey): boolean => rotationOf(routing).has(slot);

export const rotationSize = (routing: Routing): number => routing.canary.length + routing.stable.length;

const sameSlots = (a: readonly SlotKey[], b: readonly SlotKey[]): boolean =>
  a === b || (a.length === b.length && a.every((slot, i) => slot === b[i]));

export const sameRouting = (a: Routing, b: Routing): boolean =>
  a === b ||
  (a.share === b.share &&
    a.mirror === b.mirror &&
    sameSlots(a.canary, b.canary) &&
    sameSlots(a.stable, b.stable) &&
    a.ramp?.part === b.ramp?.part &&
    a.pins?.canary === b.pins?.canary &&
    a.pins?.stable === b.pins?.stable &&
    sameSlots(a.ramp?.newcomers ?? [], b.ramp?.newcomers ?? []));

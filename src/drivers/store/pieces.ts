import type { SlotKey } from "../../model/ids.ts";
import type { Rollout, RoutingChange } from "../../model/rollout.ts";
import type { Routing } from "../../model/routing.ts";

/**
 * What of a rollout grows with its pool is kept in pieces beside the rest: the plan whole, the others so many
 * members at a time. A save writes those that are others than before.
 */
export interface Piece {
  readonly part: Part;
  /** Of its first member; 0 for the plan. */
  readonly place: number;
  /** null: there is none any more. */
  readonly body: string | null;
}
export type Part = "plan" | Sliced;
type Sliced = (typeof SLICED)[number];
const SLICED = ["slots", "hooked"] as const;

/** Of a pool's slots these fit into a page of the database. Slots that move together stand side by side. */
export const MEMBERS = 64;

/** The pieces that tell `now` from `before`, by identity; all of them when nothing is known to be there. */
export function piecesOf(before: Rollout | null, now: Rollout): readonly Piece[] {
  const plan: Piece[] =
    before?.plan === now.plan ? [] : [{ part: "plan", place: 0, body: JSON.stringify(now.plan) }];
  return [...plan, ...SLICED.flatMap((part) => slicesOf(part, before?.[part] ?? {}, now[part]))];
}

type Members = Readonly<Record<string, unknown>>;

function slicesOf(part: Sliced, was: Members, is: Members): readonly Piece[] {
  if (was === is) return [];
  const before = Object.keys(was);
  const now = Object.keys(is);
  const pieces: Piece[] = [];
  for (let place = 0; place < Math.max(before.length, now.length); place += MEMBERS) {
    const names = now.slice(place, place + MEMBERS);
    const isSame =
      Math.min(before.length - place, MEMBERS) === names.length &&
      names.every((name, i) => before[place + i] === name && was[name] === is[name]);
    if (isSame) continue;
    const members = Object.fromEntries(names.map((name) => [name, is[name]]));
    pieces.push({ part, place, body: names.length === 0 ? null : JSON.stringify(members) });
  }
  return pieces;
}

/** Neighbours in the plan's order: the place of the first, and how many. */
type Neighbours = readonly [place: number, count: number];
type Slots = readonly (SlotKey | Neighbours)[];
type Short<T> = Omit<T, "canary" | "stable"> & { readonly canary: Slots; readonly stable: Slots };

/** A rollout without its pieces. Its routings name the pool's slots by their places. */
type Rest = Omit<Rollout, Part | "routing" | "landing" | "change"> & {
  readonly routing: Short<Routing>;
  readonly landing: readonly Short<Routing>[];
  readonly change: (Omit<RoutingChange, "routing"> & { readonly routing: Short<Routing> }) | null;
};

export function restOf({ plan, slots: _slots, hooked: _hooked, ...rest }: Rollout): string {
  const short = (routing: Routing): Short<Routing> => ({
    ...routing,
    canary: shortened(routing.canary, plan.slots),
    stable: shortened(routing.stable, plan.slots),
  });
  const { routing, landing, change } = rest;
  const kept: Rest = {
    ...rest,
    routing: short(routing),
    landing: landing.map(short),
    change: change && { ...change, routing: short(change.routing) },
  };
  return JSON.stringify(kept);
}

function shortened(slots: readonly SlotKey[], pool: readonly SlotKey[]): Slots {
  const short: (SlotKey | Neighbours)[] = [];
  for (let i = 0; i < slots.length;) {
    const slot = slots[i] as SlotKey;
    const place = pool.indexOf(slot);
    const count = place === -1 ? 1 : alike([slots, i], [pool, place]);
    short.push(count === 1 ? slot : [place, count]);
    i += count;
  }
  return short;
}

type From = readonly [slots: readonly SlotKey[], place: number];

/** How many members are the same in both, from a place in each. */
function alike([some, i]: From, [others, j]: From): number {
  let count = 0;
  while (i + count < some.length && some[i + count] === others[j + count]) count += 1;
  return count;
}

const spelled = (slots: Slots, pool: readonly SlotKey[]): readonly SlotKey[] =>
  slots.flatMap((one) => (typeof one === "string" ? [one] : pool.slice(one[0], one[0] + one[1])));

export interface KeptPiece {
  readonly part: string;
  readonly body: string;
}

/** Put together again. What was kept before there were pieces is whole. */
export function rolloutOf(state: string, pieces: readonly KeptPiece[]): Rollout {
  const rest = JSON.parse(state) as Rest | Rollout;
  if ("plan" in rest) return rest;
  const parts: Record<string, object> = { plan: {}, slots: {}, hooked: {} };
  for (const { part, body } of pieces) parts[part] = { ...parts[part], ...(JSON.parse(body) as object) };
  const { plan, slots, hooked } = parts as unknown as Pick<Rollout, Part>;
  const long = (routing: Short<Routing>): Routing => ({
    ...routing,
    canary: spelled(routing.canary, plan.slots),
    stable: spelled(routing.stable, plan.slots),
  });
  const { routing, landing, change } = rest;
  return {
    ...rest,
    plan,
    slots,
    hooked,
    routing: long(routing),
    landing: landing.map(long),
    change: change && { ...change, routing: long(change.routing) },
  };
}

import { assert } from "../../base/assert.ts";
import type { SlotKey } from "../../model/ids.ts";
import type { Routing } from "../../model/routing.ts";

/**
 * Groups are written once for a pool and never change: the canary is always a prefix of the pool's order and
 * the stable release a suffix. Whoever is in neither is out of rotation.
 *
 *   p2       slots 0 1              s2       slots 2 3
 *   p2b3     slots 0 1, backup 3    s3b2     slot 3, backup 0 1         (slot 2 is out of rotation)
 *   w1_2     slots 0 2 3            split by servers: all but slot 1
 */
export interface Group {
  readonly name: string;
  /** Places in the pool. */
  readonly servers: readonly number[];
  /** Only asked when every one of `servers` failed the request. */
  readonly backups: readonly number[];
}

export interface Layout {
  readonly pool: readonly SlotKey[];
  readonly split: "users" | "servers";
  /** Slots that may be out of rotation at once. */
  readonly maxUnavailable: number;
}

export type Role = "canary" | "stable";

/** The group that can always serve: every slot. What nginx falls back to when it cannot read the switch. */
export const EVERYBODY = "s0";

/** A request is tried at so many slots: when all of a small role are dead the other one is reached. */
export const MOST_TRIES = 8;

/** Backups of a group. At most seven dead slots have any: these many carry what those did. */
const MOST_BACKUPS = 32;

/**
 * Up to this many slots every combination has its group; above, only those with few slots out of rotation,
 * and, for users, those whose backups can be reached: behind as many slots as there are tries none is asked.
 */
const SMALL_USERS = 6;
const SMALL_SERVERS = 16;

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

export function groupsOf(layout: Layout): readonly Group[] {
  const n = layout.pool.length;
  assert(n >= 1, "a pool has at least one slot");
  const plain = [
    ...range(0, n).map((k) => group(`s${k}`, range(k, n))),
    ...range(1, n + 1).map((c) => group(`p${c}`, range(0, c))),
  ];
  return [...plain, ...(layout.split === "users" ? fallbackGroups(layout) : windowGroups(layout))];
}

/** Lines of the config that name a slot. */
export const slotLines = (layout: Layout): number =>
  groupsOf(layout).reduce((sum, { servers, backups }) => sum + servers.length + backups.length, 0);

const group = (name: string, servers: readonly number[], backups: readonly number[] = []): Group => ({
  name,
  servers,
  backups,
});

/**
 * Both roles have slots; slots c to k−1 are out of rotation: each role's dead slots fall back to the other
 * role.
 */
function fallbackGroups({ pool, maxUnavailable }: Layout): readonly Group[] {
  const n = pool.length;
  const isSmall = n <= SMALL_USERS;
  const both = pairs(n, 0, isSmall ? n : maxUnavailable).flatMap(([c, k]) => [
    group(`p${c}b${k}`, range(0, c), range(k, n).slice(0, MOST_BACKUPS)),
    group(`s${k}b${c}`, range(k, n), range(0, c).slice(0, MOST_BACKUPS)),
  ]);
  return isSmall ? both : both.filter(({ servers }) => servers.length < MOST_TRIES);
}

function windowGroups({ pool, maxUnavailable }: Layout): readonly Group[] {
  const n = pool.length;
  const most = n <= SMALL_SERVERS ? n : maxUnavailable;
  return pairs(n, 1, most).map(([c, k]) => group(`w${c}_${k}`, [...range(0, c), ...range(k, n)]));
}

/** All 1 ≤ c ≤ k < n with `least` to `most` places between them. */
const pairs = (n: number, least: number, most: number): readonly (readonly [number, number])[] =>
  range(1, n).flatMap((c) => range(c + least, Math.min(c + most, n - 1) + 1).map((k) => [c, k] as const));

/** The group that serves a role's users under this routing. */
export function groupFor(layout: Layout, routing: Routing, role: Role): Group {
  const groups = new Map(groupsOf(layout).map((one) => [one.name, one]));
  const { c, k } = edges(layout, routing);
  const names = layout.split === "users" ? userNames(layout, { c, k }, role) : serverNames(layout, routing);
  const name = names.find((one) => groups.has(one));
  assert(name !== undefined, `no group for ${c} canary slots and the stable ones from ${k}`);
  return groups.get(name) as Group;
}

interface Edges {
  /** Slots before it are the canary's. */
  readonly c: number;
  /** Slots from it on are the stable release's. */
  readonly k: number;
}

function edges({ pool }: Layout, routing: Routing): Edges {
  assert(
    isRepresentable(pool, routing),
    "the canary is a prefix of the pool and the stable release a suffix",
  );
  return { c: routing.canary.length, k: pool.length - routing.stable.length };
}

/** A routing that this pool's groups can express; one of an older pool may not be. */
export function isRepresentable(pool: readonly SlotKey[], { canary, stable }: Routing): boolean {
  const k = pool.length - stable.length;
  const fits = canary.length <= k && canary.length + stable.length > 0;
  return (
    fits && canary.every((slot, i) => slot === pool[i]) && stable.every((slot, i) => slot === pool[k + i])
  );
}

function userNames({ pool }: Layout, { c, k }: Edges, role: Role): readonly string[] {
  const n = pool.length;
  if (k === n) return [`p${c}`];
  if (c === 0) return [`s${k}`];
  return role === "canary" ? [`p${c}b${k}`, `p${c}`] : [`s${k}b${c}`, `s${k}`];
}

/** One group for everybody. A pool so large that a window has no group is served by its larger role alone. */
function serverNames(layout: Layout, routing: Routing): readonly string[] {
  const n = layout.pool.length;
  const { c, k } = edges(layout, routing);
  if (c === 0 || (routing.share === 0 && k < n)) return [`s${k}`];
  if (k === n || routing.share === 10_000) return [`p${c}`];
  if (c === k) return [EVERYBODY];
  return [`w${c}_${k}`, c > n - k ? `p${c}` : `s${k}`];
}

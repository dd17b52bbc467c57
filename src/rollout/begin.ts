import type { Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout, RolloutPlan } from "../model/rollout.ts";
import { courseOf, isFirst, isNewcomer, leave, stop } from "./evolve.ts";
import { beginHook, isPast } from "./hooks.ts";
import { isLooking } from "./look.ts";
import { musterOf } from "./muster.ts";
import { serving } from "./wanted.ts";
import type { Seen } from "./seen.ts";
import { isHealthy, isSick, isUnwell } from "./sight.ts";

interface Begin {
  /** How many slots of the pool's order shall run the release. */
  readonly count: number;
  readonly seen: Seen;
  readonly now: Instant;
}

/** Begins the next slots in the plan's order, as many at once as may be out of rotation. */
export function beginSlots(rollout: Rollout, { count, seen, now }: Begin): Rollout {
  const { plan } = rollout;
  const { moving, firstWaiting } = musterOf(rollout);
  if (rollout.paused !== null || moving.some(({ slot }) => isNewcomer(rollout, slot))) return rollout;
  if (firstWaiting >= count || isLooking(rollout, seen, now)) return rollout;
  // Until a new slot carries its part, the others carry it: none of them leaves meanwhile.
  if (plan.ramp !== undefined && moving.some(({ slot }) => takesOn(rollout, slot))) return rollout;
  const bench = benchOf(rollout, seen);
  let next = rollout;
  for (const slot of rollout.plan.slots.slice(firstWaiting, count)) {
    if (!isWaiting(next, slot)) continue;
    // Slots join in order: one that overtook a held one would wait for it with its place out of rotation
    // taken.
    if (!bench.mayLeave(slot)) break;
    const before = { name: "beforeSlot", slot } as const;
    if (!isPast(next, before)) return beginHook(next, before, now);
    next = begin(next, slot, now);
    bench.leaves(slot);
  }
  return next;
}

const takesOn = ({ slots }: Rollout, slot: SlotKey): boolean =>
  slots[slot]?.at === "joining" || slots[slot]?.at === "ramping";

export function isWaiting(rollout: Rollout, slot: SlotKey): boolean {
  const course = courseOf(rollout, slot);
  return course.at === "settled" && course.release !== rollout.release;
}

/**
 * Where nothing ran before there is nothing to lead away; what may run there unknown to us is stopped first.
 */
const begin = (rollout: Rollout, slot: SlotKey, now: Instant): Rollout =>
  isFirst(rollout)
    ? stop(rollout, slot, { target: rollout.release, now })
    : leave(rollout, slot, { target: rollout.release, now });

/** Who serves, counted once for all that want to leave. */
interface Bench {
  /**
   * A slot may leave while enough others serve. One that is not healthy itself protects nobody by staying,
   * and where no slot is healthy there is nothing to protect.
   */
  mayLeave(slot: SlotKey): boolean;
  leaves(slot: SlotKey): void;
}

function benchOf(rollout: Rollout, seen: Seen): Bench {
  const { slots, maxUnavailable } = rollout.plan;
  const isKnown = (slot: SlotKey): boolean => seen.health[slot]?.known === true;
  let out = musterOf(rollout).moving.length;
  const gone = new Set<SlotKey>();
  let healthy = 0;
  let unknown = 0;
  // Where nobody may leave, there is no need to count.
  for (const slot of out < maxUnavailable ? slots : []) {
    if (courseOf(rollout, slot).at !== "settled") continue;
    if (isHealthy(seen, slot)) healthy += 1;
    if (!isKnown(slot)) unknown += 1;
  }
  return {
    mayLeave: (slot) => {
      if (isFirst(rollout)) return true;
      if (out >= maxUnavailable || emptiesGroup(rollout, gone, slot)) return false;
      const others = healthy - (isHealthy(seen, slot) ? 1 : 0);
      if (others >= slots.length - maxUnavailable) return true;
      return isSick(seen, slot) && unknown === 0;
    },
    leaves: (slot) => {
      out += 1;
      gone.add(slot);
      if (isHealthy(seen, slot)) healthy -= 1;
      if (!isKnown(slot)) unknown -= 1;
    },
  };
}

/** It is the last of its host or label in rotation: the others come back first. */
function emptiesGroup({ plan, slots }: Rollout, gone: ReadonlySet<SlotKey>, slot: SlotKey): boolean {
  if (plan.maxUnavailable === 1) return false;
  const isAway = (other: SlotKey): boolean =>
    other === slot || gone.has(other) || slots[other]?.at !== "settled";
  const groups = groupsOf(plan).get(slot) ?? [];
  return groups.some((group) => group.length < plan.slots.length && group.every(isAway));
}

type Group = RolloutPlan["groups"][number];

const indexes = new WeakMap<RolloutPlan["groups"], ReadonlyMap<SlotKey, readonly Group[]>>();

/** The groups of each slot, found once for a plan: there are as many as hosts. */
function groupsOf({ groups }: RolloutPlan): ReadonlyMap<SlotKey, readonly Group[]> {
  const known = indexes.get(groups);
  if (known !== undefined) return known;
  const index = new Map<SlotKey, Group[]>();
  for (const group of groups) {
    for (const slot of group) index.set(slot, [...(index.get(slot) ?? []), group]);
  }
  indexes.set(groups, index);
  return index;
}

/** Slots of the canary that are definitely not healthy, or just were: nobody is led to it before they are. */
export const sickCanary = (rollout: Rollout, seen: Seen): readonly SlotKey[] =>
  serving(rollout, rollout.release).filter(
    (slot) => isUnwell(seen, slot) || rollout.faltering?.[slot] !== undefined,
  );

/** The first slot that waits for others to be healthy before it may leave, and those. */
export function heldBack(rollout: Rollout, count: number, seen: Seen): readonly SlotKey[] {
  const { firstWaiting } = musterOf(rollout);
  const waiting = firstWaiting < count ? rollout.plan.slots[firstWaiting] : undefined;
  if (waiting === undefined || benchOf(rollout, seen).mayLeave(waiting)) return [];
  return rollout.plan.slots.filter((slot) => slot !== waiting && !isHealthy(seen, slot));
}

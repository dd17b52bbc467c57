import type { Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { isNewcomer } from "./courses.ts";
import { courseOf, isFirst, leave, stop } from "./evolve.ts";
import { beginHook, isPast } from "./hooks.ts";
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
  if (rollout.paused !== null || rollout.plan.slots.some((slot) => isNewcomer(rollout, slot))) return rollout;
  let next = rollout;
  for (const slot of rollout.plan.slots.slice(0, count)) {
    if (!isWaiting(next, slot)) continue;
    // Slots join in order: one that overtook a held one would wait for it with its place out of rotation
    // taken.
    if (!mayLeave(next, slot, seen)) break;
    const before = { name: "beforeSlot", slot } as const;
    if (!isPast(next, before)) return beginHook(next, before, now);
    next = begin(next, slot, now);
  }
  return next;
}

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

/**
 * A slot may leave while enough others serve. One that is not healthy itself protects nobody by staying, and
 * where no slot is healthy there is nothing to protect.
 */
export function mayLeave(rollout: Rollout, slot: SlotKey, seen: Seen): boolean {
  if (isFirst(rollout)) return true;
  const { slots, maxUnavailable } = rollout.plan;
  const out = slots.filter((other) => courseOf(rollout, other).at !== "settled");
  if (out.length >= maxUnavailable || emptiesGroup(rollout, slot)) return false;
  const others = slots.filter((other) => other !== slot && !out.includes(other));
  const healthy = others.filter((other) => isHealthy(seen, other));
  if (healthy.length >= slots.length - maxUnavailable) return true;
  return isSick(seen, slot) && others.every((other) => seen.health[other]?.known === true);
}

/** It is the last of its host or label in rotation: the others come back first. */
function emptiesGroup({ plan, slots }: Rollout, slot: SlotKey): boolean {
  if (plan.maxUnavailable === 1) return false;
  const isAway = (other: SlotKey): boolean => other === slot || slots[other]?.at !== "settled";
  return plan.groups.some(
    (group) => group.includes(slot) && group.length < plan.slots.length && group.every(isAway),
  );
}

/** Slots of the canary that are definitely not healthy: nobody is led to it before they are again. */
export const sickCanary = (rollout: Rollout, seen: Seen): readonly SlotKey[] =>
  serving(rollout, rollout.release).filter((slot) => isUnwell(seen, slot));

/** The first slot that waits for others to be healthy before it may leave, and those. */
export function heldBack(rollout: Rollout, count: number, seen: Seen): readonly SlotKey[] {
  const waiting = rollout.plan.slots.slice(0, count).find((slot) => isWaiting(rollout, slot));
  if (waiting === undefined || mayLeave(rollout, waiting, seen)) return [];
  return rollout.plan.slots.filter((slot) => slot !== waiting && !isHealthy(seen, slot));
}

import { after, seconds, type Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Rollout, SlotCourse } from "../model/rollout.ts";
import { isGoingBack } from "./evolve.ts";
import { musterOf } from "./muster.ts";
import { isSilentForLong } from "./sight.ts";

/**
 * How long a slot that is ready waits for those behind it. Slots that boot within it of each other are one
 * switch; a slot that is slower is another pool, and one more when it joins.
 */
export const PATIENCE = seconds(3);

/**
 * Going back, users do not wait for a slot that has failed to come up, is tried again, or whose host is
 * silent or has a full disk, nor longer than PATIENCE for one that is slow: the others take their places
 * before it does, and keep them. Whatever `onHostLost` says, for that is about going on.
 */
export function passedOver(
  rollout: Rollout,
  seen: Observation,
  now: Instant,
): (slot: SlotKey, place: number) => boolean {
  if (!isGoingBack(rollout)) return () => false;
  // Found once, and only if somebody asks.
  let first: number | null = null;
  let ahead: number | null = null;
  return (slot, place) => {
    const course = rollout.slots[slot];
    if (course === undefined || course.at === "settled") return false;
    if (isHindered(rollout, seen, slot) || place > (first ??= firstServing(rollout))) return true;
    // What leaves may still serve, behind whoever is ready.
    return course.at !== "leaving" && place > (ahead ??= firstAhead(rollout, now));
  };
}

/**
 * Whoever joins in the midst of those that serve changes the pool. So those that do so join together: when
 * all are ready, or the first of them has waited for PATIENCE.
 */
export function heldBack(rollout: Rollout, seen: Observation, now: Instant): (place: number) => boolean {
  let first: number | null = null;
  let isHeld: boolean | null = null;
  return (place) =>
    place > (first ??= firstServing(rollout)) && (isHeld ??= isMidstComing(rollout, first, { seen, now }));
}

interface Sight {
  readonly seen: Observation;
  readonly now: Instant;
}

function isMidstComing(rollout: Rollout, first: number, { seen, now }: Sight): boolean {
  const midst = musterOf(rollout).moving.filter(({ place }) => place > first);
  if (midst.some(({ slot }) => hasWaited(rollout, slot, now))) return false;
  return midst.some(({ slot }) => isComing(rollout, slot) && !isHindered(rollout, seen, slot));
}

function isComing(rollout: Rollout, slot: SlotKey): boolean {
  const course = rollout.slots[slot];
  if (course === undefined || course.at === "settled") return false;
  return course.target === rollout.from && !isReady(rollout, course);
}

/** It does not come up, or nobody can tell. */
function isHindered(rollout: Rollout, seen: Observation, slot: SlotKey): boolean {
  const course = rollout.slots[slot];
  if (course === undefined || course.at === "settled") return false;
  if (course.at === "failed" || course.attempt > 1 || course.full !== undefined) return true;
  const host = rollout.plan.hostOf[slot];
  return host !== undefined && isSilentForLong(rollout, seen, host);
}

/** The place of the first slot that users of the stable release are led to. */
function firstServing(rollout: Rollout): number {
  const serves = new Set(musterOf(rollout).stable);
  const first = rollout.routing.stable.find((slot) => serves.has(slot));
  return first === undefined ? Infinity : rollout.plan.slots.indexOf(first);
}

/** The place of the first slot on its way that waits for nobody behind it any more. */
function firstAhead(rollout: Rollout, now: Instant): number {
  const isAhead = (slot: SlotKey): boolean => {
    const course = rollout.slots[slot];
    return (course?.at === "joining" && course.inTurn === true) || hasWaited(rollout, slot, now);
  };
  return musterOf(rollout).moving.find(({ slot }) => isAhead(slot))?.place ?? Infinity;
}

function hasWaited(rollout: Rollout, slot: SlotKey, now: Instant): boolean {
  const course = rollout.slots[slot];
  if (course === undefined || course.at === "settled" || !isReady(rollout, course)) return false;
  return now >= after(course.since, PATIENCE);
}

/** It runs the stable release, and can take users. */
function isReady({ from, plan }: Rollout, course?: SlotCourse): boolean {
  if (course === undefined || course.at === "settled" || course.target !== from) return false;
  if (course.at === "smoking") return course.passed >= plan.smokeChecks;
  return course.at === "joining" || course.at === "ramping";
}

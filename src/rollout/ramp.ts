import { after, millis, type Duration, type Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { heaviestOf, type Routing } from "../model/routing.ts";
import { evenShare } from "../model/capacity.ts";
import { basisPoints, EVERYTHING } from "../model/share.ts";
import { courseOf, isFirst, isGoingBack } from "./evolve.ts";
import { musterOf } from "./muster.ts";

/** Each step is a switch on every gateway: not more than one a second, and not many. */
const MOST_STEPS = 10;
const STEP = millis(1000);

export const rampSteps = (ramp: Duration): number =>
  Math.max(1, Math.min(MOST_STEPS, Math.floor(ramp / STEP)));

/** When a slot that ramps gets more for the time number `done` + 1. */
export const growsAt = (ramp: Duration, since: Instant, done: number): Instant =>
  after(since, millis(Math.round((ramp * (done + 1)) / rampSteps(ramp))));

/** A slot that is seen in rotation gets its traffic by and by, and does not come from nowhere. */
export function ramps(rollout: Rollout, slot: SlotKey): boolean {
  if (rollout.plan.ramp === undefined || isFirst(rollout)) return false;
  if (isGoingBack(rollout)) return rollout.routing.ramp?.newcomers.includes(slot) === true;
  const course = courseOf(rollout, slot);
  return course.at === "joining" && course.target === rollout.release;
}

/**
 * Slots of `role` that are about to join, or ramp, and the part of their load that they have by now. One that
 * waits for its turn is in no role yet.
 */
function newcomersOf(
  rollout: Rollout,
  role: readonly SlotKey[],
): { readonly slots: readonly SlotKey[]; readonly part: number } {
  const { plan, aborted, release, from } = rollout;
  const slots: SlotKey[] = [];
  let least = Infinity;
  for (const { slot } of musterOf(rollout).moving) {
    const course = courseOf(rollout, slot);
    if (course.at !== "joining" && course.at !== "ramping") continue;
    if (course.target !== (aborted === null ? release : from) || !role.includes(slot)) continue;
    // What never left, or is called back, is warm.
    if (course.at === "joining" && aborted !== null && wasServing(rollout, slot)) continue;
    slots.push(slot);
    least = Math.min(least, course.at === "ramping" ? course.done : 0);
  }
  const steps = rampSteps(plan.ramp ?? STEP);
  return { slots, part: least === Infinity ? 1 : (least + 1) / (steps + 1) };
}

const wasServing = ({ routing, landing }: Rollout, slot: SlotKey): boolean =>
  [routing, ...landing].some((one) => one.ramp === undefined && one.stable.includes(slot));

/**
 * Forward: what `wanted` asks of the canary's new slots, in small parts. First the old slots share what the
 * role has already, then the share itself widens: no slot ever gets more than before one joined or after.
 */
export function rampedForward(rollout: Rollout, wanted: Routing): Routing {
  const { canary, stable, share } = wanted;
  if (rollout.plan.ramp === undefined || isFirst(rollout)) return wanted;
  const { slots: newcomers, part } = newcomersOf(rollout, canary);
  if (newcomers.length === 0) return wanted;
  const total = Math.floor(share * part);
  const old = canary.slice(0, canary.length - newcomers.length);
  // While it ramps others may have left: the old slots of both roles carry their part of that.
  const even = evenShare(share, old.length, stable.length);
  const present = basisPoints(Math.max(rollout.routing.share, even));
  if (total >= present || old.length === 0 || old.some((slot) => newcomers.includes(slot))) {
    return { ...wanted, share: basisPoints(Math.max(total, present)) };
  }
  const ramp = { newcomers, part: basisPoints(Math.floor((EVERYTHING * total) / present)) };
  return { ...wanted, share: present, ramp };
}

/** Going back, users come first: slots ramp only when nobody is left on the canary. */
export function rampedBack(rollout: Rollout, wanted: Routing, isWell: (slot: SlotKey) => boolean): Routing {
  const { canary, stable, share } = wanted;
  if (rollout.plan.ramp === undefined || share > 0 || canary.length > 0) return wanted;
  if ([rollout.routing, ...rollout.landing].some((one) => one.share > 0)) return wanted;
  const { slots: newcomers, part } = newcomersOf(rollout, stable);
  const old = stable.slice(newcomers.length);
  if (newcomers.length === 0 || old.some((slot) => newcomers.includes(slot))) return wanted;
  if (!old.some(isWell)) return wanted;
  const isAsked = old.some((slot) => rollout.routing.stable.includes(slot));
  const most = isAsked ? heaviestOf(rollout.routing, "stable") : 1;
  const least = partFor(most, { all: stable.length, newcomers: newcomers.length });
  const ramped = Math.max(Math.floor(EVERYTHING * part), Math.round(EVERYTHING * least));
  return ramped >= EVERYTHING ? wanted : { ...wanted, ramp: { newcomers, part: basisPoints(ramped) } };
}

/**
 * The part that newcomers have to take, so that none of the others gets more than `most`: who joins beside
 * one that ramps already would give a part of that one's traffic back to them.
 */
const partFor = (most: number, count: { readonly all: number; readonly newcomers: number }): number =>
  ((1 - most * (count.all - count.newcomers)) * count.all) / count.newcomers;

import type { SlotKey } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";
import { isGoingBack } from "./evolve.ts";
import { musterOf } from "./muster.ts";
import { isSilentForLong } from "./sight.ts";

/**
 * Going back, users do not wait for a slot that has failed to come up, is tried again, or whose host is
 * silent or has a full disk: the others take their places before it does, and keep them. Whatever
 * `onHostLost` says, for that is about going on.
 */
export function passedOver(rollout: Rollout, seen: Observation): (slot: SlotKey, place: number) => boolean {
  if (!isGoingBack(rollout)) return () => false;
  const { plan, slots } = rollout;
  // Found once, and only if somebody asks.
  let first: number | null = null;
  return (slot, place) => {
    const course = slots[slot];
    if (course === undefined || course.at === "settled") return false;
    if (course.at === "failed" || course.attempt > 1 || course.full !== undefined) return true;
    const host = plan.hostOf[slot];
    if (host !== undefined && isSilentForLong(rollout, seen, host)) return true;
    return place > (first ??= firstServing(rollout));
  };
}

/** The place of the first slot that users of the stable release are led to. */
function firstServing(rollout: Rollout): number {
  const serves = new Set(musterOf(rollout).stable);
  const first = rollout.routing.stable.find((slot) => serves.has(slot));
  return first === undefined ? Infinity : rollout.plan.slots.indexOf(first);
}

import type { Instant } from "../../base/time.ts";
import { canarySlotsFor } from "../../model/capacity.ts";
import type { Rollout } from "../../model/rollout.ts";
import { EVERYTHING } from "../../model/share.ts";
import { beginSlots, sickCanary } from "../begin.ts";
import { widen } from "../change.ts";
import { enter, isFirst } from "../evolve.ts";
import { musterOf } from "../muster.ts";
import { wantedForward } from "../wanted.ts";
import { stepOf } from "../steps.ts";
import { beginHook, slotToFollow } from "../hooks.ts";
import type { Seen } from "../seen.ts";

/** Slots are brought to the release, as few as can carry the step's share. */
export function updating(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const slot = slotToFollow(rollout);
  if (slot !== null) return beginHook(rollout, { name: "afterSlot", slot }, now);
  const count = slotsForStep(rollout);
  if (sickCanary(rollout, seen).length > 0) return rollout;
  if (isCarried(rollout, count)) return enter(rollout, { name: "shifting" });
  const begun = beginSlots(rollout, { count, seen, now });
  return widen(begun, wantedForward(begun, limitOf(begun)), now);
}

export function slotsForStep(rollout: Rollout): number {
  const { slots, maxUnavailable } = rollout.plan;
  if (isFirst(rollout)) return slots.length;
  const step = stepOf(rollout);
  return step.slots ?? canarySlotsFor(step.mirror ?? step.share, slots.length, maxUnavailable);
}

const limitOf = (rollout: Rollout) => (isFirst(rollout) ? EVERYTHING : stepOf(rollout).share);

function isCarried(rollout: Rollout, count: number): boolean {
  const { moving, firstWaiting } = musterOf(rollout);
  const isSettled = firstWaiting >= count && moving.every(({ place }) => place >= count);
  return rollout.change === null && !rollout.unsettled && isSettled;
}

import type { Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import { EVERYTHING } from "../../model/share.ts";
import { beginSlots, sickCanary } from "../begin.ts";
import { request, widen } from "../change.ts";
import { enter } from "../evolve.ts";
import { falteringSlots } from "../exits.ts";
import { beginHook, isPast, slotToFollow } from "../hooks.ts";
import type { Seen } from "../seen.ts";
import { areAllSettled, isAllAt, wantedAtEnd, wantedForward } from "../wanted.ts";

const AFTER = { name: "afterRelease" } as const;

/** All traffic is with the canary: the remaining slots are updated, then the canary becomes stable. */
export function finishing(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { phase, plan, release } = rollout;
  if (phase.name !== "finishing") return rollout;
  const slot = slotToFollow(rollout);
  if (slot !== null) return beginHook(rollout, { name: "afterSlot", slot }, now);
  if (isAllAt(rollout, release)) {
    if (falteringSlots(rollout).length > 0) return rollout;
    if (!isPast(rollout, AFTER)) return beginHook(rollout, AFTER, now);
    return enter({ ...rollout, endedAt: now }, { name: "completed" });
  }
  if (areAllSettled(rollout, release)) return request(rollout, wantedAtEnd(rollout), now);
  if (sickCanary(rollout, seen).length > 0) return rollout;
  const begun = beginSlots(rollout, { count: plan.slots.length, seen, now });
  return widen(begun, wantedForward(begun, EVERYTHING), now);
}

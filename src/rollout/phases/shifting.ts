import type { Instant } from "../../base/time.ts";
import { EVERYTHING } from "../../model/share.ts";
import { sameRouting } from "../../model/routing.ts";
import type { Rollout } from "../../model/rollout.ts";
import { sickCanary } from "../begin.ts";
import { widen } from "../change.ts";
import { isFirst } from "../evolve.ts";
import type { Seen } from "../seen.ts";
import { holdStep, stepOf } from "../steps.ts";
import { wantedForward } from "../wanted.ts";

/** The share goes to the step's, now that enough slots carry it; and requests are mirrored to them. */
export function shifting(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { share, bake, approve, mirror } = stepOf(rollout);
  // At 100 % without a hold the remaining slots leave in the very switch that shifts: see finishing.
  const holds = bake > 0 || approve || rollout.plan.hooks.includes("afterShift");
  if (isFirst(rollout) || (share === EVERYTHING && !holds)) return holdStep(rollout, now);
  const carried = wantedForward(rollout, share);
  // With a lost host one release alone may be left: there is nothing to share then.
  const isShared = carried.stable.length > 0 && carried.canary.length > 0;
  const copies = mirror === undefined ? {} : { mirror };
  const wanted = isShared ? { ...carried, share, ...copies } : carried;
  if (rollout.change === null && !rollout.unsettled && sameRouting(rollout.routing, wanted)) {
    return holdStep(rollout, now);
  }
  if (sickCanary(rollout, seen).length > 0) return rollout;
  return rollout.paused === null ? widen(rollout, wanted, now) : rollout;
}

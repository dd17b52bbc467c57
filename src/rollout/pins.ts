import { maxLoadBack, pinsHeldFrom } from "../model/capacity.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Pins, Routing } from "../model/routing.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";

/**
 * A routing, and whose visitors stay with the release that they have a page of. Nobody stays with one that is
 * given up: the canary on the way back, or what a rollback leaves.
 */
export function pinned(rollout: Rollout, routing: Routing): Routing {
  return rollout.plan.pin === undefined ? routing : { ...routing, pins: pinsOf(rollout, routing) };
}

function pinsOf({ plan, kind, aborted }: Rollout, { canary, stable }: Routing): Pins {
  const isBack = aborted !== null;
  if (canary.length === 0 || stable.length === 0) {
    return { canary: canary.length > 0 && !isBack, stable: NOTHING };
  }
  if (kind === "rollback" && !isBack) return { canary: true, stable: EVERYTHING };
  const { length } = plan.slots;
  return { canary: !isBack, stable: pinsHeldFrom(length, stable.length, maxLoadBack(plan)) };
}

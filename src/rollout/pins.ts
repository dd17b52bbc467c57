import { maxLoadBack, pinsHeldFrom } from "../model/capacity.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Pins, Routing } from "../model/routing.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";

/**
 * A routing, and whose visitors stay with the release that they have a page of. Nobody stays with one that is
 * given up: the canary on the way back, or what a rollback leaves. Nor with the canary while no share leads
 * to it: a label can be worked out, and who had one of an earlier try is no tester.
 */
export function pinned(rollout: Rollout, routing: Routing): Routing {
  return rollout.plan.pin === undefined ? routing : { ...routing, pins: pinsOf(rollout, routing) };
}

function pinsOf({ plan, kind, aborted }: Rollout, { canary, stable, share }: Routing): Pins {
  const isBack = aborted !== null;
  if (canary.length === 0 || stable.length === 0) {
    return { canary: canary.length > 0 && !isBack, stable: NOTHING };
  }
  const isOpen = !isBack && share > NOTHING;
  if (kind === "rollback" && !isBack) return { canary: isOpen, stable: EVERYTHING };
  const { length } = plan.slots;
  return { canary: isOpen, stable: pinsHeldFrom(length, stable.length, maxLoadBack(plan)) };
}

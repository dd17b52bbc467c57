import type { Rollout } from "../model/rollout.ts";
import { maxLoadBack } from "../model/capacity.ts";
import { EVERYTHING } from "../model/share.ts";
import { heaviestOf, rotationSize } from "../model/routing.ts";
import { courseOf, isFirst } from "./evolve.ts";

/** Rounding of a share to basis points. */
const ROUNDING = 1 / EVERYTHING;

/** The laws that a rollout's own state can break, by name; empty when it keeps them. */
export function brokenLaws(rollout: Rollout): readonly string[] {
  return [...sharesCarried(rollout), ...rotationKept(rollout), ...stoppedOnlyOutside(rollout)];
}

/** Law 4: a share has slots that carry it, none of them above its limit. */
function sharesCarried(rollout: Rollout): readonly string[] {
  const { routing, plan } = rollout;
  const n = plan.slots.length;
  const limit = rollout.aborted === null ? 1 / (n - plan.maxUnavailable) : plan.maxLoad / n;
  const canary = routing.share / EVERYTHING;
  const broken: string[] = [];
  if (canary > 0 && routing.canary.length === 0) broken.push("law 4: a share without a canary slot");
  broken.push(...pinsCarried(rollout));
  if (routing.mirror !== undefined) broken.push(...mirrorKept(rollout));
  if (canary < 1 && routing.stable.length === 0 && rotationSize(routing) > 0) {
    broken.push("law 4: a share without a stable slot");
  }
  // What a lost host leaves to the others is not asked of them by us: the simulation judges each switch.
  if (isFirst(rollout) || rollout.aborted !== null || rollout.excluded.length > 0) return broken;
  for (const role of ["canary", "stable"] as const) {
    const load = heaviestOf(routing, role);
    if (load > limit + ROUNDING) broken.push(`law 4: ${load} on a ${role} slot, limit ${limit}`);
  }
  return broken;
}

/** Law 4: nobody is held at a release that is given up, nor at more load than going back may bring. */
function pinsCarried({ plan, routing, change, aborted, kind }: Rollout): readonly string[] {
  const broken: string[] = [];
  const back = change?.back === true ? change.routing.pins : undefined;
  if (back?.canary === true) broken.push("law 4: going back, visitors are held at the canary");
  const { pins, stable, canary, share } = routing;
  if (pins === undefined || canary.length === 0 || stable.length === 0) return broken;
  if (kind === "rollback" && aborted === null && pins.stable < share) {
    broken.push("law 4: visitors are held at what a rollback leaves");
  }
  const held = (EVERYTHING - pins.stable) / EVERYTHING / stable.length;
  const limit = maxLoadBack(plan) / plan.slots.length;
  if (pins.stable < share && held > limit + ROUNDING)
    broken.push(`law 4: pins hold ${held} at a stable slot`);
  return broken;
}

/** Copies go to a release that nobody sees yet, and end with its going back. */
function mirrorKept({ routing, change }: Rollout): readonly string[] {
  const broken: string[] = [];
  if (routing.share > 0) broken.push("law 4: requests are mirrored while users get the release");
  if (routing.canary.length === 0) broken.push("law 4: requests are mirrored to nobody");
  if (change?.back === true && change.routing.mirror !== undefined) {
    broken.push("law 4: going back, requests are mirrored");
  }
  return broken;
}

/** Law 5: forward, never fewer than N−u slots in rotation. */
function rotationKept(rollout: Rollout): readonly string[] {
  const { routing, plan } = rollout;
  if (isFirst(rollout) || rollout.aborted !== null) return [];
  const least = plan.slots.length - plan.maxUnavailable;
  const size = rotationSize(routing);
  return size < least ? [`law 5: ${size} slots in rotation, at least ${least} must be`] : [];
}

/** Law 1: what is stopped, switched or started is out of every routing, also of one on its way. */
function stoppedOnlyOutside(rollout: Rollout): readonly string[] {
  const { routing, change, plan } = rollout;
  return plan.slots.flatMap((slot) => {
    const { at } = courseOf(rollout, slot);
    if (at !== "stopping" && at !== "switching" && at !== "starting") return [];
    const routed = [routing, ...(change === null ? [] : [change.routing])].some(
      ({ canary, stable }) => canary.includes(slot) || stable.includes(slot),
    );
    return routed ? [`law 1: ${slot} is ${at} while it is routed to`] : [];
  });
}

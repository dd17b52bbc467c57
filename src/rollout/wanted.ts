import type { Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import { evenShare, maxLoadBack, wayBack } from "../model/capacity.ts";
import { basisPoints, EVERYTHING, NOTHING, type BasisPoints } from "../model/share.ts";
import { inRotation, sameRouting, type Routing } from "../model/routing.ts";
import { courseOf, isFirst, isLeftOut, isNewcomer } from "./evolve.ts";
import { musterOf } from "./muster.ts";
import { passedOver } from "./passed-over.ts";
import { pinned } from "./pins.ts";
import { rampedBack, rampedForward } from "./ramp.ts";
import type { Observation } from "../model/observation.ts";
import { isHealthy } from "./sight.ts";

/** Slots that are in rotation or about to join, running `release`, in the plan's order. */
export function serving(rollout: Rollout, release: ReleaseId | null): readonly SlotKey[] {
  if (release === null) return [];
  return release === rollout.release ? musterOf(rollout).canary : musterOf(rollout).stable;
}

/** What the gateways should route while the rollout goes forward and its step asks for `limit`. */
export const wantedForward = (rollout: Rollout, limit: BasisPoints): Routing =>
  pinned(rollout, unpinnedForward(rollout, limit));

function unpinnedForward(rollout: Rollout, limit: BasisPoints): Routing {
  const { plan } = rollout;
  const canary = serving(rollout, rollout.release);
  const stable = withoutEarly(rollout, serving(rollout, rollout.from));
  const all = plan.slots.length;
  // At a first release all join together: one that is held back meanwhile holds the others too.
  if (isFirst(rollout) && canary.length < all) return rollout.routing;
  // The last slot joins the release that is stable from then on: one switch for both, unless it ramps.
  if (canary.length === all) {
    const ramped = rampedForward(rollout, { canary, stable, share: EVERYTHING });
    return ramped.ramp === undefined ? { canary: [], stable: canary, share: NOTHING } : ramped;
  }
  // With a lost host a role can lose its last slot.
  if (canary.length === 0) return { canary, stable, share: NOTHING };
  const even = evenShare(limit, canary.length, stable.length);
  const share = basisPoints(Math.max(even, Math.min(limit, rollout.routing.share)));
  return rampedForward(rollout, { canary, stable, share });
}

/** Newcomers join together too: one alone could be in the midst of the pool, where no group has it. */
function withoutEarly(rollout: Rollout, stable: readonly SlotKey[]): readonly SlotKey[] {
  const news = musterOf(rollout).moving.filter(({ slot }) => isNewcomer(rollout, slot));
  if (news.every(({ slot }) => stable.includes(slot))) return stable;
  return stable.filter((slot) => inRotation(rollout.routing, slot) || !isNewcomer(rollout, slot));
}

/** The end of a completed rollout: the canary has become stable. */
export const wantedAtEnd = (rollout: Rollout): Routing =>
  pinned(rollout, { canary: [], stable: rollout.plan.slots, share: NOTHING });

export const areAllSettled = (rollout: Rollout, release: ReleaseId | null): boolean =>
  musterOf(rollout).moving.length === 0 &&
  rollout.plan.slots.every((slot) => {
    const course = courseOf(rollout, slot);
    return course.at === "settled" && (course.release === release || isLeftOut(rollout, slot));
  });

/** Every slot runs `release` and every gateway was seen to route to all of them (or, for null, to none). */
export function isAllAt(rollout: Rollout, release: ReleaseId | null): boolean {
  if (rollout.change !== null || rollout.unsettled || !areAllSettled(rollout, release)) return false;
  const stable = release === null ? [] : rollout.plan.slots.filter((slot) => !isLeftOut(rollout, slot));
  return sameRouting(rollout.routing, pinned(rollout, { canary: [], stable, share: NOTHING }));
}

/** Runs the canary and was not written to: also one that was told to leave and can still be called back. */
export function canServeCanary({ release, routing, landing, slots }: Rollout, slot: SlotKey): boolean {
  const course = slots[slot];
  if (course?.at === "settled") return course.release === release;
  if (course?.at !== "leaving" || course.target === release) return false;
  return [routing, ...landing].some(({ canary }) => canary.includes(slot));
}

/** No user who has returned goes to the canary again. */
function returning({ routing, change }: Rollout, canarySlots: number, share: BasisPoints): BasisPoints {
  // What is being committed may have reached a gateway already.
  const landed = change?.stage === "committing" ? change.routing.share : EVERYTHING;
  return canarySlots === 0 ? NOTHING : basisPoints(Math.min(share, routing.share, landed));
}

/**
 * Users first: as many as the stable slots carry at `maxLoad` return in one switch; canary slots that no
 * share needs any more are left out, and can go back all at once.
 */
export function wantedBack(rollout: Rollout, seen: Observation, now: Instant): Routing {
  const wanted = pinned(rollout, unrampedBack(rollout, seen, now));
  return rampedBack(rollout, wanted, (slot) => isHealthy(seen, slot));
}

function unrampedBack(rollout: Rollout, seen: Observation, now: Instant): Routing {
  const { plan, from, routing } = rollout;
  const canary = plan.slots.filter((slot) => canServeCanary(rollout, slot));
  const isPassedOver = passedOver(rollout, seen, now);
  const stable = suffixOf(rollout, { stable: serving(rollout, from), canary, isPassedOver });
  if (from === null) return { canary: [], stable: [], share: NOTHING };
  // Whoever leaves now goes on serving until somebody can take its place.
  if (stable.length + canary.length === 0) return routing;
  // Nobody is led from slots that serve to slots that are not seen to.
  const isCanaryWell = canary.some((slot) => isHealthy(seen, slot));
  const able = isCanaryWell ? stable.filter((slot) => isHealthy(seen, slot)) : stable;
  const load = maxLoadBack(plan);
  const back = wayBack(plan.slots.length, able.length, load);
  const share = stable.length === 0 ? EVERYTHING : returning(rollout, canary.length, back.share);
  // Without a share a canary that is well still answers for a stable release that is not.
  if (share === 0) return { canary: isCanaryWell && able.length === 0 ? canary : [], stable, share };
  // Less what rounding a share has added.
  const needed = Math.ceil(((share - 1) * plan.slots.length) / (EVERYTHING * load));
  return { canary: keptOf(canary, Math.max(1, needed), seen), stable, share };
}

interface Roles {
  readonly stable: readonly SlotKey[];
  readonly canary: readonly SlotKey[];
  readonly isPassedOver: ReturnType<typeof passedOver>;
}

/**
 * The stable stays a suffix: who is before one that is not there yet waits for it. Hosts of which nobody
 * serves, and who is passed over, are no part of the pool.
 */
function suffixOf(rollout: Rollout, { stable, canary, isPassedOver }: Roles): readonly SlotKey[] {
  const { slots, hostOf } = rollout.plan;
  const isStable = new Set(stable);
  const used = new Set([...stable, ...canary].map((slot) => hostOf[slot]));
  const isAwaited = (slot: SlotKey, place: number): boolean =>
    !isStable.has(slot) && used.has(hostOf[slot]) && !isPassedOver(slot, place);
  const gap = slots.findLastIndex(isAwaited);
  return gap === -1 ? stable : slots.slice(gap + 1).filter((slot) => isStable.has(slot));
}

/** The canary stays a prefix: as long a one as has so many slots that are seen to be well, or all of it. */
function keptOf(canary: readonly SlotKey[], needed: number, seen: Observation): readonly SlotKey[] {
  let well = 0;
  const end = canary.findIndex((slot) => {
    if (isHealthy(seen, slot)) well += 1;
    return well === needed;
  });
  return end === -1 ? canary : canary.slice(0, end + 1);
}

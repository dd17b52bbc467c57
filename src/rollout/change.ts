import { after, seconds, type Instant } from "../base/time.ts";
import { appError } from "../base/errors.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import type { GatewayState } from "../model/observation.ts";
import type { Rollout, RoutingChange, SlotStage } from "../model/rollout.ts";
import { inRotation, rotationOf, sameRouting, type Routing } from "../model/routing.ts";
import { isFirst, isGoingBack, nextGeneration } from "./evolve.ts";
import { NOTHING } from "../model/share.ts";
import { stuck } from "./endings.ts";
import { beginHook, isPast } from "./hooks.ts";
import { stepOf } from "./steps.ts";
import { musterOf } from "./muster.ts";
import type { Seen } from "./seen.ts";
import { gatewaySeen, isHealthy, isOverwritten, isSick } from "./sight.ts";

/**
 * Asks for a routing unless it is there already or on its way. While one is on its way nothing else is asked
 * for, except by going back, which replaces it at a newer generation.
 */
export function request(rollout: Rollout, routing: Routing, now: Instant): Rollout {
  const { change } = rollout;
  if (change !== null && !isStaleNow(rollout, change, routing)) return rollout;
  if (!rollout.unsettled && sameRouting(rollout.routing, routing)) {
    return change === null ? rollout : { ...rollout, change: null };
  }
  const next = nextGeneration(rollout);
  const asked: RoutingChange = {
    generation: next.generation,
    routing,
    since: now,
    stage: "preparing",
    back: isGoingBack(rollout),
    prepared: [],
    down: [],
    refusals: {},
    releases: { canary: releaseOf(rollout, routing.canary), stable: releaseOf(rollout, routing.stable) },
    without: withoutOf(rollout, routing),
  };
  // What was to be taken back is written anew.
  return { ...next.rollout, change: asked, ...(rollout.withdrawal && { withdrawal: null }) };
}

/** Lost hosts, unless the routing still names their slots for want of others; and who is put aside. */
function withoutOf(rollout: Rollout, routing: Routing): NonNullable<RoutingChange["without"]> {
  const { hostOf } = rollout.plan;
  const used = new Set([...rotationOf(routing)].map((slot) => hostOf[slot]));
  const excluded = rollout.excluded.filter((host) => !used.has(host));
  const aside = asideOf(rollout, routing);
  return { ...(excluded.length > 0 && { excluded }), ...(aside.length > 0 && { aside }) };
}

/**
 * The canary is a prefix of the pool and the stable release a suffix. What is in their midst and does not
 * serve is no part of the pool before it joins: what a lost host had, or did not come back up.
 */
function asideOf({ plan: { slots } }: Rollout, routing: Routing): readonly SlotKey[] {
  const { canary, stable } = routing;
  const isPrefix = canary.length === 0 || canary.at(-1) === slots[canary.length - 1];
  const isSuffix = stable.length === 0 || stable[0] === slots[slots.length - stable.length];
  if (isPrefix && isSuffix) return NOBODY;
  const last = slots.lastIndexOf(canary.at(-1) ?? ("" as SlotKey));
  const first = stable[0] === undefined ? slots.length : slots.indexOf(stable[0]);
  return slots.filter((slot, place) => (place < last || place > first) && !inRotation(routing, slot));
}

const NOBODY: readonly SlotKey[] = [];

/** What these slots run, or will when they are in rotation. */
function releaseOf({ slots }: Rollout, [first]: readonly SlotKey[]): ReleaseId | null {
  const course = first === undefined ? undefined : slots[first];
  if (course === undefined) return null;
  return course.at === "settled" ? course.release : course.target;
}

/** Asks for a routing; before it gives the release more traffic, `beforeShift` runs, once a step. */
export function widen(rollout: Rollout, routing: Routing, now: Instant): Rollout {
  const before = { name: "beforeShift", share: stepOf(rollout).share } as const;
  const isWider = !isFirst(rollout) && routing.share > rollout.routing.share;
  if (!isWider || isPast(rollout, before)) return request(rollout, routing, now);
  return rollout.change === null ? beginHook(rollout, before, now) : rollout;
}
/** Going back replaces whatever was asked for on the way forward, and what is no longer wanted. */
const isStaleNow = ({ aborted }: Rollout, change: RoutingChange, wanted: Routing): boolean =>
  aborted !== null && (!change.back || !sameRouting(change.routing, wanted));

/** How long a switch is let finish on a gateway that answers, while others have it already. */
const LET_FINISH = seconds(10);

/**
 * Going back, a switch that can be made is not overtaken by one that only goes a step further: where slots
 * come back one after another, faster than a gateway writes, none would ever be made. A gateway that cannot
 * be asked is not waited for.
 */
export function isLetFinish(rollout: Rollout, wanted: Routing, { seen, now }: Sight): boolean {
  const { change, plan } = rollout;
  if (change?.back !== true || !goesFurther(change.routing, wanted)) return false;
  // Written and not begun: whoever it leads users to is not seen to be well.
  const isHeld = change.stage === "preparing" ? change.prepared.length > 0 : isWithheld(rollout, seen);
  if (isHeld) return false;
  const willing = plan.gateways.filter((name) => change.refusals[name] === undefined);
  const states = willing.map((name) => gatewaySeen(seen, name)?.value);
  const late = states.filter((state) => !hasIt(rollout, change, state));
  if (late.length === states.length) return true;
  return late.some((state) => state !== undefined) && now < after(change.since, LET_FINISH);
}

interface Sight {
  readonly seen: Seen;
  readonly now: Instant;
}

/** All that `one` leads back, and more; but where all users can return that is not put off. */
function goesFurther(one: Routing, wanted: Routing): boolean {
  if (one.ramp !== undefined || wanted.ramp !== undefined || wanted.share > one.share) return false;
  if (wanted.share === NOTHING && one.share > NOTHING) return false;
  const stable = new Set(wanted.stable);
  const canary = new Set(one.canary);
  return one.stable.every((slot) => stable.has(slot)) && wanted.canary.every((slot) => canary.has(slot));
}

/**
 *   preparing ─(written on every gateway)→ committing ─(seen on every gateway)→ confirmed
 *
 * Forward a change happens on all gateways or on none: each has it written, and serves, before the first one
 * switches. Going back each gateway switches as soon as it has it written.
 */
export function advanceChange(rollout: Rollout, seen: Seen): Rollout {
  const { change } = rollout;
  if (change === null) return rollout;
  return change.stage === "preparing" ? begin(rollout, change, seen) : confirm(rollout, change, seen);
}

function begin(rollout: Rollout, change: RoutingChange, seen: Seen): Rollout {
  const { prepared } = change;
  const isReady = isGoingBack(rollout)
    ? prepared.length > 0
    : rollout.plan.gateways.every((name) => prepared.includes(name));
  if (!isReady || leadsAstray(rollout, change, seen)) return rollout;
  const landing = [...rollout.landing, change.routing];
  return { ...rollout, unsettled: true, landing, touched: true, change: { ...change, stage: "committing" } };
}

function confirm(rollout: Rollout, change: RoutingChange, seen: Seen): Rollout {
  const { gateways } = rollout.plan;
  const isOvertaken = gateways.some((name) => {
    const state = gatewaySeen(seen, name)?.value;
    return state !== undefined && isOverwritten(rollout, state, change.generation);
  });
  if (isOvertaken) return overtaken(rollout);
  const willing = gateways.filter((name) => change.refusals[name] === undefined);
  if (!willing.every((name) => hasIt(rollout, change, gatewaySeen(seen, name)?.value))) return rollout;
  const refusal = Object.values(change.refusals)[0];
  if (refusal !== undefined) return stuck(rollout, refusal);
  return { ...rollout, routing: change.routing, unsettled: false, landing: [], change: null };
}

const hasIt = (rollout: Rollout, { generation, routing }: RoutingChange, state?: GatewayState): boolean =>
  state !== undefined &&
  state.generation === generation &&
  state.routing !== null &&
  sameRouting(state.routing, routing) &&
  (state.serving || isGoingBack(rollout));

/**
 * A switch whose answer was lost is not made again on what was true long ago, unless a gateway is seen to
 * have it: then all shall. Going back, one of the way forward is never made again.
 */
export function isWithheld(rollout: Rollout, seen: Seen): boolean {
  const { change, plan, aborted } = rollout;
  if (change?.stage !== "committing") return false;
  if (aborted !== null && !change.back) return true;
  const isThere = plan.gateways.some(
    (name) => (gatewaySeen(seen, name)?.value.generation ?? 0) >= change.generation,
  );
  if (isThere) return false;
  return isGoingBack(rollout)
    ? strandsUsers(rollout, change.routing, seen)
    : leadsAstray(rollout, change, seen);
}

/** What gets more traffic than it has. */
const GROWS: ReadonlySet<SlotStage | undefined> = new Set(["joining", "ramping"]);

/**
 * Whoever is led somewhere is led to a slot that is seen to be well when the switch is made: writing may have
 * taken long. What only stays as it is need not be seen.
 */
function leadsAstray(rollout: Rollout, change: RoutingChange, seen: Seen): boolean {
  const { routing } = rollout;
  const { canary, share } = change.routing;
  const moving = musterOf(rollout).moving.map(({ slot }) => slot);
  const isConcerned = (slot: SlotKey): boolean =>
    GROWS.has(rollout.slots[slot]?.at) && inRotation(change.routing, slot);
  const joining = moving.filter(isConcerned);
  // Of a lost host nothing is known, and nothing is led there.
  const kept = canary.filter((slot) => rollout.slots[slot] !== undefined);
  const widens = share > routing.share;
  const asked = widens ? [...kept, ...joining] : joining;
  return (
    (widens && kept.length === 0) ||
    asked.some((slot) => !isHealthy(seen, slot)) ||
    desertsUsers(rollout, change.routing, seen) ||
    strandsUsers(rollout, change.routing, seen)
  );
}

/** Slots for which a switch that is written everywhere waits: the capacity that it needs is not seen yet. */
export function slotsWaitedFor({ change, plan, slots, aborted }: Rollout, seen: Seen): readonly SlotKey[] {
  if (change === null || change.stage !== "preparing" || aborted !== null) return [];
  const concerned = plan.slots.filter(
    (slot) => inRotation(change.routing, slot) || slots[slot]?.at === "joining",
  );
  return concerned.filter((slot) => !isHealthy(seen, slot));
}

/**
 * Going back, no slot that may serve is taken out, and nobody is led from a canary that may serve, for slots
 * of which none is seen to.
 */
function strandsUsers({ routing, landing, aborted, plan }: Rollout, next: Routing, seen: Seen): boolean {
  const stays = rotationOf(next);
  if (aborted === null || stays.size === 0) return false;
  // A switch that was begun before may have landed after all.
  const known = plan.gateways.map((name) => gatewaySeen(seen, name)?.value.routing ?? routing);
  const landed = [routing, ...known, ...landing.filter((each) => each !== next)];
  const isWell = (slot: SlotKey): boolean => isHealthy(seen, slot);
  const mayServe = (slot: SlotKey): boolean => !isSick(seen, slot);
  const leaves = landed.flatMap((each) => [...rotationOf(each)].filter((slot) => !stays.has(slot)));
  if (leaves.some(mayServe) && ![...stays].some(isWell)) return true;
  if (next.stable.length === 0 || next.stable.some(isWell)) return false;
  const share = landed.reduce<number>((most, each) => Math.max(most, each.share), 0);
  if (next.share >= share && next.canary.length > 0) return false;
  return landed.some(({ canary }) => canary.some(mayServe));
}

/** Forward, whoever is taken out leaves enough behind that are well, unless he is sick himself. */
function desertsUsers({ routing, plan, aborted, from, slots }: Rollout, next: Routing, seen: Seen): boolean {
  if (aborted !== null || from === null) return false;
  const stays = rotationOf(next);
  const leaves = [...rotationOf(routing)].filter((slot) => !stays.has(slot));
  const missed = leaves.filter((slot) => !isSick(seen, slot));
  if (missed.length === 0) return false;
  const well = [...stays].filter((slot) => isHealthy(seen, slot)).length;
  // What is lost may serve all the same: somebody else must be seen to.
  const isLost = missed.every((slot) => slots[slot] === undefined);
  return well < (isLost ? 1 : plan.slots.length - plan.maxUnavailable);
}

const overtaken = (rollout: Rollout): Rollout =>
  stuck(
    rollout,
    appError("gateway.fenced", "a gateway has a newer routing than this rollout ever wrote", {
      hint: "another controller writes to it; see `glidepath status`, then `glidepath abort` to go back",
    }),
  );

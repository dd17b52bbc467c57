import { unreachable } from "../base/assert.ts";
import { appError, type AppError } from "../base/errors.ts";
import { after, formatDuration, instant, millis, type Instant } from "../base/time.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import type { Rollout, SlotCourse } from "../model/rollout.ts";
import { inRotation } from "../model/routing.ts";
import { APART, askingOf, cutOff, drainUntil, inFlightOf } from "./drains.ts";
import { stuck } from "./endings.ts";
import { courseOf, isFirst, isGoingBack, isNewcomer, nextGeneration, stop, withCourse } from "./evolve.ts";
import { isLastLooking } from "./look.ts";
import { musterOf, type Moving } from "./muster.ts";
import { heldBack, passedOver } from "./passed-over.ts";
import { growsAt, ramps, rampSteps } from "./ramp.ts";
import type { Seen } from "./seen.ts";
import { gatewaySeen, healthSeen, isOverwritten, isUnwell, slotSeen } from "./sight.ts";

/**
 * One slot's way, driven by what is seen and by nothing else:
 *
 *   leaving ─(seen out of every routing)→ draining
 *     ─(two samples without a request, or the deadline)→ stopping ─(seen stopped)→ switching
 *     ─(seen at the target)→ starting ─(seen running)→ checking ─(seen healthy)→ warming
 *     ─(all of the warm-up is over)→ smoking ─(all passed, still healthy, its turn)→ joining
 *     ─(seen in every routing)→ ramping ─(all of its traffic is there)→ settled
 */
export function advanceSlots(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { moving } = musterOf(rollout);
  const turn = turnOf(rollout, seen, now);
  let next = rollout;
  // In the order in which they join, so that many that are ready can join at once.
  for (const one of isGoingBack(rollout) ? moving.toReversed() : moving) {
    next = advance(next, one.slot, { seen, now, turn, place: one.place });
    turn.passed(next, one);
  }
  return next;
}

interface Sight {
  readonly seen: Seen;
  readonly now: Instant;
  readonly turn: Turn;
  readonly place: number;
}
type At<Stage extends SlotCourse["at"]> = Extract<SlotCourse, { at: Stage }>;

function advance(rollout: Rollout, slot: SlotKey, sight: Sight): Rollout {
  const course = courseOf(rollout, slot);
  switch (course.at) {
    case "leaving":
      return leaving(rollout, slot, sight);
    case "draining":
      return draining(rollout, slot, { ...sight, course });
    case "stopping":
      return stopping(rollout, slot, { ...sight, course });
    case "switching":
      return switching(rollout, slot, { ...sight, course });
    case "starting":
      return starting(rollout, slot, { ...sight, course });
    case "checking":
      return checking(rollout, slot, { ...sight, course });
    case "warming":
      return warming(rollout, slot, { ...sight, course });
    case "smoking":
      return smoking(rollout, slot, { ...sight, course });
    case "joining":
      return joining(rollout, slot, { ...sight, course });
    case "ramping":
      return ramping(rollout, slot, { ...sight, course });
    case "settled":
    case "failed":
      return rollout;
    default:
      return unreachable(course);
  }
}

/** No gateway routes to it any more, and no switch that is under way could bring it back. */
const isOut = (rollout: Rollout, slot: SlotKey): boolean =>
  !rollout.unsettled && rollout.change === null && !inRotation(rollout.routing, slot);

function leaving(rollout: Rollout, slot: SlotKey, { now }: Sight): Rollout {
  const course = courseOf(rollout, slot);
  if (course.at !== "leaving" || !isOut(rollout, slot)) return rollout;
  return withCourse(rollout, slot, {
    ...course,
    at: "draining",
    since: now,
    zeros: 0,
    sampledAt: instant(0),
  });
}

const SAMPLES = 2;
function draining(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"draining"> },
): Rollout {
  const { target, attempt } = course;
  const traffic = inFlightOf(rollout, slot, seen);
  if (rollout.plan.passive) return stop(rollout, slot, { target, attempt, now });
  const isHeld = isLastLooking(rollout, seen, { since: course.since, now });
  if (now >= drainUntil(rollout, course, traffic)) {
    if (isHeld) return rollout;
    return stop(cutOff(rollout, traffic, { slot, at: now }), slot, { target, attempt, now });
  }
  if (traffic === null || traffic.at <= course.sampledAt) return rollout;
  if (traffic.requests > 0) {
    const asking = askingOf(rollout, course, traffic);
    if (course.zeros === 0 && asking === course.asking) return rollout;
    const asked = asking === undefined ? {} : { asking };
    return withCourse(rollout, slot, { ...course, ...asked, zeros: 0, sampledAt: traffic.newest });
  }
  if (course.zeros > 0 && traffic.at < after(course.sampledAt, APART)) return rollout;
  if (course.zeros + 1 >= SAMPLES) return isHeld ? rollout : stop(rollout, slot, { target, attempt, now });
  return withCourse(rollout, slot, { ...course, zeros: course.zeros + 1, sampledAt: traffic.newest });
}

function stopping(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"stopping"> },
): Rollout {
  const state = slotSeen(seen, slot)?.value;
  if (state === undefined || state.generation < course.generation) return rollout;
  if (isOverwritten(rollout, state, course.generation)) return stuck(rollout, overwritten(slot));
  if (state.process !== "stopped") return rollout;
  const next = nextGeneration(rollout);
  const { target, attempt } = course;
  return withCourse(next.rollout, slot, {
    at: "switching",
    target,
    attempt,
    since: now,
    generation: next.generation,
  });
}

function switching(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"switching"> },
): Rollout {
  const state = slotSeen(seen, slot)?.value;
  if (state === undefined || state.generation < course.generation) return rollout;
  if (isOverwritten(rollout, state, course.generation)) return stuck(rollout, overwritten(slot));
  if (state.release !== course.target) return rollout;
  const { target, attempt } = course;
  if (target === null) return withCourse(rollout, slot, { at: "settled", release: null });
  const next = nextGeneration(rollout);
  return withCourse(next.rollout, slot, {
    at: "starting",
    target,
    attempt,
    since: now,
    generation: next.generation,
  });
}

function starting(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"starting"> },
): Rollout {
  const state = slotSeen(seen, slot)?.value;
  if (state === undefined || state.generation < course.generation) return rollout;
  if (isOverwritten(rollout, state, course.generation)) return stuck(rollout, overwritten(slot));
  if (state.process !== "running") return rollout;
  const { target, attempt } = course;
  return withCourse(rollout, slot, { at: "checking", target, attempt, since: now, answer: "not asked yet" });
}

function checking(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"checking"> },
): Rollout {
  const health = healthSeen(seen, slot);
  const fresh = health !== null && health.at >= course.since;
  if (fresh && health.value.healthy) return checked(rollout, slot, { ...course, since: now });
  const answer = fresh ? health.value.answer : course.answer;
  if (now >= after(course.since, rollout.plan.healthyWithin)) {
    return failed(rollout, slot, { now, error: unhealthy(rollout, slot, answer) });
  }
  return answer === course.answer ? rollout : withCourse(rollout, slot, { ...course, answer });
}

/** Every slot that joins is warmed up, also on the way back. */
function checked(rollout: Rollout, slot: SlotKey, course: At<"checking">): Rollout {
  const { target, attempt, since } = course;
  if (rollout.plan.warmUps === undefined) return warmed(rollout, slot, course);
  return withCourse(rollout, slot, { at: "warming", target, attempt, since, warmed: 0 });
}

function warming(
  rollout: Rollout,
  slot: SlotKey,
  { now, course }: Sight & { course: At<"warming"> },
): Rollout {
  const isOver = course.warmed >= (rollout.plan.warmUps ?? 0);
  return isOver ? warmed(rollout, slot, { ...course, since: now }) : rollout;
}

/** Smoke checks are asked of the new release only: the old one has served already. */
function warmed(rollout: Rollout, slot: SlotKey, course: At<"checking" | "warming">): Rollout {
  const { target, attempt, since } = course;
  const passed = target === rollout.release ? 0 : rollout.plan.smokeChecks;
  return withCourse(rollout, slot, { at: "smoking", target, attempt, since, passed });
}

function smoking(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, turn, place, course }: Sight & { course: At<"smoking"> },
): Rollout {
  if (course.passed < rollout.plan.smokeChecks || !turn.isOf(rollout, { slot, place })) return rollout;
  // It was healthy before its smoke checks; it must still be when it joins.
  const health = healthSeen(seen, slot);
  if (health === null) return rollout;
  if (!health.value.healthy) {
    const isOver = now >= after(course.since, rollout.plan.healthyWithin);
    return isOver
      ? failed(rollout, slot, { now, error: unhealthy(rollout, slot, health.value.answer) })
      : rollout;
  }
  const { target, attempt } = course;
  const inTurn = isGoingBack(rollout) ? { inTurn: true as const } : {};
  return withCourse(rollout, slot, { at: "joining", target, attempt, since: now, ...inTurn });
}

/** Whose turn it is to join. */
interface Turn {
  /** Told of each slot that moves, in the order in which they join. */
  passed(rollout: Rollout, moving: Moving): void;
  isOf(rollout: Rollout, moving: Moving): boolean;
}

/**
 * The canary is always a prefix of the pool and the stable a suffix: forward a slot joins after all before
 * it, going back after all behind it but those that are passed over. At a first release, and of the newcomers
 * to a pool, all join together.
 */
function turnOf(start: Rollout, seen: Seen, now: Instant): Turn {
  const target = isGoingBack(start) ? start.from : start.release;
  const { firstWaiting, lastCanary } = musterOf(start);
  const isPassedOver = passedOver(start, seen, now);
  const isHeldBack = heldBack(start, seen, now);
  // All that were passed so far have joined.
  let joined = true;
  const isNext = (place: number): boolean =>
    joined && (isGoingBack(start) ? lastCanary < place : place < firstWaiting);
  // Who is ready stays so, unless it fails.
  let ready: boolean | null = null;
  const areReady = (rollout: Rollout): boolean =>
    (ready ??= rollout.plan.slots.every((slot) =>
      isFirst(rollout) ? isReady(rollout, slot) : !isNewcomer(rollout, slot) || isReady(rollout, slot),
    ));
  return {
    passed: (rollout, { slot, place }) => {
      const course = courseOf(rollout, slot);
      if (course.at === "settled") joined &&= course.release === target;
      else if (!isPassedOver(slot, place)) joined &&= course.at === "joining" && course.target === target;
      if (course.at === "failed") ready = null;
    },
    isOf: (rollout, { slot, place }) => {
      if (isGoingBack(rollout)) return isNext(place) && !isHeldBack(place);
      return isFirst(rollout) || isNewcomer(rollout, slot) ? areReady(rollout) : isNext(place);
    },
  };
}

function isReady(rollout: Rollout, slot: SlotKey): boolean {
  const course = courseOf(rollout, slot);
  if (course.at === "smoking") return course.passed >= rollout.plan.smokeChecks;
  if (course.at === "joining" || course.at === "ramping") return true;
  return course.at === "settled" && course.release === rollout.release;
}

function joining(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: At<"joining"> },
): Rollout {
  if (
    isStillOut(rollout, slot) &&
    isUnwell(seen, slot) &&
    now >= after(course.since, rollout.plan.healthyWithin)
  ) {
    const answer = healthSeen(seen, slot)?.value.answer ?? "";
    // What was written for it shall not be switched to any more.
    const isMeant = rollout.change !== null && inRotation(rollout.change.routing, slot);
    const without = isMeant ? { ...rollout, change: null } : rollout;
    return failed(without, slot, { now, error: unhealthy(rollout, slot, answer) });
  }
  if (rollout.unsettled || rollout.change !== null || course.target === null) return rollout;
  // In either role: the last slots of a rollout join the stable release at once.
  if (!inRotation(rollout.routing, slot) || !isBack(rollout, slot, { seen, now, course })) return rollout;
  if (!ramps(rollout, slot)) return settled(rollout, slot, { release: course.target, since: now });
  const { target, attempt } = course;
  return withCourse(rollout, slot, { at: "ramping", target, attempt, since: now, done: 0 });
}

/** What it runs, and since when it is in rotation; only for the release is that of use. */
const settled = (
  rollout: Rollout,
  slot: SlotKey,
  { release, since }: { readonly release: ReleaseId | null; readonly since: Instant },
): Rollout =>
  withCourse(rollout, slot, {
    at: "settled",
    release,
    ...(release === rollout.release ? { since } : {}),
  });

/** It gets more when what it was to get so far is seen everywhere, and time has passed. */
function ramping(
  rollout: Rollout,
  slot: SlotKey,
  { now, course }: Sight & { course: At<"ramping"> },
): Rollout {
  const { ramp } = rollout.plan;
  const isSeen = !rollout.unsettled && rollout.change === null;
  if (ramp !== undefined && (!isSeen || now < growsAt(ramp, course.since, course.done))) return rollout;
  const done = course.done + 1;
  const isOver = ramp === undefined || done >= rampSteps(ramp);
  if (!isOver) return withCourse(rollout, slot, { ...course, done });
  return settled(rollout, slot, { release: course.target, since: course.since });
}

/** No gateway routes to it, and no switch that could was begun yet. */
const isStillOut = (rollout: Rollout, slot: SlotKey): boolean =>
  !rollout.unsettled && rollout.change?.stage === "preparing" && !inRotation(rollout.routing, slot);

/**
 * Every worker of nginx counts failures for itself and avoids the slot for `fail_timeout`, of which we ask
 * that it is 1 s: when one worker is back, another may not be. Workers count whole seconds, so that it may be
 * two; then one request alone tries the slot, and while that one is slow the others wait as long again.
 */
const AVOIDED = millis(4000);
/** How long a slot that nobody asks for is waited for, in the passive form. */
const UNASKED = millis(8000);

/**
 * In the passive form nobody but nginx decides when a slot gets requests again: it must be seen to, or the
 * next slot would be stopped while nginx still avoids this one.
 */
function isBack(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Omit<Sight, "turn" | "place"> & { course: At<"joining"> },
): boolean {
  if (!rollout.plan.passive || now >= after(course.since, UNASKED)) return true;
  if (now < after(course.since, AVOIDED)) return false;
  return rollout.plan.gateways.every((name) => {
    const state = gatewaySeen(seen, name);
    return state !== null && state.at >= course.since && (state.value.inFlight[slot]?.connections ?? 0) > 0;
  });
}

export function failed(
  rollout: Rollout,
  slot: SlotKey,
  { now, error }: { now: Instant; error: AppError },
): Rollout {
  const course = courseOf(rollout, slot);
  if (course.at === "settled") return rollout;
  const { target, attempt } = course;
  return withCourse(rollout, slot, { at: "failed", target, attempt, since: now, error });
}

const unhealthy = (rollout: Rollout, slot: SlotKey, answer: string): AppError =>
  appError(
    "slot.unhealthy",
    `${slot}: not healthy within ${formatDuration(rollout.plan.healthyWithin)} after its start; ` +
      `last answer: ${answer}`,
  );

const overwritten = (slot: SlotKey): AppError =>
  appError("slot.fenced", `${slot}: somebody else has written to this slot meanwhile`, {
    hint: "find out who: `glidepath status` names the holder of the lease",
  });

import { assert } from "../base/assert.ts";
import { appError } from "../base/errors.ts";
import { after, earliest, formatDuration, type Instant } from "../base/time.ts";
import { ENDED, type PhaseName, type Rollout } from "../model/rollout.ts";
import { actionsOf, type Action } from "./actions.ts";
import { because } from "./because.ts";
import { sickCanary } from "./begin.ts";
import { advanceChange, isWithheld } from "./change.ts";
import { advanceSlots } from "./courses.ts";
import { goBack, stuck } from "./endings.ts";
import { abortBy, asOne, courseOf } from "./evolve.ts";
import { watchExits } from "./exits.ts";
import { absorb } from "./outcomes.ts";
import { aborting, RETRY_AFTER } from "./phases/aborting.ts";
import { baking } from "./phases/baking.ts";
import { finishing } from "./phases/finishing.ts";
import { shifting } from "./phases/shifting.ts";
import { staging } from "./phases/staging.ts";
import { updating } from "./phases/updating.ts";
import { watchHosts } from "./lost.ts";
import { lookWakes, meetUsers } from "./look.ts";
import { drainOf, TRAFFIC_KINDS } from "../model/drain.ts";
import { musterOf } from "./muster.ts";
import { PATIENCE } from "./passed-over.ts";
import { growsAt } from "./ramp.ts";
import type { Seen } from "./seen.ts";
import { heed, heldBy } from "./verdicts.ts";

export interface Decision {
  /** The same object as before if nothing moved. */
  readonly rollout: Rollout;
  readonly actions: readonly Action[];
  /** When to decide again though nothing is heard by then; null: never. */
  readonly wakeAt: Instant | null;
  /** One sentence for people, as of now. */
  readonly because: string;
}

const unmoved = (rollout: Rollout): Rollout => rollout;

const PHASES: Readonly<Record<PhaseName, (rollout: Rollout, seen: Seen, now: Instant) => Rollout>> = {
  staging,
  updating,
  shifting,
  baking,
  approval: unmoved,
  finishing,
  aborting,
  completed: unmoved,
  "rolled-back": unmoved,
  superseded: unmoved,
  stuck: unmoved,
};

/** More phases than this in one turn is a circle. */
const MAX_MOVES = 32;

/**
 * Where everything is decided: from what is known, what was seen and the time, to what is known then and
 * what to do.
 */
export const decide = (rollout: Rollout, seen: Seen, now: Instant): Decision =>
  asOne(() => decideCopying(rollout, seen, now));

/** The same; only that all courses are copied at each that changes. */
export function decideCopying(rollout: Rollout, seen: Seen, now: Instant): Decision {
  if (ENDED.includes(rollout.phase.name)) {
    return { rollout, actions: [], wakeAt: null, because: because(rollout, seen, now) };
  }
  const absorbed = absorb(rollout, seen.outcomes, now);
  const present = watchHosts(absorbed, seen, now);
  const moved = settle(watchDeadline(failForward(heed(present, seen, now), now), seen, now), seen, now);
  const next = moved === rollout ? rollout : stamp(moved, rollout, { seen, now });
  return {
    rollout: next,
    actions: ENDED.includes(next.phase.name) ? [] : permitted(next, seen),
    wakeAt: wakeAt(next, now),
    because: next === rollout ? because(next, seen, now) : next.because,
  };
}

function permitted(rollout: Rollout, seen: Seen): readonly Action[] {
  const actions = actionsOf(rollout);
  return isWithheld(rollout, seen) ? actions.filter(({ kind }) => kind !== "commit") : actions;
}

/** Moves on as long as what is known and seen carries it. */
function settle(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  let current = rollout;
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    const changed = meetUsers(advanceChange(current, seen), now);
    const advanced = watchExits(failForward(restSlots(changed, seen, now), now), seen, now);
    // Forward, nothing goes on beside a hook; nobody who is led back waits for one.
    if (advanced.hook !== null && advanced.aborted === null) return advanced;
    const next = PHASES[advanced.phase.name](advanced, seen, now);
    if (next === current) return current;
    current = next;
  }
  assert(false, `the phase ${current.phase.name} does not come to rest`);
  return current;
}

/** The phase must see slots at rest: of several that join together none may join alone. */
function restSlots(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  // What slots are to run is unpacked first.
  if (rollout.phase.name === "staging") return rollout;
  let current = rollout;
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    const next = advanceSlots(current, seen, now);
    if (next === current) return current;
    current = next;
  }
  assert(false, "the slots do not come to rest");
  return current;
}

/** Going forward, a slot that cannot be brought to the release turns the whole rollout round. */
function failForward(rollout: Rollout, now: Instant): Rollout {
  if (rollout.aborted !== null || ENDED.includes(rollout.phase.name)) return rollout;
  for (const { slot } of musterOf(rollout).moving) {
    const course = courseOf(rollout, slot);
    if (course.at === "failed") return goBack(rollout, { ...abortBy("slot", course.error, now), slot });
  }
  return rollout;
}

const WAITS: ReadonlySet<PhaseName> = new Set(["baking", "approval", ...ENDED]);

/** A rollout that does not move for too long goes back; one that cannot go back either needs somebody. */
function watchDeadline(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { plan, phase, progressAt } = rollout;
  const isOverdue = phase.name === "baking" && now >= after(phase.until, plan.progressDeadline);
  if ((WAITS.has(phase.name) && !isOverdue) || rollout.paused !== null) return rollout;
  // A hook has a limit of its own.
  if (rollout.hook !== null) return rollout;
  if (now < after(progressAt, plan.progressDeadline)) return rollout;
  const isJudged = phase.name === "baking" && sickCanary(rollout, seen).length === 0;
  const held = isJudged ? heldBy(rollout, seen) : null;
  const error = appError(
    "deadline",
    `nothing moved for ${formatDuration(plan.progressDeadline)}: ${held ?? because(rollout, seen, now)}`,
    { hint: "rollout.progressDeadline says how long to wait" },
  );
  return rollout.aborted === null ? goBack(rollout, abortBy("deadline", error, now)) : stuck(rollout, error);
}

function stamp(rollout: Rollout, before: Rollout, { seen, now }: { seen: Seen; now: Instant }): Rollout {
  const ended = ENDED.includes(rollout.phase.name) && !ENDED.includes(before.phase.name);
  return {
    ...rollout,
    progressAt: now,
    endedAt: ended ? now : rollout.endedAt,
    because: because(rollout, seen, now),
  };
}

/** The next moment at which time alone could move something; what has passed was decided just now. */
function wakeAt(rollout: Rollout, now: Instant): Instant | null {
  return deadlinesOf(rollout)
    .filter((at) => at > now)
    .reduce<Instant | null>(earliest, null);
}

function deadlinesOf(rollout: Rollout): readonly Instant[] {
  const { phase, paused, plan, progressAt, hook } = rollout;
  if (ENDED.includes(phase.name)) return [];
  const overdue = after(phase.name === "baking" ? phase.until : progressAt, plan.progressDeadline);
  const waits: Instant[] = [];
  const left: Instant[] = [];
  for (const { slot } of musterOf(rollout).moving) {
    const course = rollout.slots[slot];
    if (course?.at === "draining") {
      waits.push(...TRAFFIC_KINDS.map((kind) => after(course.since, drainOf(plan, kind))));
      left.push(course.since);
    }
    if (course?.at === "checking") waits.push(after(course.since, plan.healthyWithin));
    if (course?.at === "smoking") waits.push(after(course.since, plan.healthyWithin));
    if (course?.at === "smoking" || course?.at === "joining") waits.push(after(course.since, PATIENCE));
    if (course?.at === "ramping" && plan.ramp !== undefined) {
      waits.push(growsAt(plan.ramp, course.since, course.done));
    }
    if (course?.at === "failed") waits.push(after(course.since, RETRY_AFTER));
  }
  return [
    ...(paused !== null || hook !== null || phase.name === "approval" ? [] : [overdue]),
    ...(paused === null && phase.name === "baking" ? [phase.until] : []),
    ...lookWakes(rollout, left),
    ...waits,
  ];
}

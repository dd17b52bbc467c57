import { assert, present } from "../base/assert.ts";
import type { AppError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { generation, type Generation, type ReleaseId, type SlotKey } from "../model/ids.ts";
import { forgetMuster } from "./muster.ts";
import type { Abort, Phase, PhaseName, Rollout, SlotCourse, Underway } from "../model/rollout.ts";

/** Which phase may follow which; everything that runs may also go to `aborting` or `stuck`. */
export const NEXT: Readonly<Record<PhaseName, readonly PhaseName[]>> = {
  staging: ["updating", "rolled-back", "superseded", "aborting", "stuck"],
  updating: ["shifting", "aborting", "stuck"],
  shifting: ["baking", "approval", "updating", "finishing", "aborting", "stuck"],
  baking: ["approval", "updating", "finishing", "aborting", "stuck"],
  approval: ["updating", "finishing", "aborting", "stuck"],
  // Back to updating when a host with the only canary slots is lost.
  finishing: ["completed", "updating", "aborting", "stuck"],
  aborting: ["rolled-back", "superseded", "stuck"],
  completed: [],
  "rolled-back": [],
  superseded: [],
  stuck: ["aborting", "updating"],
};

/** The only way from one phase to another. */
export function enter(rollout: Rollout, phase: Phase): Rollout {
  const from = rollout.phase.name;
  assert(NEXT[from].includes(phase.name), `no way from ${from} to ${phase.name}`);
  return { ...rollout, phase };
}

export const courseOf = (rollout: Rollout, slot: SlotKey): SlotCourse =>
  present(rollout.slots[slot], `course of ${slot}`);

/** On its way to the stable release while the rollout goes forward. */
export function isNewcomer(rollout: Rollout, slot: SlotKey): boolean {
  const course = courseOf(rollout, slot);
  return course.at !== "settled" && course.target === rollout.from && rollout.from !== null;
}

/** It was to join a pool that serves, and nobody had been led there when the rollout turned. */
export function isLeftOut(rollout: Rollout, slot: SlotKey): boolean {
  const course = courseOf(rollout, slot);
  return rollout.from !== null && course.at === "settled" && course.release === null;
}

/** What a slot runs, or is about to. One that is only on its way out still runs the other release. */
export function runningIn(rollout: Rollout, slot: SlotKey): ReleaseId | null {
  const course = courseOf(rollout, slot);
  if (course.at === "settled") return course.release;
  if (course.at !== "leaving" && course.at !== "draining") return course.target;
  return course.target === rollout.release ? rollout.from : rollout.release;
}

/**
 * Copies of the courses that the work at hand has made and nobody else has seen: it writes into them. A
 * decision about a large pool would else copy all courses for each slot that moves.
 */
let own: WeakSet<object> | null = null;

/**
 * `work` is from one rollout to the next: no value between them is kept. Then all courses are copied once, at
 * the first that changes, and what it was given is not touched.
 */
export function asOne<T>(work: () => T): T {
  const outer = own;
  own = new WeakSet();
  try {
    return work();
  } finally {
    own = outer;
  }
}

/** By hand, for that is three times as fast as spreading where there are thousands. */
function copied({ plan, slots }: Rollout): Record<SlotKey, SlotCourse> {
  const copy: Record<SlotKey, SlotCourse> = {};
  for (const slot of plan.slots) {
    const course = slots[slot];
    if (course !== undefined) copy[slot] = course;
  }
  return copy;
}

export function withCourse(rollout: Rollout, slot: SlotKey, course: SlotCourse): Rollout {
  if (own?.has(rollout.slots) === true) {
    (rollout.slots as Record<SlotKey, SlotCourse>)[slot] = course;
    forgetMuster(rollout.slots);
    return { ...rollout };
  }
  const slots = copied(rollout);
  slots[slot] = course;
  own?.add(slots);
  return { ...rollout, slots };
}

/** The next generation, and the rollout that has given it out. */
export function nextGeneration(rollout: Rollout): { rollout: Rollout; generation: Generation } {
  const next = generation(rollout.generation + 1);
  return { rollout: { ...rollout, generation: next }, generation: next };
}

/** The first part of a slot's way, on which nothing has been written to the slot yet. */
export function leave(rollout: Rollout, slot: SlotKey, to: Target): Rollout {
  return withCourse(rollout, slot, { at: "leaving", ...underway(to) });
}

/**
 * Stops a slot that is out of rotation, at a new generation: older writes still on their way are refused
 * there.
 */
export function stop(rollout: Rollout, slot: SlotKey, to: Target): Rollout {
  const next = nextGeneration(rollout);
  const course: SlotCourse = { at: "stopping", ...underway(to), generation: next.generation };
  return withCourse({ ...next.rollout, touched: true }, slot, course);
}

export interface Target {
  readonly target: ReleaseId | null;
  readonly now: Instant;
  readonly attempt?: number;
}

const underway = ({ target, now, attempt = 1 }: Target): Underway => ({ target, since: now, attempt });

export const abortBy = (by: Abort["by"], error: AppError, at: Instant): Abort => ({
  by,
  error,
  at,
  slot: null,
});

/** Nothing ran before this rollout: there is no traffic to protect and no release to go back to. */
export const isFirst = (rollout: Rollout): boolean => rollout.from === null;

export const isGoingBack = (rollout: Rollout): boolean => rollout.aborted !== null;

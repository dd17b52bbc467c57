import type { SlotKey } from "../model/ids.ts";
import type { Rollout, SlotCourse } from "../model/rollout.ts";

/** One slot on its way. */
export interface Moving {
  readonly slot: SlotKey;
  /** Its place in the pool's order. */
  readonly place: number;
}

/** Where all slots stand, counted once: a decision asks for it many times, and nearly all are settled. */
export interface Muster {
  /** Slots that are not settled, in the pool's order. */
  readonly moving: readonly Moving[];
  /** In rotation or about to join, running the release; running the one that it started from. */
  readonly canary: readonly SlotKey[];
  readonly stable: readonly SlotKey[];
  /** Place of the first settled slot that does not run the release. */
  readonly firstWaiting: number;
  /** Place of the last settled slot that does not run what the rollout started from. */
  readonly lastCanary: number;
}

const musters = new WeakMap<Rollout["slots"], Muster>();

export function musterOf(rollout: Rollout): Muster {
  const known = musters.get(rollout.slots);
  if (known !== undefined) return known;
  const muster = count(rollout);
  musters.set(rollout.slots, muster);
  return muster;
}

/** The courses were written to. */
export const forgetMuster = (slots: Rollout["slots"]): boolean => musters.delete(slots);

function count({ plan, slots, release, from }: Rollout): Muster {
  const moving: Moving[] = [];
  const canary: SlotKey[] = [];
  const stable: SlotKey[] = [];
  let firstWaiting = Infinity;
  let lastCanary = -1;
  for (const [place, slot] of plan.slots.entries()) {
    const course = slots[slot];
    if (course?.at !== "settled") moving.push({ slot, place });
    else {
      if (course.release !== release && firstWaiting === Infinity) firstWaiting = place;
      if (course.release !== from) lastCanary = place;
    }
    const runs = runsOf(course);
    if (runs === release) canary.push(slot);
    else if (runs !== null && runs === from) stable.push(slot);
  }
  return { moving, canary, stable, firstWaiting, lastCanary };
}

function runsOf(course: SlotCourse | undefined): Rollout["from"] {
  if (course?.at === "settled") return course.release;
  return course?.at === "joining" || course?.at === "ramping" ? course.target : null;
}

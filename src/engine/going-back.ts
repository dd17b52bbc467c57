import { between, millis, type Duration, type Instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import { coursesIn, type TimedCourse } from "../model/course.ts";
import type { GoingBack } from "../model/receipt.ts";
import type { Rollout } from "../model/rollout.ts";
import type { JournalEntry } from "../ports/journal.ts";
import { arithmeticOf } from "../rollout/story.ts";

/**
 * How long going back took; or, of a rollout that went forward, would have taken: by its own switches and
 * slots, none of which was turned round. null: there was nothing to go back to, or nothing was switched.
 */
export function goingBack(
  application: Application,
  rollout: Rollout,
  entries: readonly JournalEntry[],
): GoingBack | null {
  if (rollout.from === null || !rollout.touched) return null;
  const courses = coursesIn(entries);
  if (rollout.aborted !== null) return measured(rollout.aborted.at, rollout, courses);
  return rollout.plan.passive ? null : estimated(application, rollout, courses);
}

function measured(since: Instant, rollout: Rollout, courses: readonly TimedCourse[]): GoingBack | null {
  if (rollout.phase.name !== "rolled-back" && rollout.phase.name !== "superseded") return null;
  const isBack = ({ share, change }: TimedCourse): boolean => share === 0 && change === null;
  const end = rollout.endedAt ?? rollout.progressAt;
  const before = courses.findLast(({ at }) => at < since);
  const back = courses.find((course) => course.at >= since && isBack(course));
  // Nobody switches anything there: nginx leads users back as slots come up.
  if (rollout.plan.passive) {
    return { how: "measured", users: between(since, end), whole: between(since, end), waiting: 0 };
  }
  // Where nobody had gone over, nobody had to go back.
  const users = before !== undefined && isBack(before) ? millis(0) : between(since, back?.at ?? end);
  return { how: "measured", users, whole: between(since, end), waiting: 0 };
}

function estimated(
  application: Application,
  rollout: Rollout,
  courses: readonly TimedCourse[],
): GoingBack | null {
  const users = longestChange(courses);
  const sums = arithmeticOf(application, rollout.release, rollout.from);
  if (users === null || "code" in sums) return null;
  const { steps, maxUnavailable } = sums;
  const waiting = Math.max(0, ...steps.map(({ share, back }) => share / 10_000 - back.atOnce));
  const slots = Math.max(0, ...steps.map(({ canarySlots }) => canarySlots));
  const rounds = Math.ceil(slots / maxUnavailable);
  return { how: "estimated", users, whole: millis(users + rounds * longestSlot(courses)), waiting };
}

/** From a new routing's being wanted to its being seen on every gateway. */
function longestChange(courses: readonly TimedCourse[]): Duration | null {
  const times: number[] = [];
  let since: Instant | null = null;
  for (const { at, change } of courses) {
    if (change !== null) since ??= at;
    else if (since !== null) {
      times.push(between(since, at));
      since = null;
    }
  }
  return times.length === 0 ? null : millis(Math.max(...times));
}

/** From a slot's leaving to its being back in rotation with another release. */
function longestSlot(courses: readonly TimedCourse[]): number {
  const begun = new Map<string, Instant>();
  let longest = 0;
  for (const { at, slots } of courses) {
    const isMoving = (slot: string): boolean => (slots[slot] ?? "settled") !== "settled";
    for (const slot of Object.keys(slots)) {
      if (isMoving(slot) && !begun.has(slot)) begun.set(slot, at);
    }
    for (const [slot, since] of begun) {
      if (isMoving(slot)) continue;
      longest = Math.max(longest, between(since, at));
      begun.delete(slot);
    }
  }
  return longest;
}

import { after, millis, type Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import type { SlotKey } from "../../model/ids.ts";
import { isLetFinish, request } from "../change.ts";
import { musterOf } from "../muster.ts";
import { endBack, stuck } from "../endings.ts";
import { courseOf, leave, stop, withCourse } from "../evolve.ts";
import { beginHook, isPast } from "../hooks.ts";
import type { Seen } from "../seen.ts";
import { isHealthy, isSick, isUnwell } from "../sight.ts";
import { canServeCanary, isAllAt, serving, wantedBack } from "../wanted.ts";

const ON_ABORT = { name: "onAbort" } as const;

/**
 * Users first, in as few switches as the stable slots can carry; then the slots, until everything is as
 * before.
 */
export function aborting(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { phase, plan, from } = rollout;
  if (phase.name !== "aborting") return rollout;
  if (isAllAt(rollout, from)) {
    if (rollout.hook !== null || rollout.withdrawal) return rollout;
    if (!isPast(rollout, ON_ABORT)) return beginHook(rollout, ON_ABORT, now);
    return endBack(rollout, now);
  }
  if (isUnsure(rollout, seen)) return rollout;
  const wanted = wantedBack(rollout, seen, now);
  const kept = new Set(wanted.canary);
  const freed = plan.slots.reduce((r, slot) => {
    if (!canServeCanary(r, slot)) return r;
    const { at } = courseOf(r, slot);
    if (kept.has(slot)) {
      // What may have landed is called back when it is seen to have.
      const isCalledBack = at === "leaving" && r.routing.canary.includes(slot);
      return isCalledBack ? withCourse(r, slot, { at: "settled", release: r.release }) : r;
    }
    return at === "settled" ? leave(r, slot, { target: from, now }) : r;
  }, rollout);
  const retried = plan.slots.reduce((r, slot) => retry(r, slot, now), freed);
  const next = wantedBack(retried, seen, now);
  const asked = isLetFinish(retried, next, { seen, now }) ? retried : request(retried, next, now);
  return withoutHope(asked);
}

/**
 * Nobody is led from a canary that may serve to slots of which none is seen to; and where the first answer
 * was no, it is asked again. A canary that does not serve is left at once, for one that does.
 */
function isUnsure(rollout: Rollout, seen: Seen): boolean {
  const canary = rollout.plan.slots.filter((slot) => canServeCanary(rollout, slot));
  const stable = serving(rollout, rollout.from);
  if (canary.some((slot) => seen.health[slot] === undefined)) return true;
  if (canary.length === 0 || stable.length === 0) return false;
  const isWavering = stable.some((slot) => isUnwell(seen, slot) && !isSick(seen, slot));
  if (stable.some((slot) => isHealthy(seen, slot))) {
    return isWavering && !canary.every((slot) => isUnwell(seen, slot));
  }
  const isCanaryWell = canary.some((slot) => isHealthy(seen, slot));
  if (!isCanaryWell) return !canary.every((slot) => isSick(seen, slot));
  return isWavering || !stable.some((slot) => isSick(seen, slot));
}

/** All others are where they can be, users with them; what is left has failed for the last time. */
function withoutHope(rollout: Rollout): Rollout {
  if (rollout.change !== null || rollout.unsettled) return rollout;
  const courses = musterOf(rollout).moving.map(({ slot }) => courseOf(rollout, slot));
  const [failed] = courses;
  const areOver = courses.every((course) => course.at === "failed" && course.attempt >= ATTEMPTS);
  return areOver && failed?.at === "failed" ? stuck(rollout, failed.error) : rollout;
}

export const ATTEMPTS = 3;
export const RETRY_AFTER = millis(1000);

/** The old release has run here before: one failure is not yet the end. */
function retry(rollout: Rollout, slot: SlotKey, now: Instant): Rollout {
  const course = courseOf(rollout, slot);
  if (course.at !== "failed" || course.attempt >= ATTEMPTS) return rollout;
  if (now < after(course.since, RETRY_AFTER)) return rollout;
  return stop(rollout, slot, { target: course.target, now, attempt: course.attempt + 1 });
}

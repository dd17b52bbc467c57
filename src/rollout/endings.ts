import { appError, type AppError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import type { Abort, Rollout } from "../model/rollout.ts";
import { inRotation, rotationSize } from "../model/routing.ts";
import { dropUnknown, hasBegunHooks } from "./hooks.ts";
import { courseOf, enter, isFirst, isNewcomer, stop, withCourse } from "./evolve.ts";

/** Only an operator can go on from here. */
export function stuck(rollout: Rollout, error: AppError): Rollout {
  if (rollout.phase.name === "stuck") return rollout;
  return { ...enter(rollout, { name: "stuck", error }), because: error.message };
}

/** Turns the rollout round. Before anything was touched this is its end; afterwards the way back begins. */
export function goBack(rollout: Rollout, abort: Abort): Rollout {
  if (rollout.aborted !== null) return rollout;
  if (isServingFirst(rollout)) return stuck(rollout, abort.error);
  const turned = { ...dropUnknown(rollout), aborted: abort, paused: null };
  if (rollout.phase.name === "staging" && !hasBegunHooks(rollout)) {
    return endBack(turned, abort.at);
  }
  // What was only written leads nobody anywhere yet, and shall not any more.
  const change = turned.change?.stage === "preparing" ? null : turned.change;
  const aborting = enter({ ...turned, change }, { name: "aborting" });
  return rollout.plan.slots.reduce((r, slot) => turnRound(r, slot, abort.at), aborting);
}

/** All is as before; what took its place starts from there. */
export const endBack = (rollout: Rollout, now: Instant): Rollout =>
  enter(
    { ...rollout, endedAt: now },
    { name: rollout.aborted?.by === "superseded" ? "superseded" : "rolled-back" },
  );

/** The first release is in rotation, or may be: there is nothing to go back to, and it had better stay. */
export const isServingFirst = (rollout: Rollout): boolean =>
  isFirst(rollout) && (rollout.unsettled || rotationSize(rollout.routing) > 0);

/**
 * A slot that was only on its way out still runs the old release and simply joins again. One that was
 * written to is written to anew, so that a write of the way forward which is still under way is refused
 * there. One that was about to join must be seen out of rotation first.
 */
function turnRound(rollout: Rollout, slot: SlotKey, now: Instant): Rollout {
  const course = courseOf(rollout, slot);
  if (isOutside(rollout, slot)) return leaveOut(rollout, slot, now);
  const target = rollout.from;
  // On its way to the stable release already: it goes on.
  const isComing = (course.at === "leaving" || course.at === "draining") && course.target === target;
  if (course.at === "settled" || (isComing && target !== null)) return rollout;
  // It is in rotation, and is left as one that has been there for long.
  if (course.at === "ramping") return withCourse(rollout, slot, { at: "settled", release: course.target });
  const back = { target, since: now, attempt: 1 };
  if (course.at === "joining") return withCourse(rollout, slot, { at: "leaving", ...back });
  const untouched = course.at === "leaving" || course.at === "draining";
  if (untouched && target !== null) return withCourse(rollout, slot, { at: "joining", ...back });
  return stop(rollout, slot, { target, now });
}

/**
 * A newcomer whom no switch ever led anybody to. To have it join means another config on every gateway, one
 * of which may be what refused: the pool stays as it was, and nothing is written to any gateway. Unless all
 * who served are lost: then it is needed.
 */
const isOutside = (rollout: Rollout, slot: SlotKey): boolean =>
  isNewcomer(rollout, slot) &&
  !rollout.unsettled &&
  rollout.change === null &&
  !inRotation(rollout.routing, slot) &&
  rollout.plan.slots.some((other) => inRotation(rollout.routing, other));

/** What may still answer requests of before ends its drain. */
function leaveOut(rollout: Rollout, slot: SlotKey, now: Instant): Rollout {
  const course = courseOf(rollout, slot);
  return course.at === "leaving" || course.at === "draining"
    ? withCourse(rollout, slot, { ...course, target: null })
    : stop(rollout, slot, { target: null, now });
}

/** Going back by somebody's order. */
export const byOperator = (reason: string, now: Instant): Abort => ({
  by: "operator",
  at: now,
  slot: null,
  error: appError("rollout.aborted", reason),
});

/** Going back because another release takes its place. */
export const byRelease = (release: ReleaseId, now: Instant): Abort => ({
  by: "superseded",
  at: now,
  slot: null,
  error: appError("rollout.superseded", `${release} takes its place`),
});

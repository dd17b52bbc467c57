import { appError, type AppError } from "../base/errors.ts";
import { after, between, formatDuration, seconds, type Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { SlotState } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";
import { inRotation } from "../model/routing.ts";
import { goBack } from "./endings.ts";
import { abortBy, courseOf, isFirst, isGoingBack } from "./evolve.ts";
import { musterOf } from "./muster.ts";
import type { Seen } from "./seen.ts";
import { healthSeen, isHealthy, isUnwell, slotSeen } from "./sight.ts";
import { serving } from "./wanted.ts";

/** A process that ends by itself so soon after its slot came into rotation ends because of what it is. */
const YOUNG = seconds(60);
/** Who asks it whether it answers, to say whether it runs, says at a bad moment that it does not. */
const GONE = seconds(2);

/**
 * A release that is healthy when it is asked, and whose process ends soon after users came, is in every slot
 * before its failures are many. So a slot of it that is not healthy *falters*: nobody is led on, its process
 * is looked at until it is well again, and one that has ended by itself turns the rollout round.
 */
export function watchExits(start: Rollout, seen: Seen, now: Instant): Rollout {
  if (isFirst(start) || isGoingBack(start)) return start;
  const rollout = countStumbles(start, seen);
  const faltering = falteringNow(rollout, seen, now);
  for (const [slot, since] of faltering) {
    const state = slotSeen(seen, slot);
    if (state === null || state.at < since) continue;
    const isLasting = between(since, state.at) >= GONE;
    const how = howEnded(rollout, slot, { ...state.value, isLasting });
    if (how !== null)
      return goBack(rollout, { ...abortBy("slot", ended(rollout, slot, { how, at: since }), now), slot });
  }
  return isSame(rollout, faltering) ? rollout : { ...rollout, faltering: Object.fromEntries(faltering) };
}

/**
 * Null: it runs, as far as is known, and is the one that users came to. Commands of the user's own count no
 * restarts; what they say has stopped, and was healthy, is gone until somebody starts it.
 */
function howEnded(
  rollout: Rollout,
  slot: SlotKey,
  { process, restarts, isLasting }: SlotState & { readonly isLasting: boolean },
): string | null {
  const times = restarts - (rollout.stumbled?.[slot] ?? 0);
  if (times > 0) return `has ended by itself ${times === 1 ? "once" : `${times} times`}`;
  const isOwn = rollout.runs[rollout.release]?.kind === "own";
  return isOwn && process === "stopped" && isLasting ? "has ended by itself, as run.status says" : null;
}

/** Those whose process is looked at. */
export const falteringSlots = (rollout: Rollout): readonly SlotKey[] =>
  rollout.aborted === null ? (Object.keys(rollout.faltering ?? {}) as SlotKey[]) : [];

/**
 * Those of the release that are about to join and that nobody can be led to yet. What ended by then, as where
 * a database was not ready, did so while it was waited for, and speaks against nothing.
 */
export function bootedSlots(rollout: Rollout): readonly SlotKey[] {
  if (isFirst(rollout) || isGoingBack(rollout)) return [];
  if (rollout.unsettled || rollout.change?.stage === "committing") return [];
  return musterOf(rollout).moving.flatMap(({ slot }) => {
    const course = courseOf(rollout, slot);
    const isComing = course.at === "joining" && course.target === rollout.release;
    return isComing && !inRotation(rollout.routing, slot) ? [slot] : [];
  });
}

function countStumbles(rollout: Rollout, seen: Seen): Rollout {
  const before = rollout.stumbled ?? {};
  const more = bootedSlots(rollout).flatMap((slot) => {
    const times = slotSeen(seen, slot)?.value.restarts ?? 0;
    return times > (before[slot] ?? 0) ? [[slot, times] as const] : [];
  });
  return more.length === 0 ? rollout : { ...rollout, stumbled: { ...before, ...Object.fromEntries(more) } };
}

function falteringNow(rollout: Rollout, seen: Seen, now: Instant): ReadonlyMap<SlotKey, Instant> {
  const faltering = new Map<SlotKey, Instant>();
  const before = rollout.faltering ?? {};
  for (const slot of serving(rollout, rollout.release)) {
    const since = before[slot];
    if (since !== undefined) {
      if (!isWellAgain(seen, slot, since)) faltering.set(slot, since);
    } else if (isUnwell(seen, slot) && isYoung(rollout, slot, now)) {
      faltering.set(slot, healthSeen(seen, slot)?.at ?? now);
    }
  }
  return faltering;
}

/** It was looked at after it had answered again: by then whoever restarts it has counted that. */
function isWellAgain(seen: Seen, slot: SlotKey, since: Instant): boolean {
  const health = healthSeen(seen, slot);
  const state = slotSeen(seen, slot);
  if (health === null || state === null || !isHealthy(seen, slot)) return false;
  return health.at > since && state.at >= health.at;
}

function isYoung(rollout: Rollout, slot: SlotKey, now: Instant): boolean {
  const course = courseOf(rollout, slot);
  // In the passive form nginx leads users to one that joins.
  if (course.at === "joining") return inRotation(rollout.routing, slot);
  if (course.at !== "settled") return course.at === "ramping";
  return course.since !== undefined && now < after(course.since, YOUNG);
}

function isSame({ faltering = {} }: Rollout, now: ReadonlyMap<SlotKey, Instant>): boolean {
  const before = Object.keys(faltering);
  return before.length === now.size && before.every((slot) => now.has(slot as SlotKey));
}

function ended(
  rollout: Rollout,
  slot: SlotKey,
  { how, at }: { readonly how: string; readonly at: Instant },
): AppError {
  const course = courseOf(rollout, slot);
  const since = course.at === "settled" ? course.since : undefined;
  const when = since === undefined ? "" : `, ${formatDuration(between(since, at))} after users came`;
  return appError("slot.exited", `${slot}: the process of ${rollout.release} ${how}${when}`, {
    hint: "the log says why; a process that ends in its first minute with users is taken for a bad release",
  });
}

import { appError, type AppError } from "../base/errors.ts";
import { after, between, formatDuration, seconds, type Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { goBack } from "./endings.ts";
import { abortBy, courseOf, isFirst, isGoingBack } from "./evolve.ts";
import type { Seen } from "./seen.ts";
import { healthSeen, isHealthy, isUnwell, slotSeen } from "./sight.ts";
import { serving } from "./wanted.ts";

/** A process that ends by itself so soon after its slot came into rotation ends because of what it is. */
const YOUNG = seconds(60);

/**
 * A release that is healthy when it is asked, and whose process ends soon after users came, is in every slot
 * before its failures are many. So a slot of it that is not healthy *falters*: nobody is led on, its process
 * is looked at until it is well again, and one that has ended by itself turns the rollout round.
 */
export function watchExits(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  if (isFirst(rollout) || isGoingBack(rollout)) return rollout;
  const faltering = falteringNow(rollout, seen, now);
  for (const [slot, since] of faltering) {
    const state = slotSeen(seen, slot);
    if (state !== null && state.at >= since && state.value.restarts > 0) {
      return goBack(rollout, { ...abortBy("slot", ended(rollout, slot, { seen, now }), now), slot });
    }
  }
  return isSame(rollout, faltering) ? rollout : { ...rollout, faltering: Object.fromEntries(faltering) };
}

/** Those whose process is looked at. */
export const falteringSlots = (rollout: Rollout): readonly SlotKey[] =>
  rollout.aborted === null ? (Object.keys(rollout.faltering ?? {}) as SlotKey[]) : [];

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
  { seen, now }: { readonly seen: Seen; readonly now: Instant },
): AppError {
  const times = slotSeen(seen, slot)?.value.restarts ?? 0;
  const course = courseOf(rollout, slot);
  const since = course.at === "settled" ? course.since : undefined;
  const when = since === undefined ? "" : `, ${formatDuration(between(since, now))} after users came`;
  const often = times === 1 ? "once" : `${times} times`;
  return appError(
    "slot.exited",
    `${slot}: the process of ${rollout.release} has ended by itself ${often} since it was started${when}`,
    {
      hint: "the log says why; a process that ends in its first minute with users is taken for a bad release",
    },
  );
}

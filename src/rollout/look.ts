import { after, between, formatDuration, instant, millis, seconds, type Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import { EVERYTHING } from "../model/share.ts";
import type { Glance } from "../model/verdict.ts";
import type { Seen } from "./seen.ts";
import { acts } from "./verdicts.ts";

/**
 * A release whose slots boot at once could be in all of them before anybody has looked at an answer of it. So
 * the first ones that serve users do it alone, until enough of their requests were told of and nothing speaks
 * against them: for a moment at most, and not at all where nothing is judged or nobody comes. Who hangs is
 * told of by nobody: while what they were asked is missing, it lasts until the judge knows.
 */
export function meetUsers(rollout: Rollout, now: Instant): Rollout {
  const { plan, routing, usersSince, aborted, unsettled } = rollout;
  if (plan.analysis?.look === undefined || usersSince !== undefined || aborted !== null) return rollout;
  const isMet = routing.canary.length > 0 && routing.share > 0 && !unsettled;
  return isMet ? { ...rollout, usersSince: now } : rollout;
}

/** So long after the first users at most, the judge has been told of somebody, if anybody came. */
const TOLD = seconds(1);

/** By then the judge has seen whether requests that are missing are lost, if there are enough to see it. */
export const FOUND = seconds(30);

interface Times {
  readonly now: Instant;
  readonly since?: Instant | undefined;
}

interface Look {
  readonly since: Instant;
  /** When the first slots have been alone for as long as they may. */
  readonly end: Instant;
  /** The same while there is an alarm. */
  readonly latest: Instant;
}

/** One that began then; null: nobody waits for the judge. */
function lookSince({ plan: { analysis } }: Rollout, since: Instant | undefined): Look | null {
  if (analysis?.look === undefined || since === undefined || analysis.look.atMost === 0) return null;
  const { atMost, longest = FOUND } = analysis.look;
  const end = after(since, atMost);
  return { since, end, latest: instant(Math.max(end, after(since, longest))) };
}

/** The look that may still hold somebody; null: there is none, or not any more. */
function openLook(rollout: Rollout, now: Instant): Look | null {
  const look = lookSince(rollout, rollout.usersSince);
  return look === null || now >= look.latest || !acts(rollout) ? null : look;
}

const hasAll = ({ routing }: Rollout): boolean => routing.share === EVERYTHING && routing.canary.length > 0;

/** A glance at its users may decide. */
export const isWatched = (rollout: Rollout, now: Instant): boolean =>
  openLook(rollout, now) !== null || (hasAll(rollout) && lookSince(rollout, now) !== null && acts(rollout));

/** When what is waited for may change by time alone; `left`: since when slots serve nobody. */
export function lookWakes(rollout: Rollout, left: readonly Instant[]): readonly Instant[] {
  const looks = [rollout.usersSince, ...(hasAll(rollout) ? left : [])].map((at) => lookSince(rollout, at));
  return looks.flatMap((look) => (look === null ? [] : [after(look.since, TOLD), look.end, look.latest]));
}

const NOTHING_TOLD: Glance = { requests: 0, hasUsers: false, isDoubted: false, alarm: null };

const wantedOf = ({ plan }: Rollout): number => plan.analysis?.look?.requests ?? 0;

/** When the first look may have seen enough, as requests come; null: it has, or that cannot be said. */
export function lookMayEnd(rollout: Rollout, glance: Glance, now: Instant): Instant | null {
  const look = openLook(rollout, now);
  if (look === null || now >= look.end) return null;
  if (glance.isDoubted) return now;
  const looked = between(look.since, now);
  const missing = wantedOf(rollout) - glance.requests;
  if (missing <= 0) return null;
  if (!glance.hasUsers) return looked < TOLD ? now : null;
  if (glance.requests === 0) return now;
  return after(now, millis((missing / glance.requests) * looked));
}

/** The first look is not over: no further slot is given to the release. */
export function isLooking(rollout: Rollout, { glance }: Seen, now: Instant): boolean {
  const look = openLook(rollout, now);
  if (look === null) return false;
  if (glance !== undefined && glance.alarm !== null) return true;
  if (now >= look.end) return false;
  if (glance === undefined || glance.isDoubted) return true;
  return glance.hasUsers ? glance.requests < wantedOf(rollout) : between(look.since, now) < TOLD;
}

/**
 * All users have been led to the release, and too few of them were seen, as where one client is all that
 * comes and the first slots were not its own: until then the last slots that ran the other one run it, and
 * going back takes a switch. `since`: they serve nobody.
 */
export function isLastLooking(rollout: Rollout, { glance }: Seen, { now, since }: Times): boolean {
  const look = lookSince(rollout, since);
  if (look === null || !hasAll(rollout) || !acts(rollout) || now >= look.latest) return false;
  if (glance !== undefined && glance.alarm !== null) return true;
  if (now >= look.end) return false;
  return glance === undefined || (glance.hasUsers && glance.requests < wantedOf(rollout));
}

function misgivingsOf({ alarm, isDoubted }: Glance): string {
  if (alarm === "missing") return ", far fewer than it was asked";
  if (alarm === "failing") return ", and most fail";
  return isDoubted ? ", and something speaks against it" : "";
}

/** `since`: absent, the first users came. */
export function lookWords(rollout: Rollout, { glance = NOTHING_TOLD }: Seen, times: Times): string {
  const { now, since = rollout.usersSince } = times;
  const look = lookSince(rollout, since);
  const left = formatDuration(between(now, (glance.alarm === null ? look?.end : look?.latest) ?? now));
  const seen = `${glance.requests} of ${wantedOf(rollout)} requests seen${misgivingsOf(glance)}`;
  return `its first users are watched: ${seen}, ${left} left at most`;
}

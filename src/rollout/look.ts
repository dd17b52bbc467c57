import { after, between, formatDuration, instant, millis, seconds, type Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
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
const FOUND = seconds(30);

interface Look {
  readonly since: Instant;
  /** When the first slots have been alone for as long as they may. */
  readonly end: Instant;
  /** The same while a part of what they were asked is missing. */
  readonly latest: Instant;
}

/** Null: nobody waits for it. */
function lookOf({ plan: { analysis }, usersSince: since }: Rollout): Look | null {
  if (analysis?.look === undefined || since === undefined) return null;
  const end = after(since, analysis.look.atMost);
  return { since, end, latest: instant(Math.max(end, after(since, FOUND))) };
}

/** The look that may still hold somebody; null: there is none, or not any more. */
function openLook(rollout: Rollout, now: Instant): Look | null {
  const look = lookOf(rollout);
  return look === null || now >= look.latest || !acts(rollout) ? null : look;
}

/** A look at the first users may decide. */
export const isWatched = (rollout: Rollout, now: Instant): boolean => openLook(rollout, now) !== null;

/** When what is waited for may change by time alone. */
export function lookWakes(rollout: Rollout): readonly Instant[] {
  const look = lookOf(rollout);
  return look === null ? [] : [after(look.since, TOLD), look.end, look.latest];
}

const NOTHING_TOLD: Glance = { requests: 0, hasUsers: false, isDoubted: false, isMissing: false };

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
  if (glance?.isMissing === true) return true;
  if (now >= look.end) return false;
  if (glance === undefined || glance.isDoubted) return true;
  return glance.hasUsers ? glance.requests < wantedOf(rollout) : between(look.since, now) < TOLD;
}

function misgivingsOf({ isMissing, isDoubted }: Glance): string {
  if (isMissing) return ", far fewer than its share";
  return isDoubted ? ", and something speaks against it" : "";
}

export function lookWords(rollout: Rollout, { glance = NOTHING_TOLD }: Seen, now: Instant): string {
  const look = lookOf(rollout);
  const left = formatDuration(between(now, (glance.isMissing ? look?.latest : look?.end) ?? now));
  const seen = `${glance.requests} of ${wantedOf(rollout)} requests seen${misgivingsOf(glance)}`;
  return `its first users are watched: ${seen}, ${left} left at most`;
}

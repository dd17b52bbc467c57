import { after, between, formatDuration, millis, seconds, type Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Glance } from "../model/verdict.ts";
import type { Seen } from "./seen.ts";
import { acts } from "./verdicts.ts";

/**
 * A release whose slots boot at once could be in all of them before anybody has looked at an answer of it. So
 * the first ones that serve users do it alone, until enough of their requests were told of and nothing speaks
 * against them: for a moment at most, and not at all where nothing is judged or nobody comes.
 */
export function meetUsers(rollout: Rollout, now: Instant): Rollout {
  const { plan, routing, usersSince, aborted, unsettled } = rollout;
  if (plan.analysis?.look === undefined || usersSince !== undefined || aborted !== null) return rollout;
  const isMet = routing.canary.length > 0 && routing.share > 0 && !unsettled;
  return isMet ? { ...rollout, usersSince: now } : rollout;
}

/** So long after the first users at most, the judge has been told of somebody, if anybody came. */
const TOLD = seconds(1);

/** When the first slots have been alone for as long as they may; null: nobody waits for that. */
export function lookEnds({ plan: { analysis }, usersSince }: Rollout): Instant | null {
  if (analysis?.look === undefined || usersSince === undefined) return null;
  return after(usersSince, analysis.look.atMost);
}

/** Since when the first slots serve alone; null: they need not, or need not any more. */
export function aloneSince(rollout: Rollout, now: Instant): Instant | null {
  const end = lookEnds(rollout);
  return end === null || now >= end || !acts(rollout) ? null : (rollout.usersSince ?? null);
}

/** When what is waited for may change by time alone. */
export function lookWakes(rollout: Rollout): readonly Instant[] {
  const end = lookEnds(rollout);
  return end === null ? [] : [after(rollout.usersSince ?? end, TOLD), end];
}

const wantedOf = ({ plan }: Rollout): number => plan.analysis?.look?.requests ?? 0;

/** When the first look may have seen enough, as requests come; null: it has, or that cannot be said. */
export function lookMayEnd(rollout: Rollout, glance: Glance, now: Instant): Instant | null {
  const since = aloneSince(rollout, now);
  if (since === null) return null;
  if (glance.isDoubted) return now;
  const looked = between(since, now);
  const missing = wantedOf(rollout) - glance.requests;
  if (missing <= 0) return null;
  if (!glance.hasUsers) return looked < TOLD ? now : null;
  if (glance.requests === 0) return now;
  return after(now, millis((missing / glance.requests) * looked));
}

/** The first look is not over: no further slot is given to the release. */
export function isLooking(rollout: Rollout, { glance }: Seen, now: Instant): boolean {
  const since = aloneSince(rollout, now);
  if (since === null) return false;
  if (glance === undefined || glance.isDoubted) return true;
  return glance.hasUsers ? glance.requests < wantedOf(rollout) : between(since, now) < TOLD;
}

export function lookWords(rollout: Rollout, { glance }: Seen, now: Instant): string {
  const left = formatDuration(between(now, lookEnds(rollout) ?? now));
  const doubt = glance?.isDoubted === true ? ", and something speaks against it" : "";
  const seen = `${glance?.requests ?? 0} of ${wantedOf(rollout)} requests seen${doubt}`;
  return `its first users are watched: ${seen}, ${left} left at most`;
}

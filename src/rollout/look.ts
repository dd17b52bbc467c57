import { after, between, formatDuration, millis, seconds, type Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Seen } from "./seen.ts";
import { acts } from "./verdicts.ts";

/**
 * A release whose slots boot at once could be in all of them before anybody has looked at an answer of it. So
 * the first ones that serve users do it alone, until enough of their requests were judged: for a moment at
 * most, and not at all where nothing is judged or nobody comes.
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

/** When what is waited for may change by time alone. */
export function lookWakes(rollout: Rollout): readonly Instant[] {
  const end = lookEnds(rollout);
  return end === null ? [] : [after(rollout.usersSince ?? end, TOLD), end];
}

/** When the first look may have seen enough, as requests come; null: it has, or that cannot be said. */
export function lookMayEnd(rollout: Rollout, judged: number, now: Instant): Instant | null {
  const { plan, usersSince } = rollout;
  const end = lookEnds(rollout);
  const missing = (plan.analysis?.look?.requests ?? 0) - judged;
  if (end === null || usersSince === undefined || now >= end || missing <= 0) return null;
  const looked = between(usersSince, now);
  if (judged === 0) return looked < TOLD ? now : null;
  return after(now, millis((missing / judged) * looked));
}

/** The first look is not over: no further slot is given to the release. */
export function isLooking(rollout: Rollout, { verdict }: Seen, now: Instant): boolean {
  const end = lookEnds(rollout);
  if (end === null || now >= end || !acts(rollout)) return false;
  if (verdict === undefined) return true;
  const wanted = rollout.plan.analysis?.look?.requests ?? 0;
  if (verdict.canary.requests >= wanted) return false;
  return hasUsers(verdict) || between(rollout.usersSince ?? now, now) < TOLD;
}

const hasUsers = ({ canary, stable }: Verdict): boolean => canary.requests + stable.requests > 0;

export function lookWords(rollout: Rollout, { verdict }: Seen, now: Instant): string {
  const seen = verdict?.canary.requests ?? 0;
  const left = formatDuration(between(now, lookEnds(rollout) ?? now));
  const wanted = rollout.plan.analysis?.look?.requests ?? 0;
  return `its first users are watched: ${seen} of ${wanted} requests judged, ${left} left at most`;
}

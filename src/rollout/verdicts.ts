import { appError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Verdict } from "../model/verdict.ts";
import { goBack } from "./endings.ts";
import { abortBy, isFirst, isGoingBack } from "./evolve.ts";
import type { Seen } from "./seen.ts";

/** The verdict moves the rollout; where it is only observed, it is told. */
export const acts = (rollout: Rollout): boolean =>
  rollout.plan.analysis?.observe === false && !isFirst(rollout) && !isGoingBack(rollout);

/** A release that is worse than tolerated is left at once, also while the rollout is paused. */
export function heed(rollout: Rollout, { verdict }: Seen, now: Instant): Rollout {
  if (verdict?.kind !== "fail" || !acts(rollout)) return rollout;
  const error = appError("analysis.failed", `${rollout.release} is judged: ${verdict.sentence}`, {
    details: detailsOf(verdict),
    hint: "`glidepath history ID` shows how the verdicts went; `analysis:` sets what is tolerated",
  });
  return goBack(rollout, abortBy("analysis", error, now));
}

/** Which test, and at what level. */
function detailsOf({ by, tests, alpha, p, budget }: Verdict): string {
  const test = tests.find(({ name }) => name === by);
  const level = `p ${p.toPrecision(2)}, at most ${alpha} over the whole rollout`;
  if (by === "gross") return "by its failures alone: nobody of the stable was there to compare with";
  if (test === undefined)
    return `by the budget: ${Math.round(budget.low)} at least, ${budget.most} are borne`;
  return `by ${test.question}; counted by ${test.unit}; ${level}`;
}

/** Why a bake does not end although its time is over; null: it may. What is not known is not good. */
export function heldBy(rollout: Rollout, { verdict }: Seen): string | null {
  if (!acts(rollout)) return null;
  if (verdict === undefined) return "there is no verdict yet";
  // Of no share: it is not about those who are served now.
  if (verdict.share === null) return verdict.sentence;
  return verdict.kind === "continue" || verdict.kind === "proven" ? null : verdict.sentence;
}

/** The next share is proven safe, and a bake may end early by that. */
export const isProven = (rollout: Rollout, { verdict }: Seen): boolean =>
  acts(rollout) && rollout.plan.analysis?.early === true && verdict?.kind === "proven";

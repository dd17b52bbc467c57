import type { AnalysisSettings } from "../model/analysis.ts";
import type { Step } from "../model/application.ts";
import type { PlannedHarm } from "../model/verdict.ts";
import { millis } from "../base/time.ts";
import { EVERYTHING, type BasisPoints } from "../model/share.ts";
import { ERROR_EFFECTS } from "./comparison.ts";
import { firstErrorGains } from "./label.ts";
import { logAddExp, logSumExp, raiseOdds } from "./numeric.ts";
import { gain, oddsOfWorse } from "./projection.ts";
import { rulesOf } from "./rules.ts";

/** A stable release of which one in a thousand requests fails. */
const USUAL = 0.001;
const MOST = 1000;

/** Where both releases serve for the first time. */
export function harmOf(settings: AnalysisSettings | null, steps: readonly Step[]): PlannedHarm | null {
  if (settings === null) return null;
  const first = steps.find(({ share }) => share > 0)?.share ?? EVERYTHING;
  const { unit, maxFailedRequests: most } = settings;
  return { allFailing: failuresToFail(settings, first), unit, most };
}

/**
 * How many failed requests (or users) of a canary it takes to give it up, when all of them fail and none of
 * the stable's do; null where there is no stable to compare with, and only the budget ends it.
 */
export function failuresToFail(settings: AnalysisSettings, share: BasisPoints): number | null {
  if (share <= 0 || share >= EVERYTHING) return null;
  const rules = rulesOf(settings, { gateways: [], shares: [share], expected: millis(0) });
  const part = share / EVERYTHING;
  const isByUser = settings.unit === "user";
  const gains = isByUser ? firstErrorGains(part).canary : gainsOfFailure(settings, part);
  const limit = -Math.log(rules.alpha * rules.weights.errors);
  for (let count = 1; count < MOST; count += 1) {
    if (worthAfter(gains, count) >= limit) return count;
  }
  return MOST;
}

/** ln of the wealth after so many failures in a row: half of it is put down at the start, evenly. */
const worthAfter = (gains: readonly number[], count: number): number =>
  logAddExp(logSumExp(gains.map((ln) => count * ln)) - Math.log(2 * gains.length), Math.log(0.5));

/** For one failed request, and the stable's that come with it. */
function gainsOfFailure({ errors }: AnalysisSettings, part: number): readonly number[] {
  const edge = errors.ratio * USUAL + errors.margin;
  const table = { canary: { n: 1, bad: 1 }, stable: { n: (1 - part) / part, bad: 0 } };
  return ERROR_EFFECTS.map((effect) => {
    const alternative = { canary: raiseOdds(edge, effect), stable: USUAL };
    return gain(oddsOfWorse({ tolerance: errors, alternative, share: part }), table);
  });
}

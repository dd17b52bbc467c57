import { EVERYTHING } from "../model/share.ts";
import { startOf } from "../model/evidence.ts";
import type { Glance } from "../model/verdict.ts";
import { closeBlock } from "./close.ts";
import { foldUntil } from "./fold.ts";
import { labelGains, missingGains } from "./label.ts";
import { lnWealth, takeGains } from "./mixture.ts";
import { harmOf } from "./report.ts";
import type { Rules } from "./rules.ts";
import type { JudgeState } from "./state.ts";
import { DOUBT, failsMore } from "./verdict.ts";

/**
 * All that was told is folded as if nothing more came, in a copy: no verdict rests on it, and it costs no
 * level. It fails more also where all have the canary and no bet can be made: what was known of the stable
 * has to do.
 */
export function glanceAt(state: JudgeState, rules: Rules): Glance {
  const told = Math.max(-1, ...Object.keys(state.pending).map(Number)) + 1;
  const closed = closeBlock(foldUntil(state, rules, told), rules);
  const { canary, stable, led = 0 } = closed.totals;
  const isHarming = harmOf(closed, rules).low > 0;
  return {
    requests: led,
    hasUsers: canary.n + stable.n > 0,
    isDoubted: isHarming || failsMore(closed, rules),
    isMissing: isMissing(closed, rules),
  };
}

/**
 * What a canary that hangs was asked is not told, while what the stable was asked at the same time is: the
 * bet on traffic, without waiting for what is merely slow.
 */
function isMissing({ shares, arrivals, tests }: JudgeState, rules: Rules): boolean {
  const last = shares.at(-1);
  if (last === undefined || last.share === null || !rules.countsArrivals) return false;
  if (last.share <= 0 || last.share >= EVERYTHING) return false;
  let [canary, stable] = [0, 0];
  for (const [slice, count] of Object.entries(arrivals.counts)) {
    if (startOf(Number(slice)) < last.at) continue;
    canary += count.canary;
    stable += count.stable;
  }
  const gains = labelGains(missingGains(last.share / EVERYTHING), canary, stable);
  return lnWealth(takeGains(tests.traffic, gains, rules.drip), rules.drip) > DOUBT;
}

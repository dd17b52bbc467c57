import type { Instant } from "../base/time.ts";
import { SLICE, startOf } from "../model/evidence.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import type { Glance } from "../model/verdict.ts";
import { closeBlock } from "./close.ts";
import { foldUntil } from "./fold.ts";
import { GROSS_ALARM, isAlone } from "./gross.ts";
import { labelGains, missingGains } from "./label.ts";
import { lnWealth, takeGains } from "./mixture.ts";
import { harmOf } from "./report.ts";
import type { Rules } from "./rules.ts";
import { bucketAt } from "./times.ts";
import { edgeOf } from "../model/traffic.ts";
import { NO_FLOW, type JudgeState, type ShareChange } from "./state.ts";
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
    hasUsers: canary.n + stable.n > 0 || isAsked(closed),
    isDoubted: isHarming || failsMore(closed, rules),
    alarm: alarmOf(closed, rules),
  };
}

const isAsked = ({ flow = NO_FLOW }: JudgeState): boolean => flow.since > 0 || flow.before.some((n) => n > 0);

function alarmOf(state: JudgeState, rules: Rules): Glance["alarm"] {
  const { gross } = state;
  const isGross = gross !== undefined && lnWealth(gross.mixture, rules.drip) > GROSS_ALARM;
  if (isGross && isAlone(state, rules)) return "failing";
  return isMissing(state, rules) ? "missing" : null;
}

/**
 * What a canary that hangs was asked is told by nobody: there is less of it than of what the stable was asked
 * at the same time, or nothing at all where all who come are its users. The bet on traffic finds that, but
 * waits for what is merely slow.
 */
function isMissing(state: JudgeState, rules: Rules): boolean {
  const last = state.shares.at(-1);
  if (last === undefined || last.share === null || last.share === NOTHING) return false;
  return isSilent(state, rules, last.at) || (rules.countsArrivals && isOutnumbered(state, rules, last));
}

/** So many should have come by now, and hardly any has: clocks differ a little. */
const MANY = 10;
const FEW = 0.1;

function isSilent({ flow = NO_FLOW, gateways, baseline }: JudgeState, rules: Rules, since: Instant): boolean {
  const read = Math.min(...rules.gateways.map((name) => gateways[name]?.through ?? 0));
  // Where most answers take long, as those that wait for news, nothing can have come yet.
  const usual = bucketAt(baseline.latency, 0.5);
  const slow = usual === null ? 0 : 2 * edgeOf(usual);
  const slices = (read - since - slow) / SLICE - 1;
  const expected = flow.before.length === 0 ? 0 : Math.min(...flow.before) * slices;
  return expected >= MANY && flow.since < FEW * expected;
}

function isOutnumbered({ arrivals, tests }: JudgeState, rules: Rules, { at, share }: ShareChange): boolean {
  if (share === null || share >= EVERYTHING) return false;
  let [canary, stable] = [0, 0];
  for (const [slice, count] of Object.entries(arrivals.counts)) {
    if (startOf(Number(slice)) < at) continue;
    canary += count.canary;
    stable += count.stable;
  }
  const gains = labelGains(missingGains(share / EVERYTHING), canary, stable);
  return lnWealth(takeGains(tests.traffic, gains, rules.drip), rules.drip) > DOUBT;
}

import type { Instant } from "../base/time.ts";
import { SLICE, startOf } from "../model/evidence.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import type { Glance } from "../model/verdict.ts";
import { closeBlock } from "./close.ts";
import { foldUntil } from "./fold.ts";
import { GROSS_ALARM } from "./gross.ts";
import { labelGains, missingGains } from "./label.ts";
import { lnWealth, takeGains } from "./mixture.ts";
import { harmOf } from "./report.ts";
import type { Rules } from "./rules.ts";
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
  if (state.gross !== undefined && lnWealth(state.gross.mixture, rules.drip) > GROSS_ALARM) return "failing";
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

/** So many should have come by now. */
const MANY = 10;

function isSilent({ flow = NO_FLOW, gateways }: JudgeState, rules: Rules, since: Instant): boolean {
  const read = Math.min(...rules.gateways.map((name) => gateways[name]?.through ?? 0));
  const slices = (read - since) / SLICE - 1;
  return flow.since === 0 && flow.before.length > 0 && Math.min(...flow.before) * slices >= MANY;
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

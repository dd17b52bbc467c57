import type { Glance } from "../model/verdict.ts";
import { closeBlock } from "./close.ts";
import { foldUntil } from "./fold.ts";
import { harmOf } from "./report.ts";
import type { Rules } from "./rules.ts";
import type { JudgeState } from "./state.ts";
import { failsMore } from "./verdict.ts";

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
  };
}

import { NO_TALLY, addEvidence, withLeft } from "./block.ts";
import { EVERYTHING } from "../model/share.ts";
import { newMixture, takeGains } from "./mixture.ts";
import type { Both } from "./evidence.ts";
import type { Rules } from "./rules.ts";
import { shareNow } from "./shares.ts";
import { NO_FLOW, type Gross, type JudgeState } from "./state.ts";

/**
 * Where nobody of the stable is left to compare with, as when all have the canary or all that comes is one
 * client's, what was known of the stable has to do: it hardly ever failed, and more than a quarter of the
 * canary's requests fail. The bet is against that quarter, so it is fair whatever the stable's true rate.
 */
const EDGE = 0.25;
const PARTS = [0.5, 0.95] as const;

/** ln of what it takes: seven failures in a row. */
export const GROSS_LIMIT = Math.log(1000);

/** ln: after one failure and nothing else. */
export const GROSS_ALARM = Math.log(1.5);

/** So much has to be known of the stable, and of that no more may have failed. */
const KNOWN = 5;
const HARDLY = 0.05;

const BAD = PARTS.map((part) => Math.log(part / EDGE));
const GOOD = PARTS.map((part) => Math.log((1 - part) / (1 - EDGE)));

/** Nobody has asked the stable since the share was changed. With pins somebody may, whatever the share. */
export function isAlone({ shares, flow = NO_FLOW }: JudgeState, { countsArrivals }: Rules): boolean {
  const share = shareNow(shares);
  return share !== null && (flow.stable === 0 || (share === EVERYTHING && countsArrivals));
}

/** What was known when the bets began holds, however long ago that is. */
function isFit({ gross, tests }: JudgeState): boolean {
  const { n, bad } = tests.errors.rates[0] ?? { n: 0, bad: 0 };
  return n < KNOWN ? gross !== undefined : bad <= HARDLY * n;
}

/** Bets on what ends while it alone is asked. */
export function takeGross(state: JudgeState, rules: Rules, { canary }: Both): Gross | undefined {
  const { gross, baseline } = state;
  if (!isFit(state) || !isAlone(state, rules)) return gross;
  const { n, errors } = withLeft(addEvidence(NO_TALLY, rules.settings, canary), baseline.leftLimit);
  if (n === 0) return gross;
  const { mixture, asked, failed } = gross ?? { mixture: newMixture(PARTS.length), asked: 0, failed: 0 };
  const gains = PARTS.map((_, i) => errors * (BAD[i] ?? 0) + (n - errors) * (GOOD[i] ?? 0));
  return { mixture: takeGains(mixture, gains, rules.drip), asked: asked + n, failed: failed + errors };
}

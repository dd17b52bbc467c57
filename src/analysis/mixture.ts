import { logAddExp, logSumExp } from "./numeric.ts";

/**
 * Wealth that is spread over several bets. Half of it is put down at the start; the rest is dripped in at
 * every restart, so that a fault which begins late is found as soon as one that was there from the start.
 * What was not put down yet is kept, so the whole starts at 1 and may be looked at at any time.
 */
export interface Mixture {
  /** ln of the wealth of each bet. */
  readonly lnBets: readonly number[];
  readonly restarts: number;
  /** ln of the largest wealth that was ever seen. */
  readonly lnMost: number;
}

export interface Drip {
  /** Restarts that are expected: each gets the same. */
  readonly expected: number;
  /** The part of the dripped half that is kept for restarts after those. */
  readonly kept: number;
}

const AT_START = 0.5;

export const newMixture = (bets: number): Mixture => ({
  lnBets: Array.from({ length: bets }, () => Math.log(AT_START / bets)),
  restarts: 0,
  lnMost: 0,
});

/** The wealth that is not put down after so many restarts. Beyond the expected ones it lasts for ever. */
function unspent(restarts: number, { expected, kept }: Drip): number {
  const rest = 1 - AT_START;
  if (restarts >= expected) return (rest * kept * expected) / restarts;
  return rest * (1 - ((1 - kept) * restarts) / expected);
}

export const lnWealth = (mixture: Mixture, drip: Drip): number =>
  logAddExp(logSumExp(mixture.lnBets), Math.log(unspent(mixture.restarts, drip)));

export function takeGains(mixture: Mixture, gains: readonly number[], drip: Drip): Mixture {
  const moved = { ...mixture, lnBets: mixture.lnBets.map((ln, i) => ln + (gains[i] ?? 0)) };
  return { ...moved, lnMost: Math.max(mixture.lnMost, lnWealth(moved, drip)) };
}

export function restart(mixture: Mixture, drip: Drip): Mixture {
  const before = unspent(mixture.restarts, drip);
  const spent = before - unspent(mixture.restarts + 1, drip);
  if (!(spent > 0)) return mixture;
  const each = Math.log(spent / mixture.lnBets.length);
  return {
    ...mixture,
    lnBets: mixture.lnBets.map((ln) => logAddExp(ln, each)),
    restarts: mixture.restarts + 1,
  };
}

import type { Band, QuantileReport } from "../model/verdict.ts";
import { lnBeta } from "./numeric.ts";
import { timeAt, totalOf, type Times } from "./times.ts";

/** Bands to show: the truth is inside at every moment at once, with probability 1 − alpha. */
const PRIOR = 0.5;
const STEPS = 60;

/** Of a rate: every p against which a beta mixture has not grown to 1/alpha. */
export function rateBand(n: number, bad: number, alpha: number): Band {
  if (n === 0) return { low: 0, high: 1 };
  const limit = Math.log(1 / alpha);
  const mixture = lnBeta(bad + PRIOR, n - bad + PRIOR) - lnBeta(PRIOR, PRIOR);
  const isOut = (p: number): boolean => {
    const likelihood = (bad === 0 ? 0 : bad * Math.log(p)) + (bad === n ? 0 : (n - bad) * Math.log1p(-p));
    return mixture - likelihood >= limit;
  };
  const rate = bad / n;
  return {
    low: bad === 0 ? 0 : border(rate, 0, isOut),
    high: bad === n ? 1 : border(rate, 1, isOut),
  };
}

/** Between a value that is in and one that is out. */
function border(inner: number, outer: number, isOut: (value: number) => boolean): number {
  let [inside, outside] = [inner, outer];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (inside + outside) / 2;
    if (isOut(middle)) outside = middle;
    else inside = middle;
  }
  return outside;
}

export const difference = (canary: Band, stable: Band): Band => ({
  low: canary.low - stable.high,
  high: canary.high - stable.low,
});

/** Of a quantile, by a band around the whole distribution (Howard and Ramdas). */
export function quantileReport(times: Times, q: number, alpha: number): QuantileReport {
  const n = totalOf(times);
  const value = timeAt(times, q);
  if (n < 2 || value === null) return { q, value, low: null, high: null };
  const spread = 0.8 * Math.log(1612 / alpha);
  const radius = 0.85 * Math.sqrt((Math.log1p(Math.log(n)) + spread) / n);
  const at = (part: number): number | null => (part <= 0 || part >= 1 ? null : timeAt(times, part));
  return { q, value, low: at(q - radius), high: at(q + radius) };
}

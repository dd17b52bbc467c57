import { minutes, type Instant } from "../base/time.ts";
import type { Metric } from "../model/analysis.ts";
import type { MetricPoint } from "../model/evidence.ts";
import type { BasisPoints } from "../model/share.ts";
import { EVERYTHING } from "../model/share.ts";
import { takeGains, type Drip, type Mixture } from "./mixture.ts";

/**
 * A metric is looked at in pairs, canary and stable at the same moment, and a pair is bad when their ratio is
 * outside of the bounds. Tolerated: half of the pairs are bad, that is, the typical pair is within. Nothing
 * is assumed of how the values are spread. Pairs must not share what they are made of, so there is at most
 * one a minute: a query's window should not be longer.
 */
export interface MetricState {
  readonly mixture: Mixture;
  /** When the last pair was bet on. */
  readonly last: Instant | null;
}

export const METRIC_EVERY = minutes(1);
const TOLERATED = 0.5;
const WORSE = [0.6, 0.75, 0.9, 0.97] as const;
export const METRIC_BETS = WORSE.length;

/** Is the pair bad? null: it says nothing. */
export function isBadPair(metric: Metric, point: MetricPoint, share: BasisPoints | null): boolean | null {
  const { canary, stable } = point;
  if (canary === null || stable === null || !(stable > 0) || !Number.isFinite(canary)) return null;
  if (metric.grows && (share === null || share <= 0 || share >= EVERYTHING)) return null;
  const part = (share ?? 0) / EVERYTHING;
  const ratio = metric.grows ? canary / part / (stable / (1 - part)) : canary / stable;
  return ratio < (metric.lower ?? -Infinity) || ratio > (metric.upper ?? Infinity);
}

export function takePair(mixture: Mixture, bad: boolean, drip: Drip): Mixture {
  const gains = WORSE.map((p) => Math.log((bad ? p : 1 - p) / TOLERATED));
  return takeGains(mixture, gains, drip);
}

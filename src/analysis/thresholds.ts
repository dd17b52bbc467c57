import { bucketOf, edgeOf } from "../model/traffic.ts";
import { bucketAt, totalOf, type Times } from "./times.ts";

/** The stable's quantiles at which latency is compared, and what they take. */
export const QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999] as const;
/** Of the canary so many more may be above: at the median 1 point, less where there are few. */
export const slackOf = (q: number): number => Math.min(0.01, (1 - q) / 4);

/**
 * A stable request is slow above `stable`, a canary's above `canary` (buckets): the canary's threshold is the
 * stable's with the tolerance. null: too few requests of the stable to know the quantile.
 */
export type Threshold = { readonly stable: number; readonly canary: number } | null;

interface Tolerated {
  readonly ratio: number;
  readonly margin: number;
}

/** So many requests above a quantile make it known. */
const ENOUGH_ABOVE = 10;

export function thresholdsOf(times: Times, tolerated: Tolerated): readonly Threshold[] {
  const total = totalOf(times);
  return QUANTILES.map((q) => {
    const bucket = total * (1 - q) < ENOUGH_ABOVE ? null : bucketAt(times, q);
    return bucket === null ? null : snug(bucket, tolerated);
  });
}

const NEARBY = [0, 1, -1, 2, -2] as const;

/**
 * The canary's threshold has to be the edge of a bucket too, rounded up, which would add to the tolerance. Of
 * the buckets near the quantile the one is taken where that is least.
 */
function snug(quantile: number, { ratio, margin }: Tolerated): Threshold {
  const pairs = NEARBY.map((step) => {
    const stable = quantile + step;
    const wanted = ratio * edgeOf(stable) + margin;
    const canary = bucketOf(wanted);
    return { stable, canary, waste: edgeOf(canary) / wanted };
  });
  const best = pairs.reduce((a, b) => (b.waste < a.waste - 1e-9 ? b : a));
  return { stable: best.stable, canary: best.canary };
}

import { addKinds, type ByKind } from "./drain.ts";

/** Counts of requests, as the gateways' own logs tell. */
export interface Traffic {
  readonly requests: number;
  /** Answered with 5xx, or not answered. */
  readonly failed: number;
  /** Connections that ended before the answer was complete, through no fault of the client's. */
  readonly cut: number;
  /** Requests that a second slot answered after the first did not. */
  readonly retried: number;
  /** Of these, requests of a role of which no slot answered: one of the other role did. */
  readonly fellBack: number;
  /** Whose slot was stopped, as their time was over; they are in `requests` and in no other count. */
  readonly cutKinds?: ByKind<number>;
  readonly latency: Histogram;
}

/** Log buckets: bucket i holds times in (growth^(i−1), growth^i] milliseconds; index → count. */
export type Histogram = Readonly<Record<number, number>>;

export const NO_TRAFFIC: Traffic = { requests: 0, failed: 0, cut: 0, retried: 0, fellBack: 0, latency: {} };

/** Relative error of at most 1 % (ratio of neighbouring edges). */
const GROWTH = Math.log(1.01 / 0.99);

export const bucketOf = (ms: number): number => Math.ceil(Math.log(Math.max(ms, 0.01)) / GROWTH);
/** The longest time that the bucket holds. */
export const edgeOf = (bucket: number): number => Math.exp(bucket * GROWTH);

export function addHistogram(a: Histogram, b: Histogram): Histogram {
  const sum: Record<number, number> = { ...a };
  for (const [bucket, count] of Object.entries(b)) {
    sum[Number(bucket)] = (sum[Number(bucket)] ?? 0) + count;
  }
  return sum;
}

export function addTraffic(a: Traffic, b: Traffic): Traffic {
  const cutKinds = a.cutKinds || b.cutKinds ? addKinds(a.cutKinds ?? {}, b.cutKinds ?? {}) : undefined;
  return {
    ...(cutKinds && { cutKinds }),
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    cut: a.cut + b.cut,
    retried: a.retried + b.retried,
    fellBack: a.fellBack + b.fellBack,
    latency: addHistogram(a.latency, b.latency),
  };
}

/** The time in ms below which a part `q` of the requests were answered; null without any. */
export function quantile(histogram: Histogram, q: number): number | null {
  const buckets = Object.entries(histogram)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .toSorted((a, b) => a[0] - b[0]);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= q * total) return edgeOf(bucket);
  }
  return null;
}

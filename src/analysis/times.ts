import { bucketOf, edgeOf, type Histogram } from "../model/traffic.ts";

/**
 * A histogram as a row of counts, which is quick to add and to count: place i is bucket i + LOWEST. It ends
 * with the last count that is not 0.
 */
export type Times = readonly number[];

export const NO_TIMES: Times = [];

/** Logs have whole milliseconds, so only 0 and 1 are below; above is a quarter of an hour. */
const LOWEST = -1;
const HIGHEST = bucketOf(900_000);
const placeOf = (bucket: number): number => Math.min(Math.max(bucket, LOWEST), HIGHEST) - LOWEST;

export function addHistogram(times: Times, histogram: Histogram): Times {
  let sum: number[] | null = null;
  for (const key in histogram) {
    sum ??= [...times];
    const place = placeOf(Number(key));
    while (sum.length <= place) sum.push(0);
    sum[place] = (sum[place] ?? 0) + (histogram[key as unknown as number] ?? 0);
  }
  return sum ?? times;
}

export function addTimes(a: Times, b: Times): Times {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const [long, short] = a.length < b.length ? [b, a] : [a, b];
  const sum = [...long];
  for (let i = 0; i < short.length; i += 1) sum[i] = (sum[i] ?? 0) + (short[i] ?? 0);
  return sum;
}

export function totalOf(times: Times): number {
  let total = 0;
  for (let i = 0; i < times.length; i += 1) total += times[i] ?? 0;
  return total;
}

/** Requests that took longer than all in this bucket. */
export function above(times: Times, bucket: number): number {
  let count = 0;
  for (let i = placeOf(bucket) + 1; i < times.length; i += 1) count += times[i] ?? 0;
  return count;
}

/** Those in this bucket and below. */
export const upTo = (times: Times, bucket: number): Times => times.slice(0, placeOf(bucket) + 1);

/** The bucket in which the part `q` of the requests is reached; null without any. */
export function bucketAt(times: Times, q: number): number | null {
  const total = totalOf(times);
  if (total === 0) return null;
  let seen = 0;
  for (const [place, count] of times.entries()) {
    seen += count;
    if (seen >= q * total) return place + LOWEST;
  }
  return times.length - 1 + LOWEST;
}

/** The same in milliseconds. */
export function timeAt(times: Times, q: number): number | null {
  const bucket = bucketAt(times, q);
  return bucket === null ? null : edgeOf(bucket);
}

/** What was known counts a part of itself; three decimals are enough. */
export function fade(times: Times, decay: number): Times {
  const left = times.map((count) => Math.round(count * decay * 1000) / 1000);
  while (left.at(-1) === 0) left.pop();
  return left;
}

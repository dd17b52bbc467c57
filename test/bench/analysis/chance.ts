// Draws that traces are made of: Poisson counts and latencies.
import type { Random } from "../../../src/base/random.ts";
import { bucketOf } from "../../../src/model/traffic.ts";

/** A Poisson count: by inversion where the mean is small, else in halves. */
export function poisson(random: Random, mean: number): number {
  if (mean <= 0) return 0;
  if (mean > 30) {
    // The normal distribution is near enough for block sizes; no test looks at their shape.
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * gaussian(random)));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count += 1;
  return count;
}

/** How many of `n` happen, each with probability `p`: from one to the next, so that rare ones cost little. */
export function binomial(random: Random, n: number, p: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  const perFailure = Math.log1p(-p);
  let count = 0;
  let at = 0;
  for (;;) {
    at += Math.floor(Math.log(1 - random.next()) / perFailure) + 1;
    if (at > n) return count;
    count += 1;
  }
}

export function gaussian(random: Random): number {
  const u = Math.max(random.next(), 1e-12);
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.next());
}

/** Where a probability lies of which `count` of `n` were seen, 95 times of 100 (Clopper and Pearson). */
export function intervalOf(count: number, n: number): { readonly low: number; readonly high: number } {
  const low = count === 0 ? 0 : probabilityAt((p) => 1 - atMost(count - 1, n, p) < 0.025);
  const high = count === n ? 1 : probabilityAt((p) => atMost(count, n, p) > 0.025);
  return { low, high };
}

/** The largest probability of which it is true; it is of the small ones only. */
function probabilityAt(isTrue: (p: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i += 1) {
    const middle = (low + high) / 2;
    if (isTrue(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** The chance of at most `count` of `n`. */
function atMost(count: number, n: number, p: number): number {
  let ln = n * Math.log1p(-p);
  let sum = Math.exp(ln);
  for (let k = 1; k <= count; k += 1) {
    ln += Math.log((n - k + 1) / k) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(ln);
  }
  return sum;
}

/** Inverse of the normal distribution function (Newton on a series of the error function's complement). */
export function normalQuantile(p: number): number {
  let low = -9;
  let high = 9;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** By the continued fraction in the tails and the series near the middle. */
function normalCdf(x: number): number {
  const z = Math.abs(x);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let k = 1; k < 100 && term > 1e-17; k += 1) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    return x < 0 ? 0.5 - density * sum : 0.5 + density * sum;
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k -= 1) fraction = k / (z + fraction);
  const tail = density / (z + fraction);
  return x < 0 ? tail : 1 - tail;
}

/** Latencies in ms at LEVELS evenly spaced levels of probability, and their buckets. */
export interface Latency {
  readonly ms: Float64Array;
  readonly bucket: Int16Array;
}
const LEVELS = 65_536;

function latency(ms: (q: number) => number): Latency {
  const values = Float64Array.from({ length: LEVELS }, (_, i) => ms((i + 0.5) / LEVELS));
  return { ms: values, bucket: Int16Array.from(values, bucketOf) };
}

const P50 = 75;
const P99 = 303;
const SIGMA = Math.log(P99 / P50) / normalQuantile(0.99);
const QUANTILES = Float64Array.from({ length: LEVELS }, (_, i) => normalQuantile((i + 0.5) / LEVELS));
const base = (q: number): number => P50 * Math.exp(SIGMA * (QUANTILES[Math.floor(q * LEVELS)] ?? 0));

const P95 = base(0.95);
const STRETCH = (2 * P99 - P95) / (P99 - P95);

/** p50 75 ms, p99 303 ms, and what is made of it. */
export const NORMAL = latency(base);
export const scaled = (factor: number): Latency => latency((q) => base(q) * factor);
/** Only what is above p95 is stretched, so that p99 doubles. */
export const longTail = (): Latency =>
  latency((q) => (q <= 0.95 ? base(q) : P95 + (base(q) - P95) * STRETCH));
/** 2 % of the requests take half a second more. */
export const twoHumps = (): Latency => {
  const rest = 0.98;
  // Which requests are slow is independent of how long they take: levels are dealt out in a fixed shuffle.
  const isSlow = (i: number): boolean => ((i * 40_503) % LEVELS) / LEVELS >= rest;
  const values = Float64Array.from(
    { length: LEVELS },
    (_, i) => base((i + 0.5) / LEVELS) + (isSlow(i) ? 500 : 0),
  );
  return { ms: values, bucket: Int16Array.from(values, bucketOf) };
};
export const levelOf = (random: Random): number => Math.floor(random.next() * LEVELS);

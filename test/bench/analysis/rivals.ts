// Other ways to judge, from their documented rules, on the same traces: they see one point a minute.
import type { Random } from "../../../src/base/random.ts";
import { edgeOf } from "../../../src/model/traffic.ts";
import { isHigh } from "./mann-whitney.ts";
import { TICK, type Counted, type Tick } from "./traces.ts";

export interface Minute {
  readonly n: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
}

export interface Minutes {
  readonly canary: readonly Minute[];
  readonly stable: readonly Minute[];
}

/** Sums up ticks to minutes. */
export class MinuteMaker {
  readonly canary: Minute[] = [];
  readonly stable: Minute[] = [];
  #open: Tick[] = [];

  add(tick: Tick): void {
    this.#open.push(tick);
    if (this.#open.length * TICK < 60_000) return;
    this.canary.push(minuteOf(this.#open.map(({ canary }) => canary)));
    this.stable.push(minuteOf(this.#open.map(({ stable }) => stable)));
    this.#open = [];
  }
}

function minuteOf(counted: readonly Counted[]): Minute {
  const buckets = new Map<number, number>();
  for (const one of counted) {
    for (const [bucket, count] of one.buckets) buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
  }
  const sum = (key: "n" | "errors" | "ms") => counted.reduce((total, one) => total + one[key], 0);
  const sorted = [...buckets].toSorted(([a], [b]) => a - b);
  const good = sorted.reduce((total, [, count]) => total + count, 0);
  const at = (q: number): number => {
    let seen = 0;
    for (const [bucket, count] of sorted) {
      // Between the bucket's edges by rank: minutes of real requests would hardly ever tie.
      if (seen + count >= q * good) return edgeOf(bucket - 1 + (q * good - seen) / count);
      seen += count;
    }
    return Number.NaN;
  };
  return { n: sum("n"), errors: sum("errors"), p50: at(0.5), p99: at(0.99), mean: sum("ms") / good };
}

const rateOf = ({ n, errors }: Minute): number => errors / n;

/** Argo Rollouts: one measurement a minute, of the canary alone; the fourth that is bad ends it. */
const ARGO_LIMIT = 3;
export function argo(minutes: readonly Minute[], least: number): number | null {
  let failed = 0;
  for (const [i, minute] of minutes.entries()) {
    if (1 - rateOf(minute) < least) failed += 1;
    if (failed > ARGO_LIMIT) return (i + 1) * 60;
  }
  return null;
}

/** Flagger: five failed checks in all, and the next look goes back. */
const FLAGGER_LIMIT = 5;
export function flagger(minutes: readonly Minute[], latency: "p99" | "mean"): number | null {
  let failed = 0;
  for (const [i, minute] of minutes.entries()) {
    if (failed >= FLAGGER_LIMIT) return (i + 1) * 60;
    const isGood = 1 - rateOf(minute) >= 0.99 && !(minute[latency] > 500);
    if (!isGood) failed += 1;
  }
  return null;
}

/** Kayenta: error rate, p50 and p99 of the first so many minutes; any that is high fails. */
export function kayenta(random: Random, { canary, stable }: Minutes, minutes: number): boolean {
  const metrics = [rateOf, ({ p50 }: Minute) => p50, ({ p99 }: Minute) => p99];
  return metrics.some((metric) => {
    const points = (of: readonly Minute[]) =>
      of
        .slice(0, minutes)
        .map(metric)
        .filter((value) => !Number.isNaN(value));
    return isHigh(random, points(canary), points(stable));
  });
}

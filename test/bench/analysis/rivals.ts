// Other ways to judge, from their documented rules, on the same traces: they see one point a minute.
import type { Random } from "../../../src/base/random.ts";
import { edgeOf } from "../../../src/model/traffic.ts";
import { isHigh } from "./mann-whitney.ts";
import { type Counted, type Tick } from "./traces.ts";

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
  #open = 0;
  readonly #sums = { canary: new Sum(), stable: new Sum() };
  readonly #ticks: number;

  constructor(tick: number) {
    this.#ticks = 60_000 / tick;
  }

  add({ canary, stable }: Tick): void {
    this.#sums.canary.add(canary);
    this.#sums.stable.add(stable);
    this.#open += 1;
    if (this.#open < this.#ticks) return;
    this.canary.push(this.#sums.canary.take());
    this.stable.push(this.#sums.stable.take());
    this.#open = 0;
  }
}

class Sum {
  #n = 0;
  #errors = 0;
  #ms = 0;
  readonly #buckets = new Int32Array(2048);

  add({ n, errors, ms, buckets }: Counted): void {
    this.#n += n;
    this.#errors += errors;
    this.#ms += ms;
    for (const bucket in buckets) this.#buckets[Number(bucket)]! += buckets[bucket as unknown as number]!;
  }

  /** The minute; what comes after is of the next. */
  take(): Minute {
    const good = this.#buckets.reduce((total, count) => total + count, 0);
    const mean = this.#ms / good;
    const minute = {
      n: this.#n,
      errors: this.#errors,
      p50: this.#at(0.5 * good),
      p99: this.#at(0.99 * good),
      mean,
    };
    [this.#n, this.#errors, this.#ms] = [0, 0, 0];
    this.#buckets.fill(0);
    return minute;
  }

  #at(rank: number): number {
    let seen = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      // Between the bucket's edges by rank: minutes of real requests would hardly ever tie.
      if (count > 0 && seen + count >= rank) return edgeOf(bucket - 1 + (rank - seen) / count);
      seen += count;
    }
    return Number.NaN;
  }
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

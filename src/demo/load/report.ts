// What the load generator tells. Times are milliseconds since the Unix epoch, with fractions.

/** `cut`: broken off after the answer had begun; `reset`: before. */
export type FailureKind = "refused" | "reset" | "cut" | "timeout" | "status" | "body" | "overload" | "other";

/** What is told apart: `fresh` has a connection of its own, `slow` asks to take long, whatever its method. */
export type AskedKind = "keep-alive" | "fresh" | "POST" | "slow";

export interface Asked {
  readonly requests: number;
  readonly failed: number;
}

export interface LoadFailure {
  readonly kind: FailureKind;
  readonly sentAt: number;
  readonly took: number;
  readonly method: string;
  readonly path: string;
  readonly user: number;
  readonly status: number | null;
  readonly answeredBy: string | null;
  readonly message: string;
}

/** `delay`, here and below: the time to the answer without the time that the request itself asked to take. */
export interface Second {
  readonly at: number;
  readonly requests: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What one slot answered with one release; `answeredBy` is `v1@8001`. */
export interface Answers {
  readonly answeredBy: string;
  readonly requests: number;
  readonly firstSentAt: number;
  readonly lastSentAt: number;
}

/** A user got another release than with the request before. */
export interface Change {
  readonly user: number;
  readonly sentAt: number;
  readonly from: string;
  readonly to: string;
}

/** Every request in the order of its answer, as columns; `by` indexes `names`, -1 for a failed one. */
export interface Samples {
  readonly names: readonly string[];
  readonly sentAt: readonly number[];
  readonly delay: readonly number[];
  /** How long the request itself asked to take. */
  readonly asked: readonly number[];
  readonly by: readonly number[];
}

export interface LoadReport {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly requests: number;
  readonly failed: number;
  readonly asked: Readonly<Partial<Record<AskedKind, Asked>>>;
  readonly byKind: Readonly<Partial<Record<FailureKind, number>>>;
  /** The first thousand. */
  readonly failures: readonly LoadFailure[];
  readonly seconds: readonly Second[];
  readonly answers: readonly Answers[];
  /** The first ten thousand. */
  readonly changes: readonly Change[];
  readonly samples: Samples | null;
}

/** One line of the generator's output. */
export type LoadLine =
  | { readonly kind: "second"; readonly second: Second }
  | { readonly kind: "failure"; readonly failure: LoadFailure }
  | { readonly kind: "report"; readonly report: LoadReport };

export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;
}

export interface Window {
  readonly requests: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

/** The requests sent from `from` until before `to`. Needs a report with samples. */
export function windowOf({ samples }: LoadReport, from: number, to: number): Window {
  if (samples === null) throw new Error("this load was run without samples");
  const inside = samples.sentAt.flatMap((at, index) => (at >= from && at < to ? [index] : []));
  const good = inside.filter((index) => (samples.by[index] ?? -1) >= 0);
  const delays = good.map((index) => samples.delay[index] ?? 0);
  return {
    requests: inside.length,
    failed: inside.length - good.length,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
  };
}

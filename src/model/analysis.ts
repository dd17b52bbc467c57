import type { Duration } from "../base/time.ts";

/** How a rollout is judged: `analysis:` of the file. */
export interface AnalysisSettings {
  /** It judges and tells, and never acts. */
  readonly observe: boolean;
  /** The chance of a false alarm over the whole rollout, for a release exactly at the tolerance. */
  readonly alpha: number;
  /** Tolerated: ratio × the stable's error rate + margin (a fraction). */
  readonly errors: { readonly ratio: number; readonly margin: number };
  /** Tolerated: ratio × the stable's time + margin. */
  readonly latency: { readonly ratio: number; readonly margin: Duration };
  /** What counts as an error. */
  readonly bad: readonly StatusRange[];
  /** What is independent of each other: users where users are split, else requests. */
  readonly unit: "user" | "request";
  readonly warmup: Duration;
  readonly minRequests: number;
  /** How long the first look and the last one take at most; less when `requestsOfLook` were seen. */
  readonly look: Duration;
  readonly early: boolean;
  readonly maxFailedRequests: number;
  readonly metrics: readonly Metric[];
}

/** From and to, both inclusive. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export interface Metric {
  readonly name: string;
  readonly prometheus: string;
  /** `{release}` still in it. */
  readonly query: string;
  /** Grows with the traffic, so each release's value is divided by its share. */
  readonly grows: boolean;
  /** The canary's value divided by the stable's is good from `lower` to `upper`. */
  readonly lower: number | null;
  readonly upper: number | null;
}

/**
 * A first look is for a release that fails (nearly) everything: so many requests show that, and what fails
 * less often the judge goes on to find.
 */
const LOOKED_AT = 20;

export const requestsOfLook = ({ minRequests }: Pick<AnalysisSettings, "minRequests">): number =>
  Math.min(minRequests, LOOKED_AT);

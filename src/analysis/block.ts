import type { AnalysisSettings } from "../model/analysis.ts";
import type { RoleEvidence, UserRequest } from "../model/evidence.ts";
import type { Histogram } from "../model/traffic.ts";
import { addCounts } from "./evidence.ts";
import { isError, isRefused } from "./rules.ts";
import { above, totalOf } from "./thresholds.ts";

/** What is judged, of one role. */
export interface Tally {
  readonly n: number;
  readonly errors: number;
  readonly refused: number;
  readonly latency: Histogram;
  /** How long clients waited that left. */
  readonly left: Histogram;
}

export const NO_TALLY: Tally = { n: 0, errors: 0, refused: 0, latency: {}, left: {} };

export const addTally = (a: Tally, b: Tally): Tally => ({
  n: a.n + b.n,
  errors: a.errors + b.errors,
  refused: a.refused + b.refused,
  latency: addCounts(a.latency, b.latency),
  left: addCounts(a.left, b.left),
});

export function tallyOf(settings: AnalysisSettings, evidence: RoleEvidence): Tally {
  let errors = 0;
  let refused = 0;
  for (const [status, count] of Object.entries(evidence.failures)) {
    if (isError(settings, Number(status))) errors += count;
    if (isRefused(settings, Number(status))) refused += count;
  }
  return { n: evidence.requests, errors, refused, latency: evidence.latency, left: evidence.left };
}

export function tallyOfUsers(settings: AnalysisSettings, requests: readonly UserRequest[]): Tally {
  const latency: Record<number, number> = {};
  let errors = 0;
  let refused = 0;
  for (const { bucket, failure } of requests) {
    if (bucket !== null) latency[bucket] = (latency[bucket] ?? 0) + 1;
    if (failure !== null && isError(settings, failure)) errors += 1;
    if (failure !== null && isRefused(settings, failure)) refused += 1;
  }
  return { n: requests.length, errors, refused, latency, left: {} };
}

/** Who left after so long was failed; who left before says nothing. */
export function withLeft(tally: Tally, longest: number): Tally {
  const failed = above(tally.left, longest);
  return failed === 0 ? tally : { ...tally, n: tally.n + failed, errors: tally.errors + failed };
}

/** Requests that end in blocks: within one, canary and stable are compared. */
export interface Block {
  /** The slice it begins with; null: it is empty. */
  readonly since: number | null;
  /** Every request, by role. */
  readonly canary: Tally;
  readonly stable: Tally;
  /** First requests of users, where the unit is the user. */
  readonly users: { readonly canary: Tally; readonly stable: Tally };
}

export const NO_BLOCK: Block = {
  since: null,
  canary: NO_TALLY,
  stable: NO_TALLY,
  users: { canary: NO_TALLY, stable: NO_TALLY },
};

/** The bets of a latency table: requests that were measured, and those above the threshold. */
export const slower = (histogram: Histogram, bucket: number) => ({
  n: totalOf(histogram),
  bad: above(histogram, bucket),
});

import type { AnalysisSettings } from "../model/analysis.ts";
import { CLIENT_LEFT, NO_EVIDENCE, type RoleEvidence, type UserRequest } from "../model/evidence.ts";
import { isError, isRefused } from "./rules.ts";
import { NO_TIMES, above, addHistogram, addTimes, totalOf, upTo, type Times } from "./times.ts";

/** What is judged, of one role. */
export interface Tally {
  readonly n: number;
  readonly errors: number;
  readonly refused: number;
  readonly latency: Times;
  /** How long clients waited that left. */
  readonly left: Times;
}

export const NO_TALLY: Tally = { n: 0, errors: 0, refused: 0, latency: NO_TIMES, left: NO_TIMES };

export const addTally = (a: Tally, b: Tally): Tally => ({
  n: a.n + b.n,
  errors: a.errors + b.errors,
  refused: a.refused + b.refused,
  latency: addTimes(a.latency, b.latency),
  left: addTimes(a.left, b.left),
});

/** The tally with what a slice shows. */
export function addEvidence(tally: Tally, settings: AnalysisSettings, evidence: RoleEvidence): Tally {
  if (evidence === NO_EVIDENCE) return tally;
  let { errors, refused } = tally;
  for (const [status, count] of Object.entries(evidence.failures)) {
    if (isError(settings, Number(status))) errors += count;
    if (isRefused(settings, Number(status))) refused += count;
  }
  return {
    n: tally.n + evidence.requests,
    errors,
    refused,
    latency: addHistogram(tally.latency, evidence.latency),
    left: addHistogram(tally.left, evidence.left),
  };
}

/** The tally with one request of each of these users. */
export function addUsers(tally: Tally, settings: AnalysisSettings, users: readonly UserRequest[]): Tally {
  if (users.length === 0) return tally;
  const times: Record<number, number> = {};
  const left: Record<number, number> = {};
  let { n, errors, refused } = tally;
  for (const { bucket, failure } of users) {
    const among = failure === CLIENT_LEFT ? left : times;
    if (bucket !== null) among[bucket] = (among[bucket] ?? 0) + 1;
    if (failure === CLIENT_LEFT) continue;
    n += 1;
    if (failure !== null && isError(settings, failure)) errors += 1;
    if (failure !== null && isRefused(settings, failure)) refused += 1;
  }
  const latency = addHistogram(tally.latency, times);
  return { n, errors, refused, latency, left: addHistogram(tally.left, left) };
}

/**
 * Who left after so long was failed. Who left before waited at least so long: clients with little patience
 * would otherwise hide a release that hangs. They are as patient with either release, so it stays fair.
 */
export function withLeft(tally: Tally, longest: number): Tally {
  if (tally.left.length === 0) return tally;
  const failed = above(tally.left, longest);
  const latency = addTimes(tally.latency, upTo(tally.left, longest));
  return { ...tally, n: tally.n + failed, errors: tally.errors + failed, latency };
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
export const slower = (times: Times, bucket: number) => ({ n: totalOf(times), bad: above(times, bucket) });

import type { Instant } from "../base/time.ts";
import type { BasisPoints } from "./share.ts";

/**
 * continue: nothing against it, and not yet proven · fail: worse than tolerated, go back · proven: no worse
 * than the next share may be · inconclusive: hold, too little traffic or a share that is not what was asked
 * for · unknown: evidence is missing; never to be taken as good.
 */
export type VerdictKind = "continue" | "fail" | "proven" | "inconclusive" | "unknown";

/** A verdict with all that it rests on. Plain JSON: it goes into the journal. */
export interface Verdict {
  readonly kind: VerdictKind;
  readonly at: Instant;
  /** The canary's share in force; null while it is being changed. */
  readonly share: BasisPoints | null;
  /** One sentence for people. */
  readonly sentence: string;
  /** The test that decided, or is nearest to it; null before there is one. */
  readonly by: string | null;
  /** Chance of a false alarm over the whole rollout. */
  readonly alpha: number;
  /** Anytime-valid p-value of "no worse than tolerated", over all tests. */
  readonly p: number;
  readonly canary: RoleSummary;
  readonly stable: RoleSummary;
  /** Copies of requests, which served nobody, and the requests that were copied; absent: there were none. */
  readonly mirrored?: { readonly canary: RoleSummary; readonly stable: RoleSummary };
  /** Error rate of the canary minus that of the stable: between these, at any time, at level alpha. */
  readonly difference: Band;
  readonly tests: readonly TestReport[];
  readonly budget: HarmReport;
  /** How many more requests of the canary a decision takes, as it looks now; null: cannot be said. */
  readonly requestsMissing: number | null;
  /** Evidence that is missing, one sentence each. */
  readonly gaps: readonly string[];
}

/** What was judged of one role, since the rollout began. */
export interface RoleSummary {
  readonly requests: number;
  readonly failed: number;
  /** The error rate with its band. */
  readonly rate: Band & { readonly value: number | null };
  readonly latency: readonly QuantileReport[];
  /** Not judged: slots were warming up. */
  readonly cold: number;
}

export interface Band {
  readonly low: number;
  readonly high: number;
}

export interface QuantileReport {
  /** 0.5, 0.9, 0.99 */
  readonly q: number;
  /** Milliseconds; null without requests. `low` and `high` null: not bounded yet. */
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface TestReport {
  /** `errors`, `refused` (4xx), `latency`, `traffic`, `metric NAME`. */
  readonly name: string;
  /** What it compares, with its tolerance, for people. */
  readonly question: string;
  readonly unit: "request" | "user" | "point";
  /** log10 of the evidence against the canary; it fails at `limit`. */
  readonly wealth: number;
  readonly limit: number;
  readonly p: number;
  /** Where the evidence is strongest, e.g. `p99`. */
  readonly where: string | null;
  /** log10 of the evidence that the canary is fit for the next share, and what it takes; null: not asked. */
  readonly proof: { readonly wealth: number; readonly limit: number } | null;
}

/** Failed requests of the canary above the stable's rate. */
export interface HarmReport {
  /** As counted; may be negative. */
  readonly failed: number;
  /** At least so many, and at most. */
  readonly low: number;
  readonly high: number;
  readonly most: number;
}

/** What was told of the canary so far, though more of the same time may come: it passes no verdict. */
export interface Glance {
  /** Of the canary, since it has a share. */
  readonly requests: number;
  /** Anybody was told of, of either release, lately or since the canary was first seen to be asked. */
  readonly hasUsers: boolean;
  /** Something speaks against it, if only a little. */
  readonly isDoubted: boolean;
  /** Much less was told of than it was asked: it may hang. Or it fails grossly, and it alone is asked. */
  readonly alarm: "missing" | "failing" | null;
}

/** What a bad release may do before it goes back by itself. */
export interface PlannedHarm {
  /** One that fails everything goes back after so many failures in a row; null: by the budget only. */
  readonly allFailing: number | null;
  readonly unit: "request" | "user";
  /** Failed requests above the stable's rate that are borne, whatever fails. */
  readonly most: number;
}

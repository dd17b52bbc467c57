import type { Instant } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import type { BasisPoints } from "../model/share.ts";
import { bucketOf } from "../model/traffic.ts";
import { NO_BLOCK, NO_TALLY, type Block, type Tally } from "./block.ts";
import { newComparison, type Comparison } from "./comparison.ts";
import type { Both } from "./evidence.ts";
import { EXCESS_BETS, FIRST_ERRORS_BETS, MISSING_BETS } from "./label.ts";
import { METRIC_BETS, type MetricState } from "./metrics.ts";
import { newMixture, type Mixture } from "./mixture.ts";
import { newProof, type Proof } from "./proof.ts";
import type { Rules } from "./rules.ts";
import { QUANTILES, type Threshold } from "./thresholds.ts";
import { NO_TIMES, type Times } from "./times.ts";
import { NOBODY, type Seen } from "./users.ts";

/** All that the judge knows. Plain JSON of some kilobytes: whoever goes on with it comes to the same. */
export interface JudgeState {
  readonly begunAt: Instant;
  readonly gateways: Readonly<Record<HostName, GatewayState>>;
  /** Slices that are not final yet. */
  readonly pending: Readonly<Record<number, Both>>;
  /** The first slice that is not folded; null before there is one. */
  readonly next: number | null;
  /** Oldest first. */
  readonly shares: readonly ShareChange[];
  readonly block: Block;
  readonly arrivals: Arrivals;
  /** Absent in what was kept before this was counted. */
  readonly flow?: Flow;
  /** Absent: nobody was ever without somebody to compare with. */
  readonly gross?: Gross;
  /** The slice in which the canary's first request ended; nothing is compared before. */
  readonly judgedSince: number | null;
  readonly baseline: Baseline;
  readonly thresholds: readonly Threshold[];
  readonly tests: Tests;
  readonly proofs: Proofs;
  /** ln of the most that all tests on requests were ever worth together. */
  readonly lnMost: number;
  readonly users: { readonly seen: Seen; readonly failed: Seen };
  /** Absent: nothing was mirrored. */
  readonly mirror?: MirrorState;
  readonly totals: Totals;
  readonly harm: { readonly excess: number; readonly variance: number };
  /** Slices in which it was last done. */
  readonly did: { readonly plan: number; readonly thresholds: number; readonly restart: number };
}

export interface GatewayState {
  readonly through: Instant | null;
  /** By our clock, when it last spoke. */
  readonly heardAt: Instant | null;
  /** Its clock is ahead of ours. */
  readonly ahead: boolean;
  readonly lost: number;
  readonly lostAt: Instant | null;
  /** Why, where that is known. */
  readonly lostWhy?: string;
}

export interface ShareChange {
  readonly at: Instant;
  /** null: from here on it is being changed. */
  readonly share: BasisPoints | null;
  /** Nobody has the canary, and it gets copies of requests. */
  readonly mirrored?: true;
}

/** Of copies and of what they are copies of; `since` is the slice that the open block begins with. */
export interface MirrorState {
  readonly since: number | null;
  readonly open: { readonly canary: Tally; readonly stable: Tally };
  readonly total: { readonly canary: Tally; readonly stable: Tally };
  readonly cold: number;
}

/** Requests (or new users) by the slice in which they arrived, until all of them must have been told. */
export interface Arrivals {
  readonly counts: Readonly<Record<number, { readonly canary: number; readonly stable: number }>>;
  /** Slices up to and with this one have been bet on. */
  readonly settled: number;
}

/** Of times in which only the canary was asked, and something was known of the stable. */
export interface Gross {
  readonly mixture: Mixture;
  /** Requests that were bet on. */
  readonly asked: number;
  readonly failed: number;
}

/** Whether anybody comes at all, of either release. */
export interface Flow {
  /** Requests told in each of the last slices, and in the last ones before the share was changed. */
  readonly recent: readonly number[];
  readonly before: readonly number[];
  /** Requests told since it has been changed; of the stable those that surely arrived then, by any clock. */
  readonly since: number;
  readonly stable: number;
}

/** How long the stable's requests take, decayed; `fresh` is of the blocks since it was last moved. */
export interface Baseline {
  readonly latency: Times;
  readonly fresh: Times;
  /** A request that is not told so many slices after it arrived is missing. */
  readonly patience: number;
  /** A client that left after a longer time than this bucket's was failed. */
  readonly leftLimit: number;
}

export interface Tests {
  readonly errors: Comparison;
  readonly refused: Comparison | null;
  readonly latency: Comparison;
  readonly firstErrors: Mixture;
  readonly traffic: Mixture;
  readonly crowd: Mixture;
  readonly metrics: Readonly<Record<string, MetricState>>;
}

export interface Proofs {
  readonly errors: Proof;
  readonly refused: Proof | null;
  readonly latency: readonly (Proof | null)[];
}

/** Since the canary's first request; of both roles. */
export interface Totals {
  readonly canary: Tally;
  readonly stable: Tally;
  readonly cold: { readonly canary: number; readonly stable: number };
  /** Requests of the canary since the share last changed. */
  readonly sinceShare: number;
  /** Those that came under a share, not by rules alone; absent in what was kept before this was counted. */
  readonly led?: number;
  /** What the test of traffic has seen since then: requests, or users. */
  readonly arrived: { readonly canary: number; readonly stable: number };
}

export const NO_FLOW: Flow = { recent: [], before: [], since: 0, stable: 0 };
const NONE = { canary: 0, stable: 0 };
/** Two seconds, as long as nothing is known. */
const FIRST_PATIENCE = 8;
/** Two seconds. */
export const LEAST_LEFT = bucketOf(2000);

export function newState(rules: Rules, at: Instant): JudgeState {
  const targets = rules.targets.length;
  const silent = { through: null, heardAt: null, ahead: false, lost: 0, lostAt: null };
  return {
    begunAt: at,
    gateways: Object.fromEntries(rules.gateways.map((name) => [name, silent])),
    pending: {},
    next: null,
    shares: [],
    block: NO_BLOCK,
    arrivals: { counts: {}, settled: -1 },
    flow: NO_FLOW,
    judgedSince: null,
    baseline: { latency: NO_TIMES, fresh: NO_TIMES, patience: FIRST_PATIENCE, leftLimit: LEAST_LEFT },
    thresholds: QUANTILES.map(() => null),
    tests: {
      errors: newComparison(rules.errors),
      refused: rules.refused === null ? null : newComparison(rules.refused),
      latency: newComparison(rules.latency),
      firstErrors: newMixture(FIRST_ERRORS_BETS),
      traffic: newMixture(MISSING_BETS),
      crowd: newMixture(EXCESS_BETS),
      metrics: Object.fromEntries(
        rules.settings.metrics.map(({ name }) => [name, { mixture: newMixture(METRIC_BETS), last: null }]),
      ),
    },
    proofs: {
      errors: newProof(targets),
      refused: rules.refused === null ? null : newProof(targets),
      latency: rules.proofs.latency.map((asked) => (asked === null ? null : newProof(targets))),
    },
    lnMost: 0,
    users: { seen: NOBODY, failed: NOBODY },
    totals: { canary: NO_TALLY, stable: NO_TALLY, cold: NONE, sinceShare: 0, led: 0, arrived: NONE },
    harm: { excess: 0, variance: 0 },
    did: { plan: 0, thresholds: 0, restart: 0 },
  };
}

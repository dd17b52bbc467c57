import { seconds, type Duration } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import type { HostName } from "../model/ids.ts";
import { EVERYTHING, type BasisPoints } from "../model/share.ts";
import { clamp } from "./numeric.ts";
import { ERROR_EFFECTS, LATENCY_EFFECTS, type ComparisonRule } from "./comparison.ts";
import type { Drip } from "./mixture.ts";
import type { Tolerance } from "./projection.ts";
import { QUANTILES, slackOf } from "./thresholds.ts";

/** What the judge must know of the rollout. */
export interface JudgePlan {
  readonly gateways: readonly HostName[];
  /** The shares of the steps. */
  readonly shares: readonly BasisPoints[];
  /** How long it is thought to take: wealth is kept for so long, and some for beyond. */
  readonly expected: Duration;
  /** Visitors stay with their release: a share says whom the canary may get, and not whom it has. */
  readonly pinned?: boolean;
}

/** Settings and plan, worked out. */
export interface Rules {
  readonly settings: AnalysisSettings;
  readonly gateways: readonly HostName[];
  /** How much traffic comes to whom says something. */
  readonly countsArrivals: boolean;
  readonly drip: Drip;
  readonly errors: ComparisonRule;
  /** Statuses of 4xx, where they are listed as bad: with a tolerance of their own, and wide. */
  readonly refused: ComparisonRule | null;
  readonly latency: ComparisonRule;
  /** Next shares, ascending, and what a release has to be proven to be for each. */
  readonly targets: readonly BasisPoints[];
  readonly proofs: {
    readonly errors: readonly Tolerance[];
    readonly refused: readonly Tolerance[];
    /** As QUANTILES; null where no proof is asked for. */
    readonly latency: readonly (readonly Tolerance[] | null)[];
  };
  /** How the wealth is divided at the start; sums to 1. */
  readonly weights: {
    readonly errors: number;
    readonly refused: number;
    readonly latency: number;
    readonly traffic: number;
  };
  /** Level of all tests on requests together, and of each metric. */
  readonly alpha: number;
  readonly metricAlpha: number;
}

const REFUSED: Tolerance = { ratio: 1.5, margin: 0.01 };
/** Of all requests so many more may turn bad by the next step, at most. */
const RISK = { errors: 0.001, refused: 0.01, latency: [0.05, null, 0.03, 0.02, 0.01, null] } as const;
/** What metrics get of alpha, all together. */
const METRICS_PART = 0.2;
const RESTART = seconds(30);

export function rulesOf(settings: AnalysisSettings, plan: JudgePlan): Rules {
  const drip = { expected: clamp(Math.ceil(plan.expected / RESTART), 20, 480), kept: 0.2 };
  const rule = (tolerances: readonly Tolerance[], effects: readonly number[]): ComparisonRule => ({
    tolerances,
    effects,
    drip,
  });
  const hasRefused = settings.bad.some(({ from }) => from < 500);
  const latency = QUANTILES.map((q) => ({ ratio: 1, margin: slackOf(q) }));
  const targets = [...new Set(plan.shares)].filter((share) => share > 0).toSorted((a, b) => a - b);
  const metrics = settings.metrics.length;
  return {
    settings,
    gateways: plan.gateways,
    countsArrivals: plan.pinned !== true,
    drip,
    errors: rule([settings.errors], ERROR_EFFECTS),
    refused: hasRefused ? rule([REFUSED], ERROR_EFFECTS) : null,
    latency: rule(latency, LATENCY_EFFECTS),
    targets,
    proofs: {
      errors: proofsOf(targets, settings.errors, RISK.errors),
      refused: hasRefused ? proofsOf(targets, REFUSED, RISK.refused) : [],
      latency: latency.map((tolerance, k) => {
        const risk = RISK.latency[k] ?? null;
        return risk === null ? null : proofsOf(targets, tolerance, risk);
      }),
    },
    weights: weightsOf(hasRefused, plan.pinned === true),
    alpha: settings.alpha * (metrics > 0 ? 1 - METRICS_PART : 1),
    metricAlpha: metrics > 0 ? (settings.alpha * METRICS_PART) / metrics : 0,
  };
}

function weightsOf(hasRefused: boolean, isPinned: boolean): Rules["weights"] {
  const all = hasRefused
    ? { errors: 0.3, refused: 0.1, latency: 0.4, traffic: 0.2 }
    : { errors: 0.4, refused: 0, latency: 0.4, traffic: 0.2 };
  return isPinned ? { ...all, errors: all.errors + all.traffic, traffic: 0 } : all;
}

/** The larger the next share, the less worse the canary may be: their product is the risk that is taken. */
const proofsOf = (
  targets: readonly BasisPoints[],
  tolerance: Tolerance,
  risk: number,
): readonly Tolerance[] =>
  targets.map((share) => ({
    ratio: tolerance.ratio,
    margin: Math.max(tolerance.margin, (risk * EVERYTHING) / share),
  }));

/** Statuses that count as an error (0: no whole answer), and those that count as refused. */
export const isError = ({ bad }: AnalysisSettings, status: number): boolean =>
  status === 0 || (status >= 500 && bad.some(({ from, to }) => status >= from && status <= to));
export const isRefused = ({ bad }: AnalysisSettings, status: number): boolean =>
  status > 0 && status < 500 && bad.some(({ from, to }) => status >= from && status <= to);

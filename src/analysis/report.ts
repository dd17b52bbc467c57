import { formatDuration } from "../base/time.ts";
import type { Metric } from "../model/analysis.ts";
import type { HarmReport, RoleSummary, TestReport } from "../model/verdict.ts";
import { quantileReport, rateBand } from "./bands.ts";
import type { Tally } from "./block.ts";
import type { Comparison } from "./comparison.ts";
import { FIRST_ERRORS_RATIO, SHARE_TOLERANCE } from "./label.ts";
import { lnWealth, type Mixture } from "./mixture.ts";
import { logSumExp } from "./numeric.ts";
import type { Proof } from "./proof.ts";
import type { Rules } from "./rules.ts";
import type { JudgeState, Tests } from "./state.ts";
import { QUANTILES } from "./thresholds.ts";

const SHOWN = [0.5, 0.9, 0.99] as const;

export function summaryOf(tally: Tally, cold: number, alpha: number): RoleSummary {
  const failed = tally.errors;
  return {
    requests: tally.n,
    failed,
    rate: { value: tally.n === 0 ? null : failed / tally.n, ...rateBand(tally.n, failed, alpha / 2) },
    latency: SHOWN.map((q) => quantileReport(tally.latency, q, alpha / 4)),
    cold,
  };
}

/** So many standard deviations are what chance may do over a rollout. */
const FAR = 4;

export function harmOf({ harm }: JudgeState, { settings }: Rules): HarmReport {
  const far = FAR * Math.sqrt(harm.variance);
  return {
    failed: harm.excess,
    low: harm.excess - far,
    high: harm.excess + far,
    most: settings.maxFailedRequests,
  };
}

/** How much of alpha a test has for itself, should it decide alone. */
interface Test {
  readonly name: string;
  readonly question: string;
  readonly unit: TestReport["unit"];
  readonly mixture: Mixture;
  readonly alpha: number;
  readonly where: string | null;
  readonly proof: TestReport["proof"];
}

/** ln of what a proof takes. */
export const PROOF_LIMIT = Math.log(20);

export function testsOf(state: JudgeState, rules: Rules, target: number | null): readonly TestReport[] {
  const proof = (one: Proof | null): TestReport["proof"] => {
    const ln = target === null ? undefined : one?.lnWealth[target];
    return ln === undefined ? null : { wealth: log10(ln), limit: log10(PROOF_LIMIT) };
  };
  const { tests, proofs } = state;
  const all = [
    errorsTest(tests, rules, proof(proofs.errors)),
    ...(rules.settings.unit === "user" ? [firstRequestsTest(tests, rules)] : []),
    latencyTest(tests, rules, proof(leastProof(proofs.latency, target))),
    ...(rules.countsArrivals ? [trafficTest(tests, rules)] : []),
    ...(tests.refused === null ? [] : [refusedTest(tests.refused, rules, proof(proofs.refused))]),
    ...rules.settings.metrics.flatMap((metric) => metricTest(tests, rules, metric) ?? []),
  ];
  return all.map((test) => reportOf(test, rules));
}

function errorsTest(tests: Tests, { settings, alpha, weights }: Rules, proof: Test["proof"]): Test {
  const { ratio, margin } = settings.errors;
  const isByUser = settings.unit === "user";
  return {
    name: "errors",
    question: isByUser
      ? `users whose requests fail: at most ${FIRST_ERRORS_RATIO} × as often as the stable's`
      : `error rate: at most ${ratio} × the stable's + ${percent(margin)}`,
    unit: settings.unit,
    mixture: isByUser ? tests.firstErrors : tests.errors.mixture,
    alpha: isByUser ? (alpha * weights.errors) / 2 : alpha * weights.errors,
    where: null,
    proof,
  };
}

/** Needs no share, so it sees what is wrong at once, also while the share is changed. */
const firstRequestsTest = ({ errors }: Tests, { settings, alpha, weights }: Rules): Test => ({
  name: "first requests",
  question:
    `error rate of users' first requests: at most ${settings.errors.ratio} × the stable's + ` +
    percent(settings.errors.margin),
  unit: "user",
  mixture: errors.mixture,
  alpha: (alpha * weights.errors) / 2,
  where: null,
  proof: null,
});

function latencyTest({ latency }: Tests, { settings, alpha, weights }: Rules, proof: Test["proof"]): Test {
  const { ratio, margin } = settings.latency;
  return {
    name: "latency",
    question: `latency: at most ${ratio} × the stable's + ${formatDuration(margin)}`,
    unit: settings.unit,
    mixture: latency.mixture,
    alpha: alpha * weights.latency,
    where: worstQuantile(latency),
    proof,
  };
}

const trafficTest = ({ traffic }: Tests, { settings, alpha, weights }: Rules): Test => ({
  name: "traffic",
  question: `traffic: at least ${percent(1 - SHARE_TOLERANCE)} of its share`,
  unit: settings.unit,
  mixture: traffic,
  alpha: alpha * weights.traffic,
  where: null,
  proof: null,
});

function metricTest({ metrics }: Tests, { metricAlpha }: Rules, metric: Metric): Test | null {
  const { name, lower, upper } = metric;
  const known = metrics[name];
  if (known === undefined) return null;
  const bounds = [lower === null ? [] : [`at least ${lower}`], upper === null ? [] : [`at most ${upper}`]];
  return {
    name: `metric ${name}`,
    question: `${name}: typically ${bounds.flat().join(" and ")} × the stable's`,
    unit: "point",
    mixture: known.mixture,
    alpha: metricAlpha,
    where: null,
    proof: null,
  };
}

const refusedTest = (
  { mixture }: Comparison,
  { alpha, weights, settings }: Rules,
  proof: Test["proof"],
): Test => ({
  name: "refused",
  question: "refused requests (4xx): at most 1.5 × the stable's + 1 %",
  unit: settings.unit,
  mixture,
  alpha: alpha * weights.refused,
  where: null,
  proof,
});

function reportOf({ mixture, alpha, ...test }: Test, { drip }: Rules): TestReport {
  const p = Math.min(1, Math.exp(-mixture.lnMost));
  return { ...test, wealth: log10(lnWealth(mixture, drip)), limit: log10(-Math.log(alpha)), p };
}

const log10 = (ln: number): number => ln / Math.LN10;
export const percent = (fraction: number, digits = 3): string =>
  `${Number((fraction * 100).toPrecision(digits))} %`;

/** The quantile at which most is won. */
function worstQuantile({ mixture }: Comparison): string | null {
  const each = mixture.lnBets.length / QUANTILES.length;
  const worth = QUANTILES.map((_, k) => logSumExp(mixture.lnBets.slice(k * each, (k + 1) * each)));
  const best = worth.indexOf(Math.max(...worth));
  const q = QUANTILES[best];
  return q === undefined ? null : nameOf(q);
}

export const nameOf = (q: number): string => `p${Number((q * 100).toFixed(1))}`;

function leastProof(proofs: readonly (Proof | null)[], target: number | null): Proof | null {
  if (target === null) return null;
  const asked = proofs.filter((proof) => proof !== null);
  const worth = ({ lnWealth }: Proof): number => lnWealth[target] ?? 0;
  return asked.reduce<Proof | null>((a, b) => (a === null || worth(b) < worth(a) ? b : a), null);
}

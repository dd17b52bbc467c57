import { minutes, seconds } from "../base/time.ts";
import { SLICE } from "../model/evidence.ts";
import { moveRates, restartComparison, type Comparison } from "./comparison.ts";
import { clamp } from "./numeric.ts";
import { restart } from "./mixture.ts";
import { moveProof } from "./proof.ts";
import type { Rules } from "./rules.ts";
import { LEAST_LEFT, type Baseline, type JudgeState, type Tests } from "./state.ts";
import { thresholdsOf, type Threshold } from "./thresholds.ts";
import { NO_TIMES, addTimes, bucketAt, fade } from "./times.ts";
import { slower } from "./block.ts";
import { edgeOf } from "../model/traffic.ts";

/** What is done between blocks, from time to time: then nothing can be chosen by an outcome. */
const PLAN_EVERY = seconds(10) / SLICE;
const THRESHOLDS_EVERY = minutes(3) / SLICE;
const RESTART_EVERY = seconds(30) / SLICE;
const HALF_LIFE = minutes(5) / SLICE;
/** As long as so little is known of the stable, what comes is learned at once. */
const LITTLE = 200;

export function betweenBlocks(state: JudgeState, rules: Rules, slice: number): JudgeState {
  const known = state.tests.errors.rates[0]?.n ?? 0;
  const isDue = known < LITTLE || slice - state.did.plan >= PLAN_EVERY;
  const planned = isDue ? movePlan(state, rules, slice) : state;
  const since = planned.judgedSince;
  if (since === null || slice - Math.max(since, planned.did.restart) < RESTART_EVERY) return planned;
  const gross = restartGross(planned, rules);
  return {
    ...planned,
    ...gross,
    tests: restartAll(planned.tests, rules),
    did: { ...planned.did, restart: slice },
  };
}

function restartGross({ gross }: JudgeState, { drip }: Rules): Pick<JudgeState, "gross"> {
  return gross === undefined ? {} : { gross: { ...gross, mixture: restart(gross.mixture, drip) } };
}

function movePlan(state: JudgeState, rules: Rules, slice: number): JudgeState {
  const elapsed = state.did.plan === 0 ? 0 : slice - state.did.plan;
  const decay = 2 ** (-elapsed / HALF_LIFE);
  const { tests, proofs } = state;
  const baseline = moveBaseline(state.baseline, decay);
  const moved: JudgeState = {
    ...state,
    baseline,
    tests: {
      ...tests,
      errors: moveRates(tests.errors, decay),
      refused: tests.refused === null ? null : moveRates(tests.refused, decay),
      latency: moveRates(tests.latency, decay),
    },
    proofs: {
      errors: moveProof(proofs.errors),
      refused: proofs.refused === null ? null : moveProof(proofs.refused),
      latency: proofs.latency.map((proof) => (proof === null ? null : moveProof(proof))),
    },
    did: { ...state.did, plan: slice },
  };
  return moveThresholds(moved, rules, slice);
}

const MOST_PATIENCE = seconds(30) / SLICE;

function moveBaseline(baseline: Baseline, decay: number): Baseline {
  const latency = addTimes(fade(baseline.latency, decay), baseline.fresh);
  const slowest = bucketAt(latency, 0.999) ?? LEAST_LEFT;
  return {
    latency,
    fresh: NO_TIMES,
    patience: Math.ceil(clamp((edgeOf(slowest) + 1000) / SLICE, seconds(2) / SLICE, MOST_PATIENCE)),
    leftLimit: Math.max(LEAST_LEFT, slowest),
  };
}

/** New thresholds now and then; those that were not known yet, as soon as they are. */
function moveThresholds(state: JudgeState, rules: Rules, slice: number): JudgeState {
  const { baseline, judgedSince, did } = state;
  const isDue = judgedSince === null || slice - did.thresholds >= THRESHOLDS_EVERY;
  if (!isDue && !state.thresholds.includes(null)) return state;
  const found = thresholdsOf(baseline.latency, rules.settings.latency);
  const thresholds = state.thresholds.map((old, k) => (isDue || old === null ? (found[k] ?? old) : old));
  return {
    ...state,
    thresholds,
    tests: { ...state.tests, latency: atThresholds(state, thresholds) },
    did: isDue ? { ...did, thresholds: slice } : did,
  };
}

/** The stable's rates at thresholds that changed are counted anew from how long its requests take. */
function atThresholds(state: JudgeState, thresholds: readonly Threshold[]): Comparison {
  const { latency } = state.tests;
  const rates = latency.rates.map((rate, k) => {
    const threshold = thresholds[k] ?? null;
    if (threshold === null || state.thresholds[k]?.stable === threshold.stable) return rate;
    return slower(state.baseline.latency, threshold.stable);
  });
  return { ...latency, rates };
}

function restartAll(tests: Tests, rules: Rules): Tests {
  const { drip } = rules;
  const metrics = Object.entries(tests.metrics).map(
    ([name, metric]) => [name, { ...metric, mixture: restart(metric.mixture, drip) }] as const,
  );
  return {
    errors: restartComparison(tests.errors, rules.errors),
    refused:
      tests.refused === null || rules.refused === null
        ? null
        : restartComparison(tests.refused, rules.refused),
    latency: restartComparison(tests.latency, rules.latency),
    firstErrors: restart(tests.firstErrors, drip),
    traffic: restart(tests.traffic, drip),
    crowd: restart(tests.crowd, drip),
    metrics: Object.fromEntries(metrics),
  };
}

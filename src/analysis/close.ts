import { instant } from "../base/time.ts";
import { startOf } from "../model/evidence.ts";
import { NOTHING } from "../model/share.ts";
import { NO_BLOCK, addTally, withLeft, type Tally } from "./block.ts";
import { learn, takeBlock, type Rate } from "./comparison.ts";
import { logSumExp } from "./numeric.ts";
import { lnWealth } from "./mixture.ts";
import { takeProof } from "./proof.ts";
import type { Table } from "./projection.ts";
import { shareAt } from "./shares.ts";
import type { Rules } from "./rules.ts";
import type { JudgeState, Proofs, Tests, Totals } from "./state.ts";
import type { Threshold } from "./thresholds.ts";
import { above, addTimes, totalOf } from "./times.ts";

/** Both roles of a block, as they are compared: requests, or users. */
export interface Sample {
  readonly canary: Tally;
  readonly stable: Tally;
}

/** The block is compared and added to all that is known; the next one begins empty. */
export function closeBlock(state: JudgeState, rules: Rules): JudgeState {
  const { block, baseline } = state;
  if (block.since === null) return state;
  const all = requestsOf(state, block);
  const sample = rules.settings.unit === "user" ? requestsOf(state, block.users) : all;
  const tables = tablesOf(state, sample);
  return {
    ...state,
    block: NO_BLOCK,
    tests: learnAll(testAll(state.tests, rules, tables), state, all.stable),
    proofs: proveAll(state, rules, tables),
    totals: totalsSoFar(state),
    harm: addHarm(state, all),
    baseline: { ...baseline, fresh: addTimes(baseline.fresh, block.stable.latency) },
  };
}

const requestsOf = ({ baseline }: JudgeState, { canary, stable }: Sample): Sample => ({
  canary: withLeft(canary, baseline.leftLimit),
  stable: withLeft(stable, baseline.leftLimit),
});

/** With the open block: a test by user decides within one, and is to be told with what it saw. */
export function totalsSoFar(state: JudgeState): Totals {
  const { since } = state.block;
  if (state.judgedSince === null || since === null) return state.totals;
  const isLed = (shareAt(state.shares, instant(startOf(since + 1) - 1)) ?? NOTHING) > NOTHING;
  return addTotals(state.totals, requestsOf(state, state.block), isLed);
}

interface Tables {
  readonly errors: Table;
  readonly refused: Table;
  readonly latency: readonly (Table | null)[];
}

export function tablesOf({ thresholds }: JudgeState, { canary, stable }: Sample): Tables {
  return {
    errors: { canary: errorsOf(canary), stable: errorsOf(stable) },
    refused: { canary: refusedOf(canary), stable: refusedOf(stable) },
    latency: latencyTables(thresholds, canary, stable),
  };
}

function latencyTables(
  thresholds: readonly Threshold[],
  { latency: canary }: Tally,
  { latency: stable }: Tally,
): readonly (Table | null)[] {
  const [ours, theirs] = [totalOf(canary), totalOf(stable)];
  return thresholds.map((threshold) =>
    threshold === null
      ? null
      : {
          canary: { n: ours, bad: above(canary, threshold.canary) },
          stable: { n: theirs, bad: above(stable, threshold.stable) },
        },
  );
}

const errorsOf = ({ n, errors }: Tally): Rate => ({ n, bad: errors });
const refusedOf = ({ n, refused }: Tally): Rate => ({ n, bad: refused });

export function testAll(tests: Tests, rules: Rules, tables: Tables): Tests {
  return {
    ...tests,
    errors: takeBlock(tests.errors, rules.errors, [tables.errors]),
    refused:
      tests.refused === null || rules.refused === null
        ? null
        : takeBlock(tests.refused, rules.refused, [tables.refused]),
    latency: takeBlock(tests.latency, rules.latency, tables.latency),
  };
}

/** From every request of the stable: a guess of its rates needs no independence. */
function learnAll(tests: Tests, { thresholds }: JudgeState, stable: Tally): Tests {
  const n = totalOf(stable.latency);
  const slow = thresholds.map((threshold) => ({
    n: threshold === null ? 0 : n,
    bad: threshold === null ? 0 : above(stable.latency, threshold.stable),
  }));
  return {
    ...tests,
    errors: learn(tests.errors, [errorsOf(stable)]),
    refused: tests.refused === null ? null : learn(tests.refused, [refusedOf(stable)]),
    latency: learn(tests.latency, slow),
  };
}

const UNKNOWN: Rate = { n: 0, bad: 0 };

function proveAll({ proofs, tests }: JudgeState, rules: Rules, tables: Tables): Proofs {
  const rateOf = (rates: readonly Rate[] | undefined, k: number): Rate => rates?.[k] ?? UNKNOWN;
  return {
    errors: takeProof(proofs.errors, {
      tolerances: rules.proofs.errors,
      rate: rateOf(tests.errors.rates, 0),
      table: tables.errors,
    }),
    refused:
      proofs.refused === null
        ? null
        : takeProof(proofs.refused, {
            tolerances: rules.proofs.refused,
            rate: rateOf(tests.refused?.rates, 0),
            table: tables.refused,
          }),
    latency: proofs.latency.map((proof, k) => {
      const table = tables.latency[k] ?? null;
      const tolerances = rules.proofs.latency[k] ?? null;
      if (proof === null || table === null || tolerances === null) return proof;
      return takeProof(proof, { tolerances, rate: rateOf(tests.latency.rates, k), table });
    }),
  };
}

/** All of a block are under one share. */
const addTotals = (totals: Totals, { canary, stable }: Sample, isLed: boolean): Totals => ({
  ...totals,
  canary: addTally(totals.canary, canary),
  stable: addTally(totals.stable, stable),
  sinceShare: totals.sinceShare + canary.n,
  led: (totals.led ?? 0) + (isLed ? canary.n : 0),
});

/** So many requests of what was known weigh as much as what the block shows of the stable. */
const PRIOR_REQUESTS = 20;

/** Failed requests of the canary beyond what the stable's rate explains, and how uncertain that is. */
function addHarm({ harm, tests }: JudgeState, { canary, stable }: Sample): JudgeState["harm"] {
  if (canary.n === 0) return harm;
  const known = tests.errors.rates[0] ?? UNKNOWN;
  const before = known.n === 0 ? 0 : known.bad / known.n;
  const prior = stable.n === 0 ? Math.max(known.n, PRIOR_REQUESTS) : PRIOR_REQUESTS;
  const n = stable.n + prior;
  const rate = (stable.errors + prior * before) / n;
  return {
    excess: harm.excess + canary.errors - canary.n * rate,
    variance: harm.variance + canary.n * rate * (1 - rate) + (canary.n * canary.n * rate * (1 - rate)) / n,
  };
}

/** ln of what all tests on requests are worth together. */
export function lnTogether({ tests }: JudgeState, { weights, drip }: Rules): number {
  const parts = [
    Math.log(weights.errors) + lnWealth(tests.errors.mixture, drip),
    Math.log(weights.latency) + lnWealth(tests.latency.mixture, drip),
    Math.log(weights.traffic) + lnWealth(tests.traffic, drip),
  ];
  if (tests.refused !== null) parts.push(Math.log(weights.refused) + lnWealth(tests.refused.mixture, drip));
  return logSumExp(parts);
}

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ERROR_EFFECTS,
  LATENCY_EFFECTS,
  learn,
  moveRates,
  newComparison,
  restartComparison,
  takeBlock,
  type Comparison,
  type ComparisonRule,
} from "../../src/analysis/comparison.ts";
import { MISSING_BETS, labelGains, missingGains } from "../../src/analysis/label.ts";
import { lnWealth, newMixture, restart, takeGains } from "../../src/analysis/mixture.ts";
import { logSumExp } from "../../src/analysis/numeric.ts";
import { moveProof, newProof, takeProof } from "../../src/analysis/proof.ts";

/** Computed by a simulator that shares no code with ours. */
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));

interface JudgeVectors {
  readonly cfg: {
    readonly w: number;
    readonly deltaK: readonly number[];
    readonly bErr0: number;
    readonly bLat0: readonly number[];
    readonly n0: number;
    readonly nRestarts: number;
    readonly decay: number;
  };
  /** nc, ec, ns, es, exceedances of the canary, of the stable; ln(wealth) of all, of each test. */
  readonly ticks: readonly [
    number,
    number,
    number,
    number,
    readonly number[],
    readonly number[],
    number,
    readonly number[],
  ][];
}
interface FitnessVectors {
  readonly dE: readonly number[];
  /** nc, ec, ns, es; ln(wealth) for each margin. */
  readonly ticks: readonly [number, number, number, number, readonly number[]][];
}

const PLAN_EVERY = 20;
const RESTART_EVERY = 60;
const seeded = (rule: ComparisonRule, n: number, rates: readonly number[]): Comparison => ({
  ...newComparison(rule),
  rates: rates.map((rate) => ({ n, bad: n * rate })),
});
const add = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value + b[i]!);
const EMPTY = { nc: 0, ec: 0, ns: 0, es: 0, exc: [0, 0, 0, 0, 0, 0], exs: [0, 0, 0, 0, 0, 0] };

describe("the reference vectors", () => {
  it("of errors, latency and traffic agree to 1e-10", () => {
    const { cfg, ticks } = read("judge-vectors.json") as JudgeVectors;
    const drip = { expected: cfg.nRestarts, kept: 0 };
    const errorRule = { tolerances: [{ ratio: 1.1, margin: 0.0005 }], effects: ERROR_EFFECTS, drip };
    const tolerances = cfg.deltaK.map((margin) => ({ ratio: 1, margin }));
    const latencyRule = { tolerances, effects: LATENCY_EFFECTS, drip };
    let errors = seeded(errorRule, cfg.n0, [cfg.bErr0]);
    let latency = seeded(latencyRule, cfg.n0, cfg.bLat0);
    let traffic = newMixture(MISSING_BETS);
    let block = EMPTY;
    let worst = 0;
    for (const [i, [nc, ec, ns, es, exc, exs, logE, parts]] of ticks.entries()) {
      if (i > 0 && i % PLAN_EVERY === 0) {
        errors = moveRates(errors, cfg.decay);
        latency = moveRates(latency, cfg.decay);
      }
      if (i > 0 && i % RESTART_EVERY === 0) {
        errors = restartComparison(errors, errorRule);
        latency = restartComparison(latency, latencyRule);
        traffic = restart(traffic, drip);
      }
      block = {
        nc: block.nc + nc,
        ec: block.ec + ec,
        ns: block.ns + ns,
        es: block.es + es,
        exc: add(block.exc, exc),
        exs: add(block.exs, exs),
      };
      if (block.nc > 0 && block.ns > 0 && block.nc + block.ns >= 1 / cfg.w) {
        const table = (bad: number, stableBad: number) => ({
          canary: { n: block.nc, bad },
          stable: { n: block.ns, bad: stableBad },
        });
        const tables = block.exc.map((bad, k) => table(bad, block.exs[k]!));
        errors = takeBlock(errors, errorRule, [table(block.ec, block.es)]);
        errors = learn(errors, [{ n: block.ns, bad: block.es }]);
        latency = takeBlock(latency, latencyRule, tables);
        latency = learn(
          latency,
          tables.map(({ stable }) => stable),
        );
        block = EMPTY;
      }
      traffic = takeGains(traffic, labelGains(missingGains(cfg.w), nc, ns), drip);
      const got = [errors.mixture, latency.mixture, traffic].map((mixture) => lnWealth(mixture, drip));
      const all = logSumExp([0.4, 0.4, 0.2].map((weight, k) => Math.log(weight) + got[k]!));
      worst = Math.max(worst, Math.abs(all - logE), ...got.map((value, k) => Math.abs(value - parts[k]!)));
    }
    expect(ticks).toHaveLength(1500);
    expect(worst).toBeLessThan(1e-10);
  });

  it("of the proof that a canary is fit agree to 1e-10", () => {
    const { dE, ticks } = read("fitness-vectors.json") as FitnessVectors;
    const tolerances = dE.map((margin) => ({ ratio: 1.1, margin }));
    const rule = { tolerances: [{ ratio: 1, margin: 0 }], effects: [], drip: { expected: 1, kept: 0 } };
    let stable = seeded(rule, 20_000, [0.001]);
    let proof = newProof(dE.length);
    let worst = 0;
    for (const [i, [nc, ec, ns, es, expected]] of ticks.entries()) {
      if (i > 0 && i % PLAN_EVERY === 0) {
        stable = moveRates(stable, 0.98);
        proof = moveProof(proof);
      }
      const table = { canary: { n: nc, bad: ec }, stable: { n: ns, bad: es } };
      proof = takeProof(proof, { tolerances, rate: stable.rates[0]!, table });
      stable = learn(stable, [table.stable]);
      worst = Math.max(worst, ...proof.lnWealth.map((value, k) => Math.abs(value - expected[k]!)));
    }
    expect(ticks).toHaveLength(600);
    expect(worst).toBeLessThan(1e-10);
  });
});

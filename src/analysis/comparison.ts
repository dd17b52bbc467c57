import { inside, raiseOdds } from "./numeric.ts";
import { newMixture, restart, takeGains, type Drip, type Mixture } from "./mixture.ts";
import { gain, oddsOfWorse, type Alternative, type Table, type Tolerance } from "./projection.ts";

/**
 * Canary against stable by one or several yes-or-no questions ("failed?", "slower than the stable's p99?"),
 * each with its tolerance and with several sizes of what may be wrong. All bets share one wealth.
 */
export interface ComparisonRule {
  readonly tolerances: readonly Tolerance[];
  /** By how much the canary's log-odds may be worse than tolerated. */
  readonly effects: readonly number[];
  readonly drip: Drip;
}

/** A decayed count of the stable's requests: the odds of the next block are made from it. */
export interface Rate {
  readonly n: number;
  readonly bad: number;
}

export interface Comparison {
  readonly mixture: Mixture;
  /** One for each question; moves only between blocks, so a bet never knows its own outcome. */
  readonly rates: readonly Rate[];
  /** Of the blocks since the rates were last moved. */
  readonly fresh: readonly Rate[];
}

export const ERROR_EFFECTS = [0.35, 0.8, 1.6, 3.2, 6.4] as const;
export const LATENCY_EFFECTS = [0.2, 0.5, 1, 2, 4] as const;
const NOTHING: Rate = { n: 0, bad: 0 };
/** Nothing is bet before so many of the stable's requests are known. */
const LEAST_KNOWN = 20;

export const newComparison = ({ tolerances, effects }: ComparisonRule): Comparison => ({
  mixture: newMixture(tolerances.length * effects.length),
  rates: tolerances.map(() => NOTHING),
  fresh: tolerances.map(() => NOTHING),
});

/** The stable's probability of bad that bets are made with. */
export const stableRate = ({ n, bad }: Rate): number => inside((bad + 0.5) / (n + 1));

/** One table for each question; null: it cannot be asked now. */
export function takeBlock(
  state: Comparison,
  rule: ComparisonRule,
  tables: readonly (Table | null)[],
): Comparison {
  const gains = rule.tolerances.flatMap((tolerance, k) =>
    gainsOf({ tolerance, effects: rule.effects, rate: state.rates[k] ?? NOTHING, table: tables[k] ?? null }),
  );
  return { ...state, mixture: takeGains(state.mixture, gains, rule.drip) };
}

/** What the stable showed, for the bets after the rates have moved. */
export const learn = (state: Comparison, stable: readonly Rate[]): Comparison => ({
  ...state,
  fresh: state.fresh.map(({ n, bad }, k) => ({
    n: n + (stable[k]?.n ?? 0),
    bad: bad + (stable[k]?.bad ?? 0),
  })),
});

interface Asked {
  readonly tolerance: Tolerance;
  readonly effects: readonly number[];
  readonly rate: Rate;
  readonly table: Table | null;
}

function gainsOf({ tolerance, effects, rate, table }: Asked): readonly number[] {
  if (table === null || table.canary.n === 0 || table.stable.n === 0) return effects.map(() => 0);
  if (rate.n < LEAST_KNOWN) return effects.map(() => 0);
  const share = table.canary.n / (table.canary.n + table.stable.n);
  const stable = stableRate(rate);
  const edge = Math.min(tolerance.ratio * stable + tolerance.margin, 1 - 1e-6);
  return effects.map((effect) => {
    const alternative: Alternative = { canary: raiseOdds(edge, effect), stable };
    return gain(oddsOfWorse({ tolerance, alternative, share }), table);
  });
}

/** Moves the rates on: what was known counts `decay` of itself, and what came since is added. */
export function moveRates(state: Comparison, decay: number): Comparison {
  const rates = state.rates.map(({ n, bad }, k) => ({
    n: n * decay + (state.fresh[k]?.n ?? 0),
    bad: bad * decay + (state.fresh[k]?.bad ?? 0),
  }));
  return { ...state, rates, fresh: rates.map(() => NOTHING) };
}

export const restartComparison = (state: Comparison, rule: ComparisonRule): Comparison => ({
  ...state,
  mixture: restart(state.mixture, rule.drip),
});

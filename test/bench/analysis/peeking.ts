// The error stream alone, looked at after every block of few requests.
import {
  moveRates,
  newComparison,
  restartComparison,
  takeBlock,
  learn,
} from "../../../src/analysis/comparison.ts";
import { ERROR_EFFECTS, type Comparison } from "../../../src/analysis/comparison.ts";
import { randomOf } from "./traces.ts";
import { normalQuantile } from "./chance.ts";

interface Null {
  readonly tolerance: { readonly ratio: number; readonly margin: number };
  readonly canary: number;
  readonly stable: number;
  /** What the bets are made with. */
  readonly guess: number;
  readonly restarts: boolean;
}
const SHARP = { ratio: 1, margin: 0 };
const WIDE = { ratio: 1.1, margin: 0.0005 };
const P = 0.01;
const EDGE = WIDE.ratio * P + WIDE.margin;

export const PEEKED: Readonly<Record<string, Null>> = {
  sharp: { tolerance: SHARP, canary: P, stable: P, guess: P, restarts: false },
  "sharp, wrong b0": { tolerance: SHARP, canary: P, stable: P, guess: 3 * P, restarts: false },
  "margin boundary": { tolerance: WIDE, canary: EDGE, stable: P, guess: P, restarts: false },
  "margin boundary+restarts": { tolerance: WIDE, canary: EDGE, stable: P, guess: P, restarts: true },
  "identical release": { tolerance: WIDE, canary: P, stable: P, guess: P, restarts: true },
};

const REQUESTS = 20_000;
const RESTART_EVERY = 1000;
const PLAN_EVERY = 2000;
const Z_EVERY = 200;
const Z = normalQuantile(0.95);

export interface Peeks {
  readonly at05: number;
  readonly at01: number;
  /** A one-sided z-test at 5 %, looked at every 200 requests. */
  readonly naive: number;
}

export function peeksOf(
  what: Null,
  share: number,
  how: { readonly runs: number; readonly seed: number },
): Peeks {
  let [at05, at01, naive] = [0, 0, 0];
  for (let run = 0; run < how.runs; run += 1) {
    const { lnMost, hasRung } = oneRun(what, share, randomOf(how.seed, run));
    if (lnMost >= Math.log(20)) at05 += 1;
    if (lnMost >= Math.log(100)) at01 += 1;
    if (hasRung) naive += 1;
  }
  return { at05: at05 / how.runs, at01: at01 / how.runs, naive: naive / how.runs };
}

const zero = () => ({ canary: { n: 0, bad: 0 }, stable: { n: 0, bad: 0 } });

function oneRun(what: Null, share: number, random: ReturnType<typeof randomOf>) {
  const drip = { expected: REQUESTS / RESTART_EVERY, kept: 0 };
  const rule = { tolerances: [what.tolerance], effects: ERROR_EFFECTS, drip };
  let test: Comparison = { ...newComparison(rule), rates: [{ n: 20_000, bad: 20_000 * what.guess }] };
  let block = zero();
  const total = zero();
  let hasRung = false;
  for (let i = 1; i <= REQUESTS; i += 1) {
    const role = random.next() < share ? "canary" : "stable";
    const bad = random.next() < what[role] ? 1 : 0;
    for (const counts of [block[role], total[role]]) {
      counts.n += 1;
      counts.bad += bad;
    }
    const { canary, stable } = block;
    if (canary.n > 0 && stable.n > 0 && canary.n + stable.n >= 1 / share) {
      test = learn(takeBlock(test, rule, [block]), [stable]);
      block = zero();
      if (i % PLAN_EVERY < canary.n + stable.n) test = moveRates(test, 0.977);
    }
    if (what.restarts && i % RESTART_EVERY === 0) test = restartComparison(test, rule);
    if (i % Z_EVERY === 0) hasRung ||= zOf(total) > Z;
  }
  return { lnMost: test.mixture.lnMost, hasRung };
}

function zOf({ canary, stable }: ReturnType<typeof zero>): number {
  const pooled = (canary.bad + stable.bad) / (canary.n + stable.n);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / canary.n + 1 / stable.n));
  return deviation > 0 ? (canary.bad / canary.n - stable.bad / stable.n) / deviation : 0;
}

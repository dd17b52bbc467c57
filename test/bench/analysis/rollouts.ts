// Whole rollouts under several policies: how they end, when, and what it cost.
import { instant } from "../../../src/base/time.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { Random } from "../../../src/base/random.ts";
import { begin } from "./ours.ts";
import { START, TICK, evidenceAt, randomOf, tickOf, type Counted, type Scenario } from "./traces.ts";

export interface Ended {
  readonly promoted: boolean;
  readonly second: number;
  readonly requests: number;
  /** Errors above the stable's rate. */
  readonly bad: number;
}

const RATE = 200;
const LONGEST = 4 * 3600;

/** The traffic at a share, tick by tick; it counts what the canary served. */
class Traffic {
  second = 0;
  requests = 0;
  errors = 0;
  readonly #random: Random;
  readonly #scenario: Scenario;

  constructor(random: Random, scenario: Scenario) {
    this.#random = random;
    this.#scenario = scenario;
  }

  tick(share: number): { readonly canary: Counted; readonly stable: Counted } {
    const moment = this.#scenario(this.second);
    const counted = tickOf(this.#random, moment, { rate: RATE, part: share });
    this.second += TICK / 1000;
    this.requests += counted.canary.n;
    this.errors += counted.canary.errors - counted.canary.n * moment.stable.errors;
    return counted;
  }

  ended(promoted: boolean): Ended {
    return { promoted, second: this.second, requests: this.requests, bad: Math.round(this.errors) };
  }
}

const SHARES = [100, 500, 2500, 5000, 10_000] as const;

/** The next share as soon as it is proven safe. */
function ours(random: Random, scenario: Scenario): Ended {
  const traffic = new Traffic(random, scenario);
  const { stable } = scenario(0);
  const { judge, state: from } = begin({ random, share: SHARES[0], rate: RATE, stable, shares: SHARES });
  let state = from;
  let step = 0;
  while (traffic.second < LONGEST) {
    const tick = traffic.tick((SHARES[step] ?? 0) / 10_000);
    const at = instant(START + traffic.second * 1000);
    state = judge.observe(state, evidenceAt(tick, at), at);
    const { kind } = judge.verdict(state, at);
    if (kind === "fail") return traffic.ended(false);
    if (kind !== "proven") continue;
    step += 1;
    if (SHARES[step] === 10_000) return traffic.ended(true);
    state = judge.shareChanged(state, at, basisPoints(SHARES[step] ?? 0));
  }
  return traffic.ended(false);
}

interface Checks {
  /** Shares and for how long each holds, in seconds. */
  readonly steps: readonly { readonly share: number; readonly hold: number }[];
  readonly every: number;
  readonly isGood: (counted: readonly Counted[]) => boolean;
  /** More failed checks than this end it; `late`: at the check after. */
  readonly limit: number;
  readonly late: boolean;
  /** A failed check keeps the share. */
  readonly holds: boolean;
}

function byChecks({ steps, every, isGood, limit, late, holds }: Checks, random: Random, scenario: Scenario) {
  const traffic = new Traffic(random, scenario);
  let failed = 0;
  let window: Counted[] = [];
  for (const { share, hold } of steps) {
    let held = 0;
    while (held < hold) {
      window.push(traffic.tick(share).canary);
      const isDue = window.length * TICK >= every * 1000;
      if (!holds || !isDue) held += TICK / 1000;
      if (!isDue) continue;
      if (late && failed > limit) return traffic.ended(false);
      const good = isGood(window);
      if (!good) failed += 1;
      if (!late && failed > limit) return traffic.ended(false);
      if (holds) held = good ? hold : 0;
      window = [];
    }
  }
  return traffic.ended(true);
}

const successOf = (counted: readonly Counted[]): number => {
  const sum = (key: "n" | "errors") => counted.reduce((total, one) => total + one[key], 0);
  return 1 - sum("errors") / sum("n");
};
const slowPart = (counted: readonly Counted[], bucket: number): number => {
  let [all, slow] = [0, 0];
  for (const { buckets } of counted) {
    for (const [key, count] of Object.entries(buckets)) {
      all += count;
      if (Number(key) > bucket) slow += count;
    }
  }
  return slow / all;
};

const ARGO_STEPS = [0.2, 0.4, 0.6, 0.8].map((share) => ({ share, hold: 600 }));
const flaggerSteps = (step: number, every: number) =>
  Array.from({ length: 0.5 / step }, (_, i) => ({ share: (i + 1) * step, hold: every }));
/** The bucket that ends at 500 ms. */
const HALF_SECOND = 310;

const argoLike = { limit: 3, late: false, holds: false, steps: ARGO_STEPS };
const flaggerLike = { late: true, holds: true };
export const POLICIES: Readonly<Record<string, (random: Random, scenario: Scenario) => Ended>> = {
  ours,
  "Argo doc": (random, scenario) =>
    byChecks({ ...argoLike, every: 300, isGood: (window) => successOf(window) >= 0.95 }, random, scenario),
  "Argo 60s ≥.99": (random, scenario) =>
    byChecks({ ...argoLike, every: 60, isGood: (window) => successOf(window) >= 0.99 }, random, scenario),
  "Flagger doc": (random, scenario) => {
    const isGood = (window: readonly Counted[]): boolean =>
      successOf(window) >= 0.99 && !(slowPart(window, HALF_SECOND) > 0.01);
    const checks = { ...flaggerLike, every: 60, limit: 4, steps: flaggerSteps(0.1, 60), isGood };
    return byChecks(checks, random, scenario);
  },
  "Flagger nginx doc": (random, scenario) => {
    const isGood = (window: readonly Counted[]): boolean => successOf(window) >= 0.99;
    const checks = { ...flaggerLike, every: 10, limit: 9, steps: flaggerSteps(0.05, 10), isGood };
    return byChecks(checks, random, scenario);
  },
};

export function rolloutsOf(
  policy: string,
  scenario: Scenario,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): readonly Ended[] {
  const run = POLICIES[policy];
  if (run === undefined) return [];
  return Array.from({ length: runs }, (_, i) => run(randomOf(seed, i), scenario));
}

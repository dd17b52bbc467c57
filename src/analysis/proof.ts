import { inside } from "./numeric.ts";
import { stableRate, type Rate } from "./comparison.ts";
import { gain, oddsOfFit, type Table, type Tolerance } from "./projection.ts";

/** The mirrored test: evidence that the canary is *within* its tolerance, for several tolerances at once. */
export interface Proof {
  /** ln of the wealth, for each tolerance. */
  readonly lnWealth: readonly number[];
  /** All of the canary's requests until the rates last moved, and since. */
  readonly canary: Rate;
  readonly fresh: Rate;
}

/** The canary's rate is drawn to the stable's as if so many of its requests had been seen already. */
const PRIOR_REQUESTS = 20;
const NOTHING: Rate = { n: 0, bad: 0 };

export const newProof = (tolerances: number): Proof => ({
  lnWealth: Array.from({ length: tolerances }, () => 0),
  canary: NOTHING,
  fresh: NOTHING,
});

interface Shown {
  readonly tolerances: readonly Tolerance[];
  readonly rate: Rate;
  readonly table: Table;
}

export function takeProof(proof: Proof, { tolerances, rate, table }: Shown): Proof {
  const { canary, stable } = table;
  const fresh = { n: proof.fresh.n + canary.n, bad: proof.fresh.bad + canary.bad };
  if (canary.n === 0 || stable.n === 0) return { ...proof, fresh };
  const b = stableRate(rate);
  const a = inside((proof.canary.bad + PRIOR_REQUESTS * b) / (proof.canary.n + PRIOR_REQUESTS));
  const question = { alternative: { canary: a, stable: b }, share: canary.n / (canary.n + stable.n) };
  const lnWealth = proof.lnWealth.map(
    (ln, k) => ln + gain(oddsOfFit({ ...question, tolerance: tolerances[k] as Tolerance }), table),
  );
  return { ...proof, lnWealth, fresh };
}

export const moveProof = ({ lnWealth, canary, fresh }: Proof): Proof => ({
  lnWealth,
  canary: { n: canary.n + fresh.n, bad: canary.bad + fresh.bad },
  fresh: NOTHING,
});

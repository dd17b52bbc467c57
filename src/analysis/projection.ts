/**
 * The one primitive: a bet on a 2×2 table (canary and stable, bad and good) that gains nothing on average as
 * long as the canary is within its tolerance, and the most when the alternative is true.
 *
 * The tolerance is a half-plane, canary ≤ ratio·stable + margin. The odds of the bet are likelihoods under
 * the alternative against those under its projection on the half-plane's edge (the reverse information
 * projection: it makes the bet fair against *every* point of the null). They are fair for any sizes of the
 * two groups, so nothing needs to be known about how traffic is split.
 */
export interface Tolerance {
  readonly ratio: number;
  readonly margin: number;
}

/** A point that may be the truth: the canary's probability of bad, and the stable's. */
export interface Alternative {
  readonly canary: number;
  readonly stable: number;
}

/** By how much ln(wealth) moves for one request of each kind. */
export interface Odds {
  readonly canaryBad: number;
  readonly canaryGood: number;
  readonly stableBad: number;
  readonly stableGood: number;
}

export interface Counts {
  readonly n: number;
  readonly bad: number;
}

export interface Table {
  readonly canary: Counts;
  readonly stable: Counts;
}

export const NO_BET: Odds = { canaryBad: 0, canaryGood: 0, stableBad: 0, stableGood: 0 };

export interface Question {
  readonly tolerance: Tolerance;
  readonly alternative: Alternative;
  /** The canary's part of this block's requests, as observed. */
  readonly share: number;
}

/** Against "the canary is within its tolerance". */
export function oddsOfWorse(question: Question): Odds {
  const { tolerance, alternative } = question;
  const high = (alternative.canary - tolerance.margin) / tolerance.ratio;
  return oddsBetween(question, alternative.stable, high);
}

/** Against "the canary is at or beyond its tolerance": wealth here proves that it is not. */
export function oddsOfFit(question: Question): Odds {
  const { tolerance, alternative } = question;
  const low = Math.max(0, (alternative.canary - tolerance.margin) / tolerance.ratio);
  const high = Math.min(alternative.stable, (1 - tolerance.margin) / tolerance.ratio);
  return oddsBetween(question, low, high);
}

function oddsBetween(question: Question, low: number, high: number): Odds {
  const { alternative, tolerance, share } = question;
  if (!(high > low) || share <= 0 || share >= 1) return NO_BET;
  const stable = edgePoint(question, low, high);
  const canary = tolerance.ratio * stable + tolerance.margin;
  // So near to 1 the odds of a good request cannot be computed well enough to be fair.
  if (canary > 1 - NEAR) return NO_BET;
  return {
    canaryBad: Math.log(alternative.canary / canary),
    canaryGood: Math.log1p(-alternative.canary) - Math.log1p(-canary),
    stableBad: Math.log(alternative.stable / stable),
    stableGood: Math.log1p(-alternative.stable) - Math.log1p(-stable),
  };
}

const NEAR = 1e-5;
const MOST_STEPS = 100;
const CLOSE = 1e-15;

/** The stable's probability at the edge's nearest point: Newton, kept in its bracket by bisection. */
function edgePoint({ tolerance, alternative, share }: Question, from: number, to: number): number {
  const { ratio, margin } = tolerance;
  const { canary: a, stable: b } = alternative;
  if (ratio === 1 && margin === 0) return share * a + (1 - share) * b;
  let low = from;
  let high = to;
  let x = (share * (a - margin)) / ratio + (1 - share) * b;
  if (!(x > low && x < high)) x = middle(low, high);
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const c = ratio * x + margin;
    const slope = share * ratio * ((1 - a) / (1 - c) - a / c) + (1 - share) * ((1 - b) / (1 - x) - b / x);
    if (slope < 0) low = x;
    else high = x;
    const bend =
      share * ratio * ratio * (a / (c * c) + (1 - a) / ((1 - c) * (1 - c))) +
      (1 - share) * (b / (x * x) + (1 - b) / ((1 - x) * (1 - x)));
    const newton = x - slope / bend;
    const next = newton > low && newton < high ? newton : middle(low, high);
    if (Math.abs(next - x) <= CLOSE * x) return next;
    x = next;
  }
  return x;
}

/** In the middle by size, since the ends may be orders of magnitude apart. */
const middle = (low: number, high: number): number => (low > 0 ? Math.sqrt(low * high) : high / 2);

/** What a block adds to ln(wealth). */
export const gain = (odds: Odds, { canary, stable }: Table): number =>
  canary.bad * odds.canaryBad +
  (canary.n - canary.bad) * odds.canaryGood +
  stable.bad * odds.stableBad +
  (stable.n - stable.bad) * odds.stableGood;

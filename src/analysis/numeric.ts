/** Everything is kept as logarithms: evidence grows and shrinks by hundreds of orders of magnitude. */
export const logAddExp = (a: number, b: number): number => {
  const high = Math.max(a, b);
  return high === -Infinity ? high : high + Math.log1p(Math.exp(-Math.abs(a - b)));
};

export function logSumExp(values: readonly number[]): number {
  const high = Math.max(-Infinity, ...values);
  if (high === -Infinity) return high;
  return high + Math.log(values.reduce((sum, value) => sum + Math.exp(value - high), 0));
}

export const clamp = (value: number, low: number, high: number): number =>
  Math.min(Math.max(value, low), high);

const TINY = 1e-6;
/** A probability that is neither 0 nor 1. */
export const inside = (p: number): number => clamp(p, TINY, 1 - TINY);

/** `p` with its log-odds raised by `eta`. */
export function raiseOdds(p: number, eta: number): number {
  const logit = Math.log(p) - Math.log1p(-p);
  return 1 / (1 + Math.exp(-(logit + eta)));
}

const LANCZOS = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_59, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
] as const;

/** ln Γ(x) for x ≥ ½ (Lanczos, g = 7). */
function lnGamma(x: number): number {
  const z = x - 1;
  const series = LANCZOS.reduce((sum, term, i) => (i === 0 ? term : sum + term / (z + i)), 0);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(series);
}

export const lnBeta = (a: number, b: number): number => lnGamma(a) + lnGamma(b) - lnGamma(a + b);

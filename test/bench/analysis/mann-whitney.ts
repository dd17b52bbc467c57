// The rank test of Kayenta's classic judge, from its documented rules.
import type { Random } from "../../../src/base/random.ts";
import { gaussian, normalQuantile } from "./chance.ts";

const CONFIDENCE = 0.98;
const TOLERANCE = 0.25;

/** The standardised rank sum of x − shift against y, corrected for ties. */
function standardised(
  x: readonly number[],
  y: readonly number[],
  how: { shift: number; corrected: boolean },
) {
  const all = [
    ...x.map((value) => ({ value: value - how.shift, ours: true })),
    ...y.map((value) => ({ value, ours: false })),
  ].toSorted((a, b) => a.value - b.value);
  let ranks = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]!.value === all[from]!.value) to += 1;
    const size = to - from;
    const rank = (from + to + 1) / 2;
    for (let i = from; i < to; i += 1) if (all[i]!.ours) ranks += rank;
    ties += size ** 3 - size;
    from = to;
  }
  const [n, m] = [x.length, y.length];
  const excess = ranks - (n * (n + 1)) / 2 - (n * m) / 2;
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  const correction = how.corrected ? Math.sign(excess) * 0.5 : 0;
  return variance <= 0 ? 0 : (excess - correction) / Math.sqrt(variance);
}

/** The shift at which the standardised rank sum comes down to z. */
function shiftAt(
  x: readonly number[],
  y: readonly number[],
  { z, corrected }: { z: number; corrected: boolean },
) {
  let low = Math.min(...x) - Math.max(...y);
  let high = Math.max(...x) - Math.min(...y);
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (standardised(x, y, { shift: middle, corrected }) > z) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const Z = normalQuantile(1 - (1 - CONFIDENCE) / 2);

/** Is the experiment higher than the control, beyond the tolerance? One point a minute. */
export function isHigh(random: Random, experiment: readonly number[], control: readonly number[]): boolean {
  if (experiment.length === 0 || control.length === 0) return false;
  const distinct = new Set([...experiment, ...control]).size;
  if (distinct === 1 || sameSorted(experiment, control)) return false;
  const isFlat = new Set(experiment).size === 1 && new Set(control).size === 1;
  const noisy = (values: readonly number[]) =>
    isFlat ? values.map((value) => value + gaussian(random) * 1e-5 * value) : values;
  const [x, y] = [noisy(experiment), noisy(control)];
  const low = shiftAt(x, y, { z: Z, corrected: true });
  const estimate = shiftAt(x, y, { z: 0, corrected: false });
  const ratio = mean(control) === 0 ? Number.NaN : mean(experiment) / mean(control);
  return low > TOLERANCE * Math.abs(estimate) && (Number.isNaN(ratio) || ratio >= 1);
}

function sameSorted(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  const [x, y] = [a.toSorted((p, q) => p - q), b.toSorted((p, q) => p - q)];
  return x.every((value, i) => value === y[i]);
}

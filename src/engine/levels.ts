import { instant, type Instant } from "../base/time.ts";
import { startOf } from "../model/evidence.ts";
import { basisPoints, EVERYTHING, NOTHING, type BasisPoints } from "../model/share.ts";
import type { LogSlice } from "../ports/telemetry.ts";

/** The canary's share from a moment on. */
export interface ShareFrom {
  readonly at: Instant;
  readonly share: BasisPoints;
}

export interface Levels {
  /** The first is the first share above nothing; empty: the share gave nobody the canary. */
  readonly shares: readonly ShareFrom[];
  /** When, after the canary was gone, there was another one; null: there was none. */
  readonly next: Instant | null;
}

/**
 * The shares of a rollout by what arrived at whom. A log cannot tell a share that was made smaller from
 * traffic that is missing. Releases widen, or go back; so a rise is a step, and a fall is one only where
 * nobody is left in the end. Any other fall is what the test of traffic is there for.
 */
export function levelsOf(slices: readonly LogSlice[]): Levels {
  const runs = runsOf(arrivalsOf(slices));
  const first = runs.findIndex(({ canary }) => canary > 0);
  if (first === -1) return { shares: [], next: null };
  const gone = runs.findIndex((run, i) => i > first && run.canary === 0);
  const own = runs.slice(first, gone === -1 ? runs.length : gone + 1);
  const again = gone === -1 ? undefined : runs.slice(gone).find(({ canary }) => canary > 0);
  return { shares: stepsOf(own), next: again === undefined ? null : startOf(again.from) };
}

interface Arrived {
  /** The first slice. */
  readonly from: number;
  readonly canary: number;
  readonly stable: number;
}

/** By the slice of arrival; where the log does not tell whom the share decided on, all that ended. */
function arrivalsOf(slices: readonly LogSlice[]): readonly Arrived[] {
  const counts = new Map<number, { canary: number; stable: number }>();
  const isTold = slices.some(({ canary }) => Object.keys(canary.arrived).length > 0);
  for (const { slice, ...roles } of slices) {
    for (const role of ["canary", "stable"] as const) {
      const arrived = isTold ? roles[role].arrived : { [slice]: roles[role].requests };
      for (const [at, count] of Object.entries(arrived)) {
        const known = counts.get(Number(at)) ?? { canary: 0, stable: 0 };
        known[role] += count;
        counts.set(Number(at), known);
      }
    }
  }
  const sorted = [...counts].toSorted(([a], [b]) => a - b);
  return sorted.map(([from, { canary, stable }]) => ({ from, canary, stable }));
}

const partOf = ({ canary, stable }: Arrived): number => canary / Math.max(1, canary + stable);

/** ln of how likely the counts are by the share that fits them best. */
function fit(canary: number, stable: number): number {
  const ln = (count: number): number => (count === 0 ? 0 : count * Math.log(count / (canary + stable)));
  return ln(canary) + ln(stable);
}

/** By so much (ln) must two shares be likelier than one; it is far beyond chance, wherever one looks. */
const SURE = 20;
/** By so much of itself a share must change: a few busy users may do less. */
const LEAST_CHANGE = 0.15;

/** Cut in two where that explains most, and each piece again, for as long as it explains enough. */
function runsOf(arrivals: readonly Arrived[]): readonly Arrived[] {
  const whole = arrivals.reduce<Arrived | null>((sum, one) => (sum === null ? one : grown(sum, one)), null);
  if (whole === null) return [];
  const best = { at: 0, gain: SURE };
  let [canary, stable] = [0, 0];
  for (const [i, one] of arrivals.entries()) {
    const left = fit(canary, stable);
    const gain = left + fit(whole.canary - canary, whole.stable - stable) - fit(whole.canary, whole.stable);
    if (gain > best.gain) Object.assign(best, { at: i, gain });
    canary += one.canary;
    stable += one.stable;
  }
  if (best.at === 0) return [whole];
  const [before, after] = [runsOf(arrivals.slice(0, best.at)), runsOf(arrivals.slice(best.at))];
  const [last, next] = [before.at(-1), after[0]];
  if (last === undefined || next === undefined || isOther(last, next)) return [...before, ...after];
  return [...before.slice(0, -1), grown(last, next), ...after.slice(1)];
}

const grown = (a: Arrived, b: Arrived): Arrived => ({
  from: a.from,
  canary: a.canary + b.canary,
  stable: a.stable + b.stable,
});

function isOther(a: Arrived, b: Arrived): boolean {
  const [before, after] = [partOf(a), partOf(b)];
  return Math.abs(after - before) > LEAST_CHANGE * Math.max(before, after);
}

function stepsOf(runs: readonly Arrived[]): readonly ShareFrom[] {
  const isGone = runs.at(-1)?.canary === 0;
  const isLastRise = (i: number): boolean =>
    runs.slice(i).every((run, k) => partOf(run) <= partOf(runs[i + k - 1] ?? run));
  const shares: ShareFrom[] = [];
  for (const [i, run] of runs.entries()) {
    const share = shareOf(partOf(run));
    const before = shares.at(-1)?.share ?? NOTHING;
    const isStep = share > before || (share < before && isGone && isLastRise(i));
    if (isStep) shares.push({ at: startOf(run.from), share });
  }
  return shares;
}

/** Nearly all is all: whoever is left was on his way. */
const NEARLY = 0.998;

const shareOf = (part: number): BasisPoints =>
  part >= NEARLY ? EVERYTHING : basisPoints(Math.round(part * EVERYTHING));

const DAY = 86_400_000;

/** A time of the day, in ms (UTC), on the day on which it is nearest to `around`. */
export const timeOfDay = (around: Instant, time: number): Instant =>
  instant(time + Math.round((around - time) / DAY) * DAY);

import { instant, type Instant } from "../base/time.ts";
import { sumOfKinds } from "../model/drain.ts";
import { startOf } from "../model/evidence.ts";
import type { Stretch } from "../model/receipt.ts";
import { addTraffic, NO_TRAFFIC, quantile, type Traffic } from "../model/traffic.ts";
import type { LogSlice } from "../ports/telemetry.ts";

/** The course of the traffic in at most so many pieces, however long a rollout lasts. */
export interface Stretches {
  add(slices: readonly LogSlice[], now: Instant): void;
  all(): readonly Stretch[];
}

const SECOND = 1000;
const MOST = 240;
/** What ended before that is known from every gateway. */
const YOUNG = 60 * SECOND;

export function createStretches(before: readonly Stretch[] = []): Stretches {
  let old = before;
  const young = new Map<number, Traffic>();
  return {
    add: (slices, now) => {
      for (const { slice, traffic } of slices) {
        const from = Math.floor(startOf(slice) / SECOND) * SECOND;
        young.set(from, addTraffic(young.get(from) ?? NO_TRAFFIC, traffic));
      }
      const settled = [...young].filter(([from]) => from < now - YOUNG);
      for (const [from] of settled) young.delete(from);
      if (settled.length > 0) old = fewer([...old, ...settled.map(stretchOf)]);
    },
    all: () => fewer([...old, ...[...young].map(stretchOf)]),
  };
}

const stretchOf = ([from, traffic]: readonly [number, Traffic]): Stretch => ({
  from: instant(from),
  to: instant(from + SECOND),
  requests: traffic.requests,
  failed: traffic.failed,
  cut: traffic.cut + sumOfKinds(traffic.cutKinds ?? {}),
  p99: quantile(traffic.latency, 0.99),
});

/** Pieces of the same length, a power of two of seconds, as short as their number allows. */
function fewer(stretches: readonly Stretch[]): readonly Stretch[] {
  let length = Math.max(SECOND, ...stretches.map(({ from, to }) => to - from));
  for (;;) {
    const pieces = new Map<number, Stretch>();
    for (const stretch of stretches) {
      const from = Math.floor(stretch.from / length) * length;
      const known = pieces.get(from);
      const placed = { ...stretch, from: instant(from), to: instant(from + length) };
      pieces.set(from, known === undefined ? placed : joined(known, placed));
    }
    if (pieces.size <= MOST) return [...pieces.values()].toSorted((a, b) => a.from - b.from);
    length *= 2;
  }
}

const joined = (a: Stretch, b: Stretch): Stretch => ({
  ...a,
  requests: a.requests + b.requests,
  failed: a.failed + b.failed,
  cut: a.cut + b.cut,
  p99: a.p99 === null || b.p99 === null ? (a.p99 ?? b.p99) : Math.max(a.p99, b.p99),
});

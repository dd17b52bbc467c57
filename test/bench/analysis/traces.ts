// Seeded traffic of two releases behind one gateway, tick by tick: what every judge is given.
import { seededRandom, type Random } from "../../../src/base/random.ts";
import { instant } from "../../../src/base/time.ts";
import {
  NO_EVIDENCE,
  SLICE,
  sliceOf,
  type Evidence,
  type RoleEvidence,
} from "../../../src/model/evidence.ts";
import type { Histogram } from "../../../src/model/traffic.ts";
import { GATEWAY } from "../../support/evidence.ts";
import { NORMAL, binomial, levelOf, longTail, poisson, scaled, twoHumps, type Latency } from "./chance.ts";

export interface Release {
  readonly errors: number;
  readonly latency: Latency;
}
/** What both releases are like, `second` seconds after the canary's first request. */
export type Scenario = (second: number) => Moment;
export interface Moment {
  readonly canary: Release;
  readonly stable: Release;
  /** The traffic, as a part of the usual; absent: all of it. */
  readonly load?: number;
  /** The part of the canary's requests that slots answer which have just joined, and what these are like. */
  readonly joined?: { readonly part: number; readonly release: Release };
}

export const TICK = 500;
export const LENGTH = 30 * 60_000;
export const TICKS = LENGTH / TICK;
export const START = 1_700_000_000_000;

const normal = (errors: number): Release => ({ errors, latency: NORMAL });
const always = (stable: Release, canary: Release): Scenario => {
  const both = { stable, canary };
  return () => both;
};
const slow = (latency: Latency): Scenario => always(normal(0.001), { errors: 0.001, latency });

/** Something is wrong with the canary. */
export const FAULTS: Readonly<Record<string, Scenario>> = {
  "E 0.1%->1%": always(normal(0.001), normal(0.01)),
  "E 0.1%->0.5%": always(normal(0.001), normal(0.005)),
  "E 1%->2%": always(normal(0.01), normal(0.02)),
  "E 0->100%": always(normal(0), normal(1)),
  "L p99 x2": slow(longTail()),
  "L all x1.2": slow(scaled(1.2)),
  "L 2% +500ms": slow(twoHumps()),
};

/** What both releases are like in those minutes, and like a healthy one in the others. */
const during = (from: number, to: number, inside: Release): Scenario => {
  const [then, otherwise] = [same(inside), same(normal(0.001))];
  return (second) => (second >= from * 60 && second < to * 60 ? then(second) : otherwise(second));
};
const same = (release: Release): Scenario => always(release, release);
const doubled: Release = { errors: 0.001, latency: scaled(2) };
const atTheEdge: Release = { errors: 1.1 * 0.01 + 0.0005, latency: scaled(1.1) };

/** A day in half an hour: traffic between a fifth and nine fifths; the busy are slower and fail more. */
const day: Scenario = (second) => {
  const phase = Math.sin((second / 1800) * 2 * Math.PI);
  const both = DAY[Math.round((phase + 1) * DAY_STEPS)]!;
  return { canary: both, stable: both, load: 1 + 0.8 * phase };
};
const DAY_STEPS = 8;
const DAY = Array.from({ length: 2 * DAY_STEPS + 1 }, (_, i): Release => {
  const busy = i / (2 * DAY_STEPS);
  return { errors: 0.0005 * 10 ** busy, latency: scaled(0.8 + 0.7 * busy) };
});

/** A slot joins, and after a quarter of an hour another: for ten seconds each is five times as slow. */
const warmingUp = (isTold: boolean): Scenario => {
  const healthy = normal(0.001);
  const cold: Release = { errors: 0.001, latency: scaled(5) };
  const part = (second: number): number => (second < 10 ? 1 : second >= 900 && second < 910 ? 0.5 : 0);
  const at = (joined: number): Moment => ({
    stable: healthy,
    canary: isTold || joined === 0 ? healthy : cold,
    ...(isTold && joined > 0 ? { joined: { part: joined, release: cold } } : {}),
  });
  const moments = new Map([0, 0.5, 1].map((joined) => [joined, at(joined)]));
  return (second) => moments.get(part(second))!;
};

/** The control of `warm-up`: the same, but that nobody tells which slots have just joined. */
export const UNTOLD = warmingUp(false);

/** Nothing is wrong with the canary, or no more than is tolerated. */
export const NULLS: Readonly<Record<string, Scenario>> = {
  "identical p=0.1%": same(normal(0.001)),
  "identical p=1%": same(normal(0.01)),
  "tolerance boundary": always(normal(0.01), atTheEdge),
  "shared incident 5% errs min 5-10": during(5, 10, normal(0.05)),
  "shared latency x2 min 5-15": during(5, 15, doubled),
  "a day's course in 30 min": day,
  "warm-up x5 for 10 s, twice": warmingUp(true),
};

/** One role in one tick. */
export interface Counted {
  readonly n: number;
  readonly errors: number;
  /** Sum of the latencies of those that did not fail. */
  readonly ms: number;
  readonly buckets: Histogram;
  /** Of slots that have just joined: in `n` and `errors`, and their times are not told. */
  readonly cold: number;
}

export const NONE: Counted = { n: 0, errors: 0, ms: 0, buckets: {}, cold: 0 };

const scratch = new Int32Array(2048);

/** How many fail is drawn at once, the others one by one: as exact as all one by one. */
export function draw(random: Random, mean: number, { errors, latency }: Release): Counted {
  const n = poisson(random, mean);
  if (n === 0) return NONE;
  const failed = binomial(random, n, errors);
  const touched: number[] = [];
  let ms = 0;
  for (let i = failed; i < n; i += 1) {
    const level = levelOf(random);
    const bucket = latency.bucket[level]!;
    ms += latency.ms[level]!;
    if (scratch[bucket] === 0) touched.push(bucket);
    scratch[bucket]! += 1;
  }
  const buckets: Record<number, number> = {};
  for (const bucket of touched) {
    buckets[bucket] = scratch[bucket]!;
    scratch[bucket] = 0;
  }
  return { n, errors: failed, ms, buckets, cold: 0 };
}

interface Flow {
  readonly rate: number;
  readonly part: number;
  readonly tick?: number;
}

/** Both roles in the tick that begins with `second`; `rate` is the usual one, `part` the canary's of it. */
export function tickOf(
  random: Random,
  { canary, stable, load = 1, joined }: Moment,
  { rate, part, tick = TICK }: Flow,
): Tick {
  const mean = (rate * load * tick) / 1000;
  const warm = draw(random, mean * part * (1 - (joined?.part ?? 0)), canary);
  const counted =
    joined === undefined ? warm : withCold(warm, draw(random, mean * part * joined.part, joined.release));
  return { canary: counted, stable: draw(random, mean * (1 - part), stable) };
}

const withCold = (warm: Counted, cold: Counted): Counted => ({
  ...warm,
  n: warm.n + cold.n,
  errors: warm.errors + cold.errors,
  cold: cold.n - cold.errors,
});

export function asEvidence({ n, errors, buckets, cold }: Counted, slice: number): RoleEvidence {
  if (n === 0) return NO_EVIDENCE;
  return {
    ...NO_EVIDENCE,
    requests: n,
    failures: errors === 0 ? {} : { 500: errors },
    latency: buckets,
    arrived: { [slice]: n },
    cold,
  };
}

export interface Tick {
  readonly canary: Counted;
  readonly stable: Counted;
}

/** Evidence of a tick that ends `at`. */
export function evidenceAt({ canary, stable }: Tick, at: number): Evidence {
  const slice = sliceOf(instant(at - SLICE));
  const roles = { canary: asEvidence(canary, slice), stable: asEvidence(stable, slice) };
  return { gateway: GATEWAY, through: instant(at), slices: [{ slice, ...roles }], lost: 0 };
}

export const randomOf = (seed: number, run: number): Random =>
  seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));

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
import { GATEWAY } from "../../support/evidence.ts";
import { NORMAL, levelOf, longTail, poisson, scaled, twoHumps, type Latency } from "./chance.ts";

export interface Release {
  readonly errors: number;
  readonly latency: Latency;
}
/** What both releases are like, `second` seconds after the canary's first request. */
export type Scenario = (second: number) => { readonly canary: Release; readonly stable: Release };

export const TICK = 500;
export const TICKS = (30 * 60_000) / TICK;
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

/** Nothing is wrong with the canary, or no more than is tolerated. */
export const NULLS: Readonly<Record<string, Scenario>> = {
  "identical p=0.1%": same(normal(0.001)),
  "identical p=1%": same(normal(0.01)),
  "tolerance boundary": always(normal(0.01), atTheEdge),
  "shared incident 5% errs min 5-10": during(5, 10, normal(0.05)),
  "shared latency x2 min 5-15": during(5, 15, doubled),
};

/** One role in one tick. */
export interface Counted {
  readonly n: number;
  readonly errors: number;
  /** Sum of the latencies of those that did not fail. */
  readonly ms: number;
  readonly buckets: ReadonlyMap<number, number>;
}

export function draw(random: Random, rate: number, { errors, latency }: Release): Counted {
  const n = poisson(random, (rate * TICK) / 1000);
  const buckets = new Map<number, number>();
  let failed = 0;
  let ms = 0;
  for (let i = 0; i < n; i += 1) {
    if (errors > 0 && random.next() < errors) {
      failed += 1;
      continue;
    }
    const level = levelOf(random);
    const bucket = latency.bucket[level]!;
    ms += latency.ms[level]!;
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  return { n, errors: failed, ms, buckets };
}

export function asEvidence(counted: Counted, slice: number): RoleEvidence {
  if (counted.n === 0) return { ...NO_EVIDENCE };
  return {
    ...NO_EVIDENCE,
    requests: counted.n,
    failures: counted.errors === 0 ? {} : { 500: counted.errors },
    latency: Object.fromEntries(counted.buckets),
    arrived: { [slice]: counted.n },
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

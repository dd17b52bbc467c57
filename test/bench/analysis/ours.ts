// Our judge on a trace.
import type { Random } from "../../../src/base/random.ts";
import { createJudge, type Judge } from "../../../src/analysis/judge.ts";
import type { JudgeState } from "../../../src/analysis/state.ts";
import { instant, millis, minutes } from "../../../src/base/time.ts";
import type { AnalysisSettings } from "../../../src/model/analysis.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { GATEWAY } from "../../support/evidence.ts";
import { SETTINGS as DEFAULTS } from "../../support/judged.ts";
import { poisson } from "./chance.ts";
import { NONE, START, TICK, evidenceAt, type Counted, type Release, type Tick } from "./traces.ts";

/** The file's defaults, but that latency is tolerated by its ratio alone. */
export const SETTINGS: AnalysisSettings = {
  ...DEFAULTS,
  latency: { ratio: 1.1, margin: millis(0) },
  maxFailedRequests: 1_000_000_000,
};

const SEEN_BEFORE = minutes(10);

/** The stable's ten minutes before, drawn bucket by bucket. */
function before(random: Random, rate: number, { errors, latency }: Release): Counted {
  const n = (rate * SEEN_BEFORE) / 1000;
  const weights = new Map<number, number>();
  for (const bucket of latency.bucket) weights.set(bucket, (weights.get(bucket) ?? 0) + 1);
  const part = (n * (1 - errors)) / latency.bucket.length;
  const drawn = [...weights].map(([bucket, weight]) => [bucket, poisson(random, part * weight)] as const);
  const good = drawn.reduce((sum, [, count]) => sum + count, 0);
  const failed = poisson(random, n * errors);
  return { ...NONE, n: good + failed, errors: failed, buckets: Object.fromEntries(drawn) };
}

export interface Watched {
  readonly judge: Judge;
  state: JudgeState;
}

interface Asked {
  readonly random: Random;
  readonly share: number;
  readonly rate: number;
  readonly stable: Release;
  readonly settings?: Partial<AnalysisSettings>;
  readonly shares?: readonly number[];
}

/** A judge that has seen the stable for ten minutes when the canary gets its share. */
export function begin({ random, share, rate, stable, settings = {}, shares = [share] }: Asked): Watched {
  const plan = { gateways: [GATEWAY], shares: shares.map(basisPoints), expected: minutes(30) };
  const judge = createJudge({ ...SETTINGS, ...settings }, plan);
  const then = instant(START - TICK);
  let state = judge.shareChanged(judge.begin(then), then, basisPoints(0));
  state = judge.observe(
    state,
    evidenceAt({ canary: NONE, stable: before(random, rate, stable) }, START),
    then,
  );
  // Told as of a while ago: the grace for clocks is not part of what is compared.
  state = judge.shareChanged(state, instant(START), basisPoints(share));
  return { judge, state };
}

export function watch(watched: Watched, tick: Tick, at: number): void {
  watched.state = watched.judge.observe(watched.state, evidenceAt(tick, at), instant(at));
}

/** Cheap: the verdict in full is for people. */
export const hasFailed = ({ state }: Watched, alpha: number): boolean => state.lnMost >= -Math.log(alpha);

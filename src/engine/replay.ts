import { createJudge, type Judge } from "../analysis/judge.ts";
import type { JudgeState } from "../analysis/state.ts";
import { between, instant, millis, type Instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { SLICE, startOf } from "../model/evidence.ts";
import type { HostName } from "../model/ids.ts";
import { basisPoints, EVERYTHING, NOTHING, type BasisPoints } from "../model/share.ts";
import type { Verdict } from "../model/verdict.ts";
import type { LogSlice } from "../ports/telemetry.ts";

/** What the judge would have said of what is recorded. */
export interface Replay {
  readonly from: Instant;
  readonly until: Instant;
  /** When the canary's first request ended; null: there is none. */
  readonly canaryAt: Instant | null;
  /** As given, or as it was over the whole. */
  readonly share: BasisPoints;
  /** Each turn, the first and the last. It ends with the first `fail`. */
  readonly course: readonly Verdict[];
}

/** All logs together speak as one gateway. */
const LOGS = "logs" as HostName;
/** A verdict is asked for so often. */
const EVERY = 1000 / SLICE;

/** null: nothing is recorded. */
export function replay(
  settings: AnalysisSettings,
  slices: readonly LogSlice[],
  given: BasisPoints | null,
): Replay | null {
  const [first, last] = [slices[0], slices.at(-1)];
  if (first === undefined || last === undefined) return null;
  const share = given ?? shareOf(slices);
  const from = startOf(first.slice);
  const until = instant(startOf(last.slice) + SLICE);
  const canary = slices.find((slice) => slice.canary.requests > 0);
  const judge = createJudge(settings, {
    gateways: [LOGS],
    shares: [share, EVERYTHING],
    expected: millis(between(from, until)),
  });
  const begun = judge.shareChanged(judge.begin(from), from, NOTHING);
  const canaryAt = canary === undefined ? null : startOf(canary.slice);
  const tell = (state: JudgeState, { slice }: LogSlice): JudgeState =>
    slice === canary?.slice ? judge.shareChanged(state, startOf(slice), share) : state;
  return { from, until, canaryAt, share, course: courseOf(judge, begun, { slices, tell }) };
}

/** The part of the requests that the canary had while it had any. */
function shareOf(slices: readonly LogSlice[]): BasisPoints {
  const begun = slices.slice(slices.findIndex(({ canary }) => canary.requests > 0));
  const canary = begun.reduce((sum, slice) => sum + slice.canary.requests, 0);
  const stable = begun.reduce((sum, slice) => sum + slice.stable.requests, 0);
  return basisPoints(canary === 0 ? 0 : Math.round((canary / (canary + stable)) * EVERYTHING));
}

interface Told {
  readonly slices: readonly LogSlice[];
  /** Tells of the share, before what ended under it. */
  readonly tell: (state: JudgeState, slice: LogSlice) => JudgeState;
}

function courseOf(judge: Judge, begun: JudgeState, { slices, tell }: Told): readonly Verdict[] {
  const course: Verdict[] = [];
  let state = begun;
  let last: Verdict | null = null;
  for (const [i, slice] of slices.entries()) {
    const through = instant(startOf(slice.slice) + SLICE);
    state = judge.observe(tell(state, slice), { gateway: LOGS, through, slices: [slice], lost: 0 }, through);
    const isLast = i === slices.length - 1;
    if (slice.slice % EVERY !== 0 && !isLast) continue;
    const verdict = judge.verdict(state, through);
    if (last?.kind !== verdict.kind || isLast) course.push(verdict);
    last = verdict;
    if (verdict.kind === "fail") break;
  }
  return course;
}

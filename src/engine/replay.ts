import { createJudge, type Judge } from "../analysis/judge.ts";
import type { JudgeState } from "../analysis/state.ts";
import { between, instant, millis, type Instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { SLICE, startOf } from "../model/evidence.ts";
import type { HostName } from "../model/ids.ts";
import { EVERYTHING, NOTHING, type BasisPoints } from "../model/share.ts";
import type { Verdict } from "../model/verdict.ts";
import type { LogSlice } from "../ports/telemetry.ts";
import { levelsOf, timeOfDay, type ShareFrom } from "./levels.ts";

/** What the judge would have said of what is recorded. */
export interface Replay {
  readonly from: Instant;
  readonly until: Instant;
  /** When the canary's first request ended; null: there is none. */
  readonly canaryAt: Instant | null;
  /** As given, or as what arrived tells. */
  readonly shares: readonly ShareFrom[];
  /** Another canary, which is not judged: it would inherit this one's evidence. */
  readonly next: Instant | null;
  /** Each turn, the first and the last. It ends with the first `fail`. */
  readonly course: readonly Verdict[];
}

/** `time` is that of the day in ms from which on it was in force; null: from the first request on. */
export interface GivenShare {
  readonly share: BasisPoints;
  readonly time: number | null;
}

/** All logs together speak as one gateway. */
const LOGS = "logs" as HostName;
/** A verdict is asked for so often. */
const EVERY = 1000 / SLICE;
/** A share that was read off the log may have changed so much before or after. */
const UNSURE = 1000;

export interface ReplayOptions {
  /** None: as what arrived tells. */
  readonly shares: readonly GivenShare[];
  /** Visitors stayed with their release: how many came says nothing, to the live judge neither. */
  readonly pinned: boolean;
}

/** null: nothing is recorded. */
export function replay(
  settings: AnalysisSettings,
  slices: readonly LogSlice[],
  { shares: given, pinned }: ReplayOptions,
): Replay | null {
  const [first, last] = [slices[0], slices.at(-1)];
  if (first === undefined || last === undefined) return null;
  const from = startOf(first.slice);
  const canary = slices.find((slice) => slice.canary.requests > 0);
  const canaryAt = canary === undefined ? null : startOf(canary.slice);
  const levels = levelsOf(slices);
  const shares = given.length === 0 ? levels.shares : givenFrom(given, canaryAt ?? from);
  const next = given.length === 0 ? levels.next : null;
  const until = instant(Math.min(startOf(last.slice) + SLICE, next ?? Infinity));
  const told = slices.filter(({ slice }) => startOf(slice) < until);
  const judge = createJudge(settings, {
    gateways: [LOGS],
    shares: [...shares.map(({ share }) => share), EVERYTHING],
    expected: millis(between(from, until)),
    pinned,
  });
  const begun = judge.shareChanged(judge.begin(from), from, NOTHING);
  const course = courseOf(judge, begun, { slices: told, changes: shares.flatMap(changesOf) });
  return { from, until, canaryAt, shares, next, course };
}

const givenFrom = (given: readonly GivenShare[], canaryAt: Instant): readonly ShareFrom[] =>
  given.map(({ share, time }) => ({ share, at: time === null ? canaryAt : timeOfDay(canaryAt, time) }));

interface Change {
  readonly at: Instant;
  /** null: it is being changed. */
  readonly share: BasisPoints | null;
}

const changesOf = ({ at, share }: ShareFrom): readonly Change[] => [
  { at: instant(at - UNSURE), share: null },
  { at: instant(at + UNSURE), share },
];

interface Told {
  readonly slices: readonly LogSlice[];
  readonly changes: readonly Change[];
}

function courseOf(judge: Judge, begun: JudgeState, { slices, changes }: Told): readonly Verdict[] {
  const course: Verdict[] = [];
  let state = begun;
  let last: Verdict | null = null;
  let told = 0;
  for (const [i, slice] of slices.entries()) {
    const through = instant(startOf(slice.slice) + SLICE);
    // A change is told before what ended under it, and not sooner: the last one told is in force.
    for (; (changes[told]?.at ?? Infinity) < through; told += 1) {
      const { at, share } = changes[told] as Change;
      state = judge.shareChanged(state, at, share);
    }
    state = judge.observe(state, { gateway: LOGS, through, slices: [slice], lost: 0 }, through);
    const isLast = i === slices.length - 1;
    if (slice.slice % EVERY !== 0 && !isLast) continue;
    const verdict = judge.verdict(state, through);
    if (last?.kind !== verdict.kind || isLast) course.push(verdict);
    last = verdict;
    if (verdict.kind === "fail") break;
  }
  return course;
}

import { SLICE, type Mirrored } from "../model/evidence.ts";
import { NOTHING } from "../model/share.ts";
import type { Verdict } from "../model/verdict.ts";
import { addEvidence, addTally, NO_TALLY, withLeft } from "./block.ts";
import { tablesOf, testAll, type Sample } from "./close.ts";
import { summaryOf } from "./report.ts";
import type { Rules } from "./rules.ts";
import type { JudgeState, MirrorState } from "./state.ts";

/**
 * Copies are compared with the requests that they are copies of, in blocks of their own: the same requests,
 * at the same time, each by one answer of each release. They are bets of the same tests, and nothing else: no
 * harm, for nobody was served; no proof, for what changes something is not copied; and nothing is learned.
 */
const NO_SAMPLE: Sample = { canary: NO_TALLY, stable: NO_TALLY };
const NOTHING_MIRRORED: MirrorState = { since: null, open: NO_SAMPLE, total: NO_SAMPLE, cold: 0 };

const OLDEST = 10_000 / SLICE;

interface Slice {
  readonly slice: number;
  readonly mirrored: Mirrored;
}

export function takeMirrored(state: JudgeState, rules: Rules, { slice, mirrored }: Slice): JudgeState {
  const { settings } = rules;
  const known = state.mirror ?? NOTHING_MIRRORED;
  const since = known.since ?? slice;
  const open: Sample = {
    canary: addEvidence(known.open.canary, settings, mirrored.canary),
    stable: addEvidence(known.open.stable, settings, mirrored.stable),
  };
  const taken: JudgeState = {
    ...state,
    judgedSince: state.judgedSince ?? (mirrored.canary.requests > 0 ? slice : null),
    mirror: { ...known, since, open, cold: known.cold + mirrored.canary.cold },
  };
  const isFull = (open.canary.n > 0 && open.stable.n > 0) || slice - since >= OLDEST;
  return isFull ? closeMirrored(taken, rules) : taken;
}

export function closeMirrored(state: JudgeState, rules: Rules): JudgeState {
  const { mirror, totals } = state;
  if (mirror === undefined || mirror.since === null) return state;
  const sample = judgedOf(state, mirror.open);
  return {
    ...state,
    tests: testAll(state.tests, rules, tablesOf(state, sample)),
    totals: { ...totals, sinceShare: totals.sinceShare + sample.canary.n },
    mirror: { ...mirror, since: null, open: NO_SAMPLE, total: addSamples(mirror.total, sample) },
  };
}

const judgedOf = ({ baseline }: JudgeState, { canary, stable }: Sample): Sample => ({
  canary: withLeft(canary, baseline.leftLimit),
  stable: withLeft(stable, baseline.leftLimit),
});

const addSamples = (a: Sample, b: Sample): Sample => ({
  canary: addTally(a.canary, b.canary),
  stable: addTally(a.stable, b.stable),
});

/** Nobody has the canary, and it gets copies. */
export const isMirroring = ({ shares }: JudgeState): boolean => {
  const last = shares.at(-1);
  return last?.share === NOTHING && last.mirrored === true;
};

/** What was mirrored so far; undefined: nothing. */
export function mirroredOf(state: JudgeState, { settings }: Rules): Verdict["mirrored"] {
  const { mirror } = state;
  if (mirror === undefined) return undefined;
  const { canary, stable } = addSamples(mirror.total, judgedOf(state, mirror.open));
  return {
    canary: summaryOf(canary, mirror.cold, settings.alpha),
    stable: summaryOf(stable, 0, settings.alpha),
  };
}

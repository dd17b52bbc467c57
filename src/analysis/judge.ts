import { after, instant, type Instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { SLICE, sliceOf, type Evidence, type MetricPoint } from "../model/evidence.ts";
import { NOTHING, type BasisPoints } from "../model/share.ts";
import type { Glance, Verdict } from "../model/verdict.ts";
import { NOTHING_SEEN, addBoth, type Both } from "./evidence.ts";
import { enterShare, foldUntil } from "./fold.ts";
import { isSilent } from "./gateways.ts";
import { METRIC_EVERY, isBadPair, takePair } from "./metrics.ts";
import { isMirroring } from "./mirror.ts";
import { rulesOf, type JudgePlan, type Rules } from "./rules.ts";
import { CLOCKS, addShare, shareAt, shareNow } from "./shares.ts";
import { newState, type GatewayState, type JudgeState, type ShareChange } from "./state.ts";
import { glanceAt } from "./glance.ts";
import { failureOf, verdictOf } from "./verdict.ts";

/** Evidence → verdict. Everything that is remembered is in the state. */
export interface Judge {
  begin(at: Instant): JudgeState;
  observe(state: JudgeState, evidence: Evidence, now: Instant): JudgeState;
  observeMetric(state: JudgeState, point: MetricPoint): JudgeState;
  /** Told at once: null when a change begins, the share when it is seen on every gateway. */
  shareChanged(state: JudgeState, at: Instant, share: Sharing): JudgeState;
  verdict(state: JudgeState, now: Instant): Verdict;
  /** By all that was told, final or not; what is seen in it costs nothing and is not remembered. */
  glance(state: JudgeState): Glance;
  /** Whether the verdict is `fail`, without working out the rest. */
  hasFailed(state: JudgeState): boolean;
}

/** `mirrored`: nobody has the canary, and it gets copies of requests. */
export type Sharing = BasisPoints | "mirrored" | null;

export function createJudge(settings: AnalysisSettings, plan: JudgePlan): Judge {
  const rules = rulesOf(settings, plan);
  return {
    begin: (at) => newState(rules, at),
    observe: (state, evidence, now) => foldAll(receive(state, evidence, now), rules, now),
    observeMetric: (state, point) => takeMetric(state, rules, point),
    shareChanged: (state, at, share) => changeShare(state, rules, changeOf(at, share)),
    verdict: (state, now) => verdictOf(state, rules, now),
    glance: (state) => glanceAt(state, rules),
    hasFailed: (state) => failureOf(state, rules) !== null,
  };
}

function receive(state: JudgeState, evidence: Evidence, now: Instant): JudgeState {
  const { gateway, through, lost, why } = evidence;
  const before = state.gateways[gateway];
  const latest = after(now, CLOCKS);
  const lostWhy = lost > 0 ? why : before?.lostWhy;
  const known: GatewayState = {
    through: instant(Math.min(Math.max(through, before?.through ?? 0), latest)),
    heardAt: now,
    ahead: through > latest,
    lost: (before?.lost ?? 0) + lost,
    lostAt: lost > 0 ? now : (before?.lostAt ?? null),
    ...(lostWhy === undefined ? {} : { lostWhy }),
  };
  const pending: Record<number, Both> = { ...state.pending };
  let first = state.next;
  for (const { slice, canary, stable, mirrored } of evidence.slices) {
    // What comes after its slice was folded counts with the next; what is of the future, as of now.
    const at = Math.min(Math.max(slice, state.next ?? slice), sliceOf(latest));
    pending[at] = addBoth(pending[at] ?? NOTHING_SEEN, {
      canary,
      stable,
      ...(mirrored === undefined ? {} : { mirrored }),
    });
    if (state.next === null) first = Math.min(first ?? at, at);
  }
  return { ...state, pending, next: first, gateways: { ...state.gateways, [gateway]: known } };
}

/** Folds the slices that every gateway that speaks is through with. */
const foldAll = (state: JudgeState, rules: Rules, now: Instant): JudgeState =>
  foldUntil(state, rules, finalUntil(state, rules, now) ?? -Infinity);

/** The first slice that is not final; null: none is. */
function finalUntil(state: JudgeState, rules: Rules, now: Instant): number | null {
  const speaking = rules.gateways.filter((name) => !isSilent(state, name, now));
  const throughs = speaking.map((name) => state.gateways[name]?.through ?? null);
  if (throughs.length === 0 || throughs.includes(null)) return null;
  return Math.floor(Math.min(...throughs.map(Number)) / SLICE);
}

const changeOf = (at: Instant, share: Sharing): ShareChange =>
  share === "mirrored" ? { at, share: NOTHING, mirrored: true } : { at, share };

function changeShare(state: JudgeState, rules: Rules, change: ShareChange): JudgeState {
  const isSame = shareNow(state.shares) === change.share;
  if (state.shares.length > 0 && isSame && isMirroring(state) === (change.mirrored === true)) return state;
  const told = { ...state, shares: addShare(state.shares, change) };
  const { next } = state;
  return next !== null && sliceOf(change.at) < next ? enterShare(told, rules, next) : told;
}

function takeMetric(state: JudgeState, rules: Rules, point: MetricPoint): JudgeState {
  const metric = rules.settings.metrics.find(({ name }) => name === point.metric);
  const known = state.tests.metrics[point.metric];
  if (metric === undefined || known === undefined) return state;
  if (known.last !== null && point.at < after(known.last, METRIC_EVERY)) return state;
  const share = rules.countsArrivals ? shareAt(state.shares, point.at) : null;
  const bad = isBadPair(metric, point, share);
  if (bad === null) return state;
  const moved = { mixture: takePair(known.mixture, bad, rules.drip), last: point.at };
  const metrics = { ...state.tests.metrics, [point.metric]: moved };
  return { ...state, tests: { ...state.tests, metrics } };
}

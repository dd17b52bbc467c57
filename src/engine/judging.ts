import { createJudge, type Judge, type Sharing } from "../analysis/judge.ts";
import type { JudgeState } from "../analysis/state.ts";
import { instant, millis, minutes, seconds, type Instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import type { Application } from "../model/application.ts";
import type { MetricPoint } from "../model/evidence.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { NOTHING, type BasisPoints } from "../model/share.ts";
import type { Glance, Verdict } from "../model/verdict.ts";
import { isWatched, lookMayEnd } from "../rollout/look.ts";
import type { Roles } from "../ports/telemetry.ts";
import type { Read } from "./gauge.ts";

/** What a judge must remember to go on where another left off. Plain JSON. */
export interface JudgeMemory {
  readonly state: JudgeState;
  /** Of the plan when the rollout began: what is proved, is proved for them, whatever becomes of the plan. */
  readonly shares: readonly BasisPoints[];
  readonly joined: Roles["joined"];
  /** The stable role has passed to the release, or it goes back: nothing is compared any more. */
  readonly isOver: boolean;
}

/** The judge of one rollout: told of its shares and of what the gateways logged. */
export interface Judging {
  /** Of every state of the rollout, before its actions begin. */
  follow(rollout: Rollout, now: Instant): void;
  take(read: Read): void;
  takeMetric(point: MetricPoint): void;
  verdict(now: Instant): Verdict;
  /** The release may serve somebody: what is logged can be its end. */
  isComparing(): boolean;
  /** What was told of the first slots' users; undefined: they are not, or no longer, waited for. */
  glance(now: Instant): Glance | undefined;
  /** When the first look will have seen enough, as requests come; null: nothing waits for it. */
  lookMayEnd(now: Instant): Instant | null;
  /** Who serves whom, for whoever reads the logs. */
  roles(now: Instant): Roles;
  memory(): JudgeMemory;
}

/** How far back before the rollout the stable release is learned. */
export const LEARNED = minutes(3);
/** A slot's warm-up is told for so long after it, as logs may come late. */
const LATE = minutes(1);

export interface JudgingOptions {
  readonly application: Application;
  readonly settings: AnalysisSettings;
  readonly rollout: Rollout;
  readonly memory: JudgeMemory | null;
}

export function createJudging({ application, settings, rollout, memory }: JudgingOptions): Judging {
  const shares = memory?.shares ?? rollout.plan.steps.map(({ share }) => share);
  let judge = judgeOf(settings, rollout, shares);
  let { excluded } = rollout;
  let { state, joined, isOver }: Omit<JudgeMemory, "shares"> = memory ?? {
    ...beginning(judge, rollout),
    joined: joinedAt(rollout.routing.canary, rollout.startedAt),
    isOver: false,
  };
  let serves = true;
  let followed = rollout;
  const isRecent = (since: Instant, now: Instant): boolean => now - since < settings.warmup + LATE;
  const glance = (now: Instant): Glance | undefined =>
    isOver || !isWatched(followed, now) ? undefined : judge.glance(state);
  return {
    follow: (next, now) => {
      // Who was left out is not waited for.
      if (next.excluded !== excluded) judge = judgeOf(settings, next, shares);
      ({ excluded } = next);
      followed = next;
      isOver ||= next.aborted !== null || isTakenOver(next);
      serves = [next.routing, ...next.landing].some(({ canary }) => canary.length > 0);
      if (isOnItsWay(next)) joined = { ...joinedAt(next.change?.routing.canary ?? [], now), ...joined };
      if (!isOver) state = judge.shareChanged(state, now, shareOf(next));
    },
    take: ({ gateway, answeredAt, reading }) => {
      if (isOver || !reading.ok || !reading.value.exists) return;
      const { through, slices, losses, full } = reading.value;
      const why = full === undefined ? {} : { why: full.message };
      state = judge.observe(state, { gateway, through, slices, lost: losses, ...why }, answeredAt);
    },
    takeMetric: (point) => {
      if (!isOver) state = judge.observeMetric(state, point);
    },
    verdict: (now) => judge.verdict(state, now),
    isComparing: () => serves && !isOver,
    glance,
    lookMayEnd: (now) => {
      const seen = glance(now);
      return seen === undefined ? null : lookMayEnd(followed, seen, now);
    },
    roles: (now) => {
      const told = Object.entries(joined) as [SlotKey, Instant][];
      const isTold = ([, since]: [SlotKey, Instant]): boolean =>
        application.gateway.split === "servers" || isRecent(since, now);
      const canarySince = told.reduce<Instant | null>(
        (first, [, at]) => ((first ?? at) < at ? first : at),
        null,
      );
      return { joined: Object.fromEntries(told.filter(isTold)), canarySince, warmup: settings.warmup };
    },
    memory: () => ({ state, shares, joined, isOver }),
  };
}

const judgeOf = (settings: AnalysisSettings, rollout: Rollout, shares: readonly BasisPoints[]): Judge =>
  createJudge(settings, {
    gateways: rollout.plan.gateways.filter((name) => !rollout.excluded.includes(name)),
    shares,
    expected: expectedOf(rollout),
    pinned: rollout.plan.pin !== undefined,
  });

function beginning(judge: Judge, { startedAt }: Rollout): { readonly state: JudgeState } {
  const at = instant(startedAt - LEARNED);
  return { state: judge.shareChanged(judge.begin(startedAt), at, NOTHING) };
}

const joinedAt = (slots: readonly SlotKey[], at: Instant): Roles["joined"] =>
  Object.fromEntries(slots.map((slot) => [slot, at]));

const isOnItsWay = ({ change }: Rollout): boolean => change?.stage === "committing";

/** The share on all gateways; null while they may differ. */
function shareOf(rollout: Rollout): Sharing {
  if (isOnItsWay(rollout) || rollout.unsettled) return null;
  return rollout.routing.mirror === undefined ? rollout.routing.share : "mirrored";
}

/** With the last slot's joining the release becomes the stable one in the gateways' tables. */
const isTakenOver = ({ change, routing }: Rollout): boolean =>
  change?.stage === "committing" && change.routing.canary.length === 0 && routing.canary.length > 0;

const LEAST = minutes(10);
/** About what the update of a slot takes. */
const A_SLOT = seconds(20);

const expectedOf = ({ plan }: Rollout) =>
  millis(plan.steps.reduce((sum, { bake }) => sum + bake, LEAST + A_SLOT * plan.slots.length));

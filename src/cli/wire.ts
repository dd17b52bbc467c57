import { unreachable } from "../base/assert.ts";
import type { AppError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { ENDED, reachOf, type Rollout } from "../model/rollout.ts";
import type { GatewayStatus, PlanStory, RolloutEvent, SlotStatus, Status } from "../ports/control.ts";
import type { HistoryRecord, JournalEntry } from "../ports/journal.ts";
import { failuresIn, type Receipt } from "../model/receipt.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Analyzed } from "./deps.ts";
import { receiptJson, trafficJson } from "./receipt-json.ts";
import { isOpen } from "./render/status.ts";

const when = (at: Instant | null): string | null => (at === null ? null : new Date(at).toISOString());

const rolloutJson = (rollout: Rollout): object => ({
  id: rollout.id,
  release: rollout.release,
  from: rollout.from,
  phase: rollout.phase.name,
  /** Counts from 1. */
  step: Math.min(rollout.step + 1, rollout.plan.steps.length),
  steps: rollout.plan.steps.length,
  share: reachOf(rollout),
  /** Only while requests are mirrored. */
  ...(rollout.routing.mirror === undefined ? {} : { mirror: rollout.routing.mirror }),
  startedAt: when(rollout.startedAt),
  because: rollout.because,
});

const slotJson = ({ slot, state, health, role, inRotation, inFlight }: SlotStatus): object => ({
  host: slot.host,
  port: slot.port,
  release: state.known ? state.value.release : null,
  role,
  process: state.known ? state.value.process : "unknown",
  health: healthWord(health),
  inRotation,
  inFlight: inFlight?.requests ?? null,
});

function healthWord(health: SlotStatus["health"]): string {
  if (!health.known) return "unknown";
  return health.value.healthy ? "healthy" : "unhealthy";
}

const gatewayJson = ({ name, state, confirmed }: GatewayStatus): object => ({
  host: name,
  generation: state.known ? state.value.generation : null,
  confirmed,
});

export function statusJson(status: Status, app: string): object {
  const rollout = status.rollout !== null && isOpen(status.rollout) ? status.rollout : null;
  return {
    app,
    stable: status.stable,
    paused: rollout !== null && rollout.paused !== null,
    rollout: rollout === null ? null : rolloutJson(rollout),
    slots: status.slots.map(slotJson),
    gateways: status.gateways.map(gatewayJson),
    analysis: analysisJson(rollout, status.verdict),
  };
}

/** Without a rollout, or where none is judged, nothing speaks against anything. */
function analysisJson(rollout: Rollout | null, verdict: Verdict | null): object {
  if (rollout === null || verdict === null) return { verdict: "continue", metrics: [] };
  return { ...verdictJson(verdict), observe: rollout.plan.analysis?.observe ?? false };
}

export const analyzeJson = ({ from, until, canaryAt, shares, next, course, ...rest }: Analyzed): object => ({
  ...rest,
  from: when(from),
  until: when(until),
  canaryAt: when(canaryAt),
  shares: shares.map(({ at, share }) => ({ at: when(at), share })),
  next: when(next),
  course: course.map(verdictJson),
});

const verdictJson = ({ kind, at, sentence, tests, ...rest }: Verdict): object => ({
  verdict: kind,
  at: when(at),
  because: sentence,
  ...rest,
  metrics: tests,
});

const outcomeOf = ({ phase }: Rollout): string | null => (ENDED.includes(phase.name) ? phase.name : null);

function reasonOf({ phase, aborted, because }: Rollout): string {
  if (phase.name === "stuck") return phase.error.message;
  return aborted?.error.message ?? because;
}

/** null: nobody knows. */
const countedIn = (receipt: Receipt | null): Receipt["during"] | null =>
  receipt === null || receipt.uncounted === true ? null : receipt.during;

export const historyJson = ({ rollout, receipt }: HistoryRecord): object => ({
  id: rollout.id,
  release: rollout.release,
  from: rollout.from,
  startedAt: when(rollout.startedAt),
  endedAt: when(rollout.endedAt),
  outcome: outcomeOf(rollout),
  reason: reasonOf(rollout),
  requests: countedIn(receipt)?.requests ?? null,
  failed: receipt === null ? null : failuresIn(receipt),
});

export const recordJson = (record: HistoryRecord, entries: readonly JournalEntry[]): object => ({
  ...historyJson(record),
  receipt: record.receipt === null ? null : receiptJson(record.receipt),
  journal: entries.map(({ sequence, at, kind, because, data }) => ({
    sequence,
    at: when(at),
    kind,
    because,
    data,
  })),
});

export const errorJson = (error: AppError): object => ({ error });

export const planJson = (story: PlanStory): object => ({
  ...story,
  gateways: story.gateways.map(({ name, config }) => ({
    name,
    ...("code" in config ? { error: config } : { config }),
  })),
});

/** Orders answer with how the rollout stood when the order was taken. */
export const orderJson = (rollout: Rollout): object => ({
  ...rolloutJson(rollout),
  paused: rollout.paused !== null,
});

/** One line of a `--json` stream; null for what the last line says. */
export function eventJson(event: RolloutEvent): object | null {
  const { kind } = event;
  const at = when(event.at);
  switch (event.kind) {
    case "decided":
      return { event: kind, at, ...rolloutJson(event.rollout), paused: event.rollout.paused !== null };
    case "progress":
      return { event: kind, at, received: event.received, total: event.total };
    case "traffic":
      return { event: kind, at, ...trafficJson(event.during) };
    case "verdict":
      return { event: kind, ...verdictJson(event.verdict) };
    case "trouble":
      return { event: kind, at, error: event.error };
    case "advice": {
      const { subject, found, todo } = event.finding;
      return { event: kind, at, subject, found, todo };
    }
    case "ended":
      return null;
    default:
      return unreachable(event);
  }
}

export interface ResultOptions {
  readonly receipt: Receipt | null;
  readonly exit: number;
}

/** The last line of a `--json` stream. */
export const resultJson = (rollout: Rollout, { receipt, exit }: ResultOptions): object => ({
  event: "result",
  ...historyJson({ rollout, receipt }),
  phase: rollout.phase.name,
  share: reachOf(rollout),
  paused: rollout.paused !== null,
  exit,
  receipt: receipt === null ? null : receiptJson(receipt),
});

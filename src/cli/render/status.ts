import { between } from "../../base/time.ts";
import { isEnded, isStuck, reachOf, type Rollout } from "../../model/rollout.ts";
import type { GatewayStatus, SlotStatus, Status } from "../../ports/control.ts";
import { mirrorWords, phaseSpan, stageSpan, stepWords } from "./live.ts";
import {
  bad,
  canary,
  clean,
  dim,
  EMPTY,
  good,
  indent,
  line,
  plain,
  strong,
  table,
  warn,
  type Line,
  type Span,
} from "./text.ts";
import { isTold, verdictLines, type Point } from "./verdict.ts";
import { afterStuck, counted, share, time } from "./words.ts";

/** Still something to do or to decide. */
export const isOpen = (rollout: Rollout): boolean => !isEnded(rollout) || isStuck(rollout);

function roleSpan(slot: SlotStatus): Span {
  if (slot.role === "none") return dim("–");
  return slot.role === "canary" ? canary("canary") : plain("stable");
}

function processSpan({ state }: SlotStatus): Span {
  if (!state.known) return warn(`unknown: ${clean(state.why)}`);
  const { process, restarts } = state.value;
  if (process === "stopped") return dim("stopped");
  return restarts > 0 ? warn(`running, ${counted(restarts, "restart")}`) : plain("running");
}

function healthSpan({ health, state }: SlotStatus): Span {
  if (state.known && state.value.process === "stopped") return dim("–");
  if (!health.known) return warn("unknown");
  return health.value.healthy ? good("healthy") : bad(`unhealthy: ${clean(health.value.answer)}`);
}

function rotationSpan(slot: SlotStatus, rollout: Rollout | null): Span {
  if (slot.inRotation) return good("● in rotation");
  const course = rollout?.slots[slot.slot.key];
  if (course?.at === "failed") return bad("✗ failed");
  return course === undefined || rollout === null || course.at === "settled"
    ? dim("○ out of rotation")
    : stageSpan(rollout, slot.slot.key, course);
}

function slotRow(slot: SlotStatus, rollout: Rollout | null): readonly Line[] {
  const release = slot.state.known ? (slot.state.value.release ?? "–") : "?";
  return [
    line(slot.slot.key),
    line(release),
    [roleSpan(slot)],
    [rotationSpan(slot, rollout)],
    [processSpan(slot)],
    line(slot.inFlight === null ? dim("?") : String(slot.inFlight.requests)),
    [healthSpan(slot)],
  ];
}

/** More slots than this are told host by host. */
const MANY = 8;

const ofHost = (slots: readonly SlotStatus[]): readonly (readonly SlotStatus[])[] => {
  const hosts = [...new Set(slots.map(({ slot }) => slot.host))];
  return hosts.map((host) => slots.filter(({ slot }) => slot.host === host));
};

function summed(slots: readonly SlotStatus[]): SlotStatus["inFlight"] {
  let sum = { requests: 0, connections: 0 };
  for (const { inFlight } of slots) {
    if (inFlight === null) return null;
    const { requests, connections } = inFlight;
    sum = { requests: sum.requests + requests, connections: sum.connections + connections };
  }
  return sum;
}

/** The slots of a host of which all that is shown is the same, but for what is in flight, are one row. */
function hostRows(slots: readonly SlotStatus[], rollout: Rollout | null): readonly (readonly Line[])[] {
  const rows = slots.map((slot) => slotRow(slot, rollout));
  const looks = rows.map((row) => JSON.stringify([...row.slice(1, 5), ...row.slice(6)]));
  const [first] = slots;
  if (first === undefined || slots.length === 1 || new Set(looks).size > 1) return rows;
  const together = slotRow({ ...first, inFlight: summed(slots) }, rollout);
  return [[line(`${first.slot.host} ${slots.length} slots`), ...together.slice(1)]];
}

const HEAD = ["slot", "release", "role", "rotation", "process", "in flight", "health"].map((text) =>
  line(dim(text)),
);

function gatewayText({ name, state, confirmed }: GatewayStatus): readonly Line[] {
  if (!state.known) return [line(name), line(warn(`unknown: ${clean(state.why)}`))];
  const { serving, generation, routing } = state.value;
  if (routing === null) return [line(name), line(dim("not set up yet"))];
  const seen = confirmed ? good("confirmed") : warn("not confirmed yet");
  return [
    line(name),
    line(`table ${generation} `, seen, ...(serving ? [] : [bad("  nginx is not running")])),
  ];
}

export interface StatusView {
  readonly columns: number;
  /** What the verdicts were before, for whoever watches. */
  readonly trail?: readonly Point[];
}

function judgeLines({ rollout, verdict }: Status, { columns, trail = [] }: StatusView): readonly Line[] {
  const analysis = rollout?.plan.analysis ?? null;
  if (rollout === null || verdict === null || analysis === null || !isTold(verdict)) return [];
  const { release, from } = rollout;
  return verdictLines(verdict, trail, { release, from, observe: analysis.observe, columns });
}

function rolloutLines(status: Status, view: StatusView): readonly Line[] {
  const { rollout, at, holder } = status;
  if (rollout === null || !isOpen(rollout)) return [];
  const step = stepWords(rollout);
  const words = [
    step,
    mirrorWords(rollout) ?? share(reachOf(rollout)),
    time(between(rollout.startedAt, at)),
  ].filter((text) => text !== "");
  const paused = rollout.paused === null ? [] : [warn(` · PAUSED by ${rollout.paused.by}`)];
  return [
    line(
      "  → ",
      canary(rollout.release),
      "  ",
      phaseSpan(rollout),
      dim(` · ${words.join(" · ")}`),
      ...paused,
    ),
    line("  ", clean(rollout.because)),
    ...pinLines(rollout),
    ...judgeLines(status, view),
    ...(holder?.alive === true ? [line("  ", dim(`carried by ${holder.who}`))] : orphanLines(rollout)),
  ];
}

/** The share says whom the release may get; whom it has lags behind. */
function pinLines({ plan, aborted, routing }: Rollout): readonly Line[] {
  if (plan.pin === undefined || aborted !== null || routing.canary.length === 0) return [];
  const until = `until idle for ${time(plan.pin)}`;
  const words = `visitors stay with the release they have ${until}: its part lags behind`;
  return [line("  ", dim(words))];
}

/** Nobody carries it: what to do is said. */
function orphanLines(rollout: Rollout): readonly Line[] {
  if (isStuck(rollout)) return [line("  → ", afterStuck(rollout.from))];
  return [line("  ", warn("no process carries it: `glidepath resume` goes on, `glidepath abort` goes back"))];
}

/** What runs where, in which rotation, and because of what. */
export function statusLines(status: Status, app: string, view: StatusView): readonly Line[] {
  const rollout = status.rollout !== null && isOpen(status.rollout) ? status.rollout : null;
  const isLarge = status.slots.length > MANY;
  const rows = [
    HEAD,
    ...(isLarge
      ? ofHost(status.slots).flatMap((slots) => hostRows(slots, rollout))
      : status.slots.map((slot) => slotRow(slot, rollout))),
  ];
  return [
    line(strong(app), `  stable ${status.stable ?? "none yet"}`),
    ...rolloutLines(status, view),
    EMPTY,
    ...table(view.columns < 70 ? rows.map((row) => row.slice(0, 4)) : rows).map((given) => indent(2, given)),
    EMPTY,
    ...table(status.gateways.map(gatewayText)).map((given) => line("  ", dim("gateway "), ...given)),
  ];
}

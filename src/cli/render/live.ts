import { unreachable } from "../../base/assert.ts";
import type { AppError } from "../../base/errors.ts";
import { between, type Instant } from "../../base/time.ts";
import type { SlotKey } from "../../model/ids.ts";
import { reachOf, type Rollout, type SlotCourse } from "../../model/rollout.ts";
import type { Traffic } from "../../model/traffic.ts";
import type { Verdict } from "../../model/verdict.ts";
import type { RolloutEvent } from "../../ports/control.ts";
import { bad, canary, clean, dim, EMPTY, good, indent, line, plain, strong, table, warn } from "./text.ts";
import { isTold, trailWith, verdictLines, type Point } from "./verdict.ts";
import { wrap, type Line, type Span } from "./text.ts";
import { bar, bytes, count, percent, share, time } from "./words.ts";

/** What a follower has seen so far. */
export interface LiveState {
  readonly rollout: Rollout | null;
  readonly traffic: Traffic | null;
  readonly download: { readonly received: number; readonly total: number | null } | null;
  readonly trouble: AppError | null;
  readonly verdict: Verdict | null;
  readonly trail: readonly Point[];
  readonly inFlight: Readonly<Record<SlotKey, number>>;
}

export const NOTHING_YET: LiveState = {
  rollout: null,
  traffic: null,
  download: null,
  trouble: null,
  verdict: null,
  trail: [],
  inFlight: {},
};

export function advance(state: LiveState, event: RolloutEvent): LiveState {
  switch (event.kind) {
    case "decided": {
      const { rollout, inFlight = state.inFlight } = event;
      const moved = rollout.progressAt !== state.rollout?.progressAt;
      return { ...state, rollout, inFlight, trouble: moved ? null : state.trouble };
    }
    case "progress":
      return { ...state, download: { received: event.received, total: event.total } };
    case "traffic":
      return { ...state, traffic: event.during };
    case "verdict":
      return { ...state, verdict: event.verdict, trail: trailWith(state.trail, event.verdict) };
    case "trouble":
      return { ...state, trouble: event.error };
    case "advice":
      return state;
    case "ended":
      return { ...state, rollout: event.rollout };
    default:
      return unreachable(event);
  }
}

/** `step 2 of 3`; nothing for the only one. */
export function stepWords(rollout: Rollout): string {
  const steps = rollout.plan.steps.length;
  return steps < 2 ? "" : `step ${Math.min(rollout.step + 1, steps)} of ${steps}`;
}

export function phaseSpan(rollout: Rollout): Span {
  const { name } = rollout.phase;
  if (name === "completed") return good(name);
  if (name === "aborting" || name === "rolled-back" || name === "stuck") return bad(name);
  if (name === "approval") return warn("waiting for approval");
  return strong(name);
}

function headLine(rollout: Rollout, now: Instant): Line {
  const parts: Span[] = [
    strong(rollout.app),
    plain(`  ${rollout.from ?? "nothing"} → `),
    canary(rollout.release),
    plain("  "),
  ];
  parts.push(phaseSpan(rollout));
  const step = stepWords(rollout);
  if (step !== "") parts.push(dim(` · ${step}`));
  parts.push(dim(` · ${time(between(rollout.startedAt, rollout.endedAt ?? now))}`));
  if (rollout.paused !== null) parts.push(warn(` · PAUSED by ${rollout.paused.by}`));
  return parts;
}

interface Bar {
  readonly label: string;
  readonly part: number;
  readonly words: string;
}

function barLine({ label, part, words }: Bar, columns: number): Line {
  const width = Math.max(8, Math.min(30, columns - label.length - words.length - 6));
  const { full, rest } = bar(part, width);
  return line(`  ${label}  `, canary(full), dim(rest), `  ${words}`);
}

/** What is copied for nobody's eyes; null: nothing is. */
export const mirrorWords = ({ routing }: Rollout): string | null =>
  routing.mirror === undefined ? null : `${share(routing.mirror)} mirrored`;

function shareLine(rollout: Rollout, columns: number): Line {
  const { mirror } = rollout.routing;
  if (mirror !== undefined) {
    const words = `${share(mirror)}, seen by nobody`;
    return barLine({ label: "mirror", part: mirror / 10_000, words }, columns);
  }
  const now = reachOf(rollout);
  const wanted = rollout.plan.steps[rollout.step]?.share ?? now;
  const words = rollout.aborted === null && wanted !== now ? `${share(now)} of ${share(wanted)}` : share(now);
  return barLine({ label: "share", part: now / 10_000, words }, columns);
}

function downloadLine({ received, total }: NonNullable<LiveState["download"]>, columns: number): Line {
  if (total === null || total === 0) return line("  fetch  ", bytes(received));
  const words = `${percent(received / total)} of ${bytes(total)}`;
  return barLine({ label: "fetch", part: received / total, words }, columns);
}

function settledWords(rollout: Rollout, slot: SlotKey, release: string | null): Span {
  if (rollout.routing.canary.includes(slot)) return good("● serving");
  if (rollout.routing.stable.includes(slot)) return plain("● serving");
  return dim(release === null ? "○ empty" : "○ out of rotation");
}

/** One slot's stage in words; the symbol only repeats them. */
export function stageSpan(rollout: Rollout, slot: SlotKey, course: SlotCourse): Span {
  switch (course.at) {
    case "settled":
      return settledWords(rollout, slot, course.release);
    case "leaving":
      return warn("◐ leaving rotation");
    case "draining":
      return warn("◐ draining");
    case "stopping":
      return warn("○ stopping");
    case "switching":
      return warn("○ switching");
    case "starting":
      return warn("○ starting");
    case "checking":
      return warn(`○ checking health${course.answer === "" ? "" : `: ${clean(course.answer)}`}`);
    case "warming":
      return warn(`○ warm-up: ${course.warmed} of ${rollout.plan.warmUps ?? 0}`);
    case "smoking":
      return warn(`○ smoke checks: ${course.passed} of ${rollout.plan.smokeChecks} passed`);
    case "joining":
      return warn("◐ joining rotation");
    case "ramping":
      return warn("◐ taking on its traffic");
    case "failed":
      return bad(`✗ failed: ${clean(course.error.message)}`);
    default:
      return unreachable(course);
  }
}

function roleSpan(rollout: Rollout, slot: SlotKey): Span {
  if (rollout.routing.canary.includes(slot)) return canary("canary");
  return rollout.routing.stable.includes(slot) ? plain("stable") : dim("–");
}

const releaseOf = (course: SlotCourse): string =>
  course.at === "settled" ? (course.release ?? "–") : `→ ${course.target ?? "–"}`;

function slotRow(state: LiveState, rollout: Rollout, slot: SlotKey): readonly Line[] {
  const course = rollout.slots[slot] ?? { at: "settled", release: null };
  const flying = state.inFlight[slot];
  return [
    line(slot),
    line(releaseOf(course)),
    [roleSpan(rollout, slot)],
    line(flying === undefined ? "" : dim(`${count(flying)} in flight`)),
    [stageSpan(rollout, slot, course)],
  ];
}

/** More slots than `most`: those that are on their way first, and how many are not shown. */
function slotLines(state: LiveState, rollout: Rollout, most: number): readonly Line[] {
  const all = rollout.plan.slots;
  const moving = all.filter((slot) => rollout.slots[slot]?.at !== "settled");
  const shown =
    all.length <= most ? all : [...moving, ...all.filter((slot) => !moving.includes(slot))].slice(0, most);
  const rows = shown.map((slot) => slotRow(state, rollout, slot));
  const counts = rows.some((row) => textLength(row[3]) > 0);
  const cells = counts ? rows : rows.map((row) => row.toSpliced(3, 1));
  const hidden = all.length - shown.length;
  const more = hidden === 0 ? [] : [line(dim(`and ${hidden} more slots`))];
  return [...table(cells), ...more].map((given) => indent(2, given));
}
const textLength = (cell: Line | undefined): number =>
  (cell ?? []).reduce((sum, span) => sum + span.text.length, 0);

function gatewayLine({ plan, change, generation, unsettled }: Rollout): Line {
  const names = plan.gateways;
  const label = names.length === 1 ? `gateway ${names[0]}` : `${names.length} gateways`;
  if (change === null) {
    return line(`  ${label}  `, unsettled ? warn("being asked") : dim(`confirmed, table ${generation}`));
  }
  const done = change.prepared.length;
  const words = change.stage === "preparing" ? `writing: ${done} of ${names.length} done` : "switching";
  return line(`  ${label}  `, warn(`table ${change.generation}, ${words}`));
}

function trafficLine({ requests, failed, cut }: Traffic): Line {
  const shown = failed > 0 ? bad(`${count(failed)} failed`) : good("0 failed");
  return line(
    "  ",
    `${count(requests)} requests · `,
    shown,
    ...(cut > 0 ? [bad(` · ${count(cut)} cut`)] : []),
  );
}

function becauseLines(because: string, columns: number): readonly Line[] {
  return wrap(clean(because), Math.max(20, columns - 4)).map((text) => line("  ", text));
}

/** While there is something to compare, and what it came to. */
function judgeLines({ verdict, trail }: LiveState, rollout: Rollout, columns: number): readonly Line[] {
  const { analysis } = rollout.plan;
  if (verdict === null || analysis === null || !isTold(verdict)) return [];
  const { release, from } = rollout;
  return verdictLines(verdict, trail, { release, from, observe: analysis.observe, columns });
}

const APPROVE = line("  → ", "`glidepath promote` in another terminal goes on, `glidepath abort` goes back");

export interface LiveOptions {
  readonly now: Instant;
  readonly columns: number;
  /** Slots shown at most. */
  readonly rows: number;
}

/** The whole view of a rollout that is under way. */
export function liveLines(state: LiveState, { now, columns, rows }: LiveOptions): readonly Line[] {
  const { rollout, download, traffic, trouble } = state;
  if (rollout === null) return [line(dim("beginning"))];
  const fetching = rollout.phase.name === "staging" && download !== null;
  return [
    headLine(rollout, now),
    fetching ? downloadLine(download, columns) : shareLine(rollout, columns),
    EMPTY,
    ...slotLines(state, rollout, rows),
    gatewayLine(rollout),
    EMPTY,
    ...(traffic === null ? [] : [trafficLine(traffic)]),
    ...judgeLines(state, rollout, columns),
    ...becauseLines(rollout.because, columns),
    ...(rollout.phase.name === "approval" ? [APPROVE] : []),
    ...(trouble === null ? [] : [line("  ", warn(`! ${clean(trouble.message)}`))]),
  ];
}

/** For logs and pipes: one line a piece of news, with the time since the start and the canary's share. */
export function newsLine(rollout: Rollout, at: Instant): Line {
  const elapsed = time(between(rollout.startedAt, at)).padStart(7);
  const by = rollout.paused === null ? "" : `paused by ${rollout.paused.by}`;
  const paused = by === "" || rollout.because.startsWith(by) ? "" : `${by}: `;
  return line(
    dim(`${elapsed} ${share(reachOf(rollout)).padStart(7)}  `),
    `${paused}${clean(rollout.because)}`,
  );
}

import { between, formatDuration, type Duration, type Instant } from "../base/time.ts";
import { coursesIn, type Course } from "../model/course.ts";
import type { Outcome } from "../model/outcome.ts";
import { basisPoints, formatShare } from "../model/share.ts";
import { ENDED, reachOf, type HookRun, type Order, type Rollout } from "../model/rollout.ts";
import type { Entry, JournalEntry } from "../ports/journal.ts";
import type { Action } from "../rollout/actions.ts";
import { musterOf } from "../rollout/muster.ts";

export function entryOf(rollout: Rollout, at: Instant, kind: Entry["kind"] = "decided"): Entry {
  return { at, kind, because: rollout.because, data: courseDataOf(rollout) };
}

const courseDataOf = (rollout: Rollout): Course => ({
  phase: rollout.phase.name,
  step: rollout.step,
  share: reachOf(rollout),
  generation: rollout.generation,
  change: rollout.change?.stage ?? null,
  slots: Object.fromEntries(
    musterOf(rollout).moving.map(({ slot }) => [slot, rollout.slots[slot]?.at ?? "settled"]),
  ),
});

/** How a hook ended, with everything that it said. */
export function hookEntry(hook: HookRun, outcome: Outcome, at: Instant): Entry {
  const about = hook.slot ?? (hook.share === undefined ? null : formatShare(hook.share));
  const took = formatDuration(between(hook.since, at));
  const end = outcome.kind === "done" ? `done in ${took}` : outcome.error.message;
  const because = `hook ${hook.name}${about === null ? "" : ` (${about})`}: ${end}`;
  const output = (outcome.kind === "done" ? outcome.note : outcome.error.details) ?? "";
  return { at, kind: "outcome", because, data: { hook, outcome: outcome.kind, output } };
}

type WarmUp = Extract<Action, { kind: "warm" }>;

/** What a part of a slot's warm-up came to: one that failed may not have stopped anything. */
export function warmUpEntry({ slot, index }: WarmUp, outcome: Outcome, at: Instant): Entry {
  const end = outcome.kind === "done" ? (outcome.note ?? "done") : outcome.error.message;
  const because = `warm-up ${index + 1} of ${slot}: ${end}`;
  const output = outcome.kind === "done" ? "" : (outcome.error.details ?? "");
  return { at, kind: "outcome", because, data: { slot, index, outcome: outcome.kind, output } };
}

/** What came of asking an application to send its clients elsewhere: no failure of it stops anything. */
export function askEntry(
  { slot, ask }: Extract<Action, { kind: "ask" }>,
  outcome: Outcome,
  at: Instant,
): Entry {
  const end = outcome.kind === "done" ? "done" : outcome.error.message;
  const because = `${slot} was asked to end its ${ask.kinds.join(", ")}: ${end}`;
  const output = (outcome.kind === "done" ? outcome.note : outcome.error.details) ?? "";
  return { at, kind: "outcome", because, data: { slot, ask, outcome: outcome.kind, output } };
}

/** An order in the words of whoever gave it. */
export function orderWords(order: Order): string {
  switch (order.kind) {
    case "promote":
      if (order.to === "next") return "promote";
      return order.to === "full"
        ? "promote --full"
        : `promote --to ${formatShare(basisPoints(order.to.share))}`;
    case "abort":
      return `abort: ${order.reason}`;
    case "supersede":
      return `give way to ${order.release}`;
    case "resume":
      return order.hook === undefined ? "resume" : `resume --hook ${order.hook}`;
    default:
      return order.kind;
  }
}

/** How long each phase took, in order; a phase that came twice is summed. */
export function phaseTimes(
  entries: readonly JournalEntry[],
  end: Instant,
): readonly { readonly name: string; readonly took: Duration }[] {
  const times = new Map<string, number>();
  const courses = coursesIn(entries);
  for (const [i, { phase: name, at }] of courses.entries()) {
    times.set(name, (times.get(name) ?? 0) + between(at, courses[i + 1]?.at ?? end));
  }
  const ended: ReadonlySet<string> = new Set(ENDED);
  return [...times]
    .filter(([name]) => !ended.has(name))
    .map(([name, took]) => ({ name, took: took as Duration }));
}

/** From a switch's order to its confirmation, each. */
export function switchTimes(entries: readonly JournalEntry[]): readonly Duration[] {
  const times: Duration[] = [];
  let since: Instant | null = null;
  for (const { change, at } of coursesIn(entries)) {
    if (change === "committing") since ??= at;
    if (change !== "committing" && since !== null) {
      times.push(between(since, at));
      since = null;
    }
  }
  return times;
}

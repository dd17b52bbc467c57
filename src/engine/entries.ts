import { between, type Duration, type Instant } from "../base/time.ts";
import { ENDED, type Rollout } from "../model/rollout.ts";
import type { Entry, JournalEntry } from "../ports/journal.ts";

/**
 * What the journal keeps of each decision, besides the rollout itself: enough to tell the story afterwards.
 */
export interface Course {
  readonly phase: string;
  readonly step: number;
  readonly share: number;
  readonly generation: number;
  readonly change: "preparing" | "committing" | null;
  readonly slots: Readonly<Record<string, string>>;
}

export function entryOf(rollout: Rollout, at: Instant, kind: Entry["kind"] = "decided"): Entry {
  return { at, kind, because: rollout.because, data: courseDataOf(rollout) };
}

const courseDataOf = (rollout: Rollout): Course => ({
  phase: rollout.phase.name,
  step: rollout.step,
  share: rollout.routing.share,
  generation: rollout.generation,
  change: rollout.change?.stage ?? null,
  slots: Object.fromEntries(Object.entries(rollout.slots).map(([slot, course]) => [slot, course.at])),
});

const isCourse = (data: unknown): data is Course =>
  typeof data === "object" && data !== null && "phase" in data && "change" in data;

/** How long each phase took, in order; a phase that came twice is summed. */
export function phaseTimes(
  entries: readonly JournalEntry[],
  end: Instant,
): readonly { readonly name: string; readonly took: Duration }[] {
  const times = new Map<string, number>();
  const courses = entries.flatMap(({ data, at }) => (isCourse(data) ? [{ name: data.phase, at }] : []));
  for (const [i, { name, at }] of courses.entries()) {
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
  for (const { data, at } of entries) {
    if (!isCourse(data)) continue;
    if (data.change === "committing") since ??= at;
    if (data.change !== "committing" && since !== null) {
      times.push(between(since, at));
      since = null;
    }
  }
  return times;
}

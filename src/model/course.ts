import type { Instant } from "../base/time.ts";

/**
 * What the journal keeps of each decision, besides the rollout itself: enough to tell the story afterwards.
 */
export interface Course {
  readonly phase: string;
  readonly step: number;
  readonly share: number;
  readonly generation: number;
  readonly change: "preparing" | "committing" | null;
  /** Where those stand that are on their way. */
  readonly slots: Readonly<Record<string, string>>;
}

/** What a decision's entry tells, and when. */
export interface TimedCourse extends Course {
  readonly at: Instant;
}

const isCourse = (data: unknown): data is Course =>
  typeof data === "object" && data !== null && "phase" in data && "change" in data;

/** Of all entries of a journal those of decisions. */
export const coursesIn = (
  entries: readonly { readonly at: Instant; readonly data: unknown }[],
): readonly TimedCourse[] => entries.flatMap(({ data, at }) => (isCourse(data) ? [{ ...data, at }] : []));

import { monotonicFactory } from "ulid";
import type { Ids } from "../../ports/clock.ts";

/** ULIDs: sortable by time, also within one millisecond of one process. */
export function systemIds(): Ids {
  const next = monotonicFactory();
  return { next: () => next() };
}

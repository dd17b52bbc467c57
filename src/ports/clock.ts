import type { Instant } from "../base/time.ts";

export interface Clock {
  now(): Instant;
  /** Resolves at `until`, or as soon as the signal aborts; never rejects. */
  sleep(until: Instant, signal: AbortSignal): Promise<void>;
}

export interface Ids {
  /** Unique, sortable by time. */
  next(): string;
}

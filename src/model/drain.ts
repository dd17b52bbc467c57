import type { Duration, Instant } from "../base/time.ts";
import type { SlotKey } from "./ids.ts";

/**
 * Told apart by what a request says of itself, so that it can be done while it is in flight: `uploads` have
 * a body of a megabyte or more, or one without a length; `events` accept text/event-stream; `websockets` ask
 * for an upgrade. All others are `requests`.
 */
export const TRAFFIC_KINDS = ["requests", "uploads", "events", "websockets"] as const;
export type TrafficKind = (typeof TRAFFIC_KINDS)[number];
export type ByKind<Value> = Readonly<Partial<Record<TrafficKind, Value>>>;

/** How long what is in flight may take to end when a slot has left the rotation. */
export interface Drain {
  readonly drain: Duration;
  /** Where kinds differ; absent: they are not told apart. */
  readonly drainKinds?: ByKind<Duration>;
}

/** The time of what was in flight to a slot was over. */
export interface CutOff {
  readonly slot: SlotKey;
  readonly at: Instant;
}

export const drainOf = ({ drain, drainKinds }: Drain, kind: TrafficKind): Duration =>
  drainKinds?.[kind] ?? drain;

export const longestDrain = (plan: Drain): Duration =>
  TRAFFIC_KINDS.map((kind) => drainOf(plan, kind)).reduce((a, b) => (a > b ? a : b));

export function addKinds(a: ByKind<number>, b: ByKind<number>): ByKind<number> {
  const kinds = TRAFFIC_KINDS.map((kind) => [kind, (a[kind] ?? 0) + (b[kind] ?? 0)] as const);
  return Object.fromEntries(kinds.filter(([, count]) => count > 0));
}

export const sumOfKinds = (kinds: ByKind<number>): number =>
  Object.values(kinds).reduce((sum, count) => sum + count, 0);

import type { Duration, Instant } from "../base/time.ts";
import type { SlotKey } from "./ids.ts";

/**
 * Told apart by what a request says of itself, so that it can be done while it is in flight: `uploads` have
 * a body of a megabyte or more, or one without a length; `events` accept text/event-stream; `grpc` bring
 * application/grpc; `websockets` ask for an upgrade. Of several that fit the last counts; all others are
 * `requests`.
 */
export const TRAFFIC_KINDS = ["requests", "uploads", "events", "grpc", "websockets"] as const;
export type TrafficKind = (typeof TRAFFIC_KINDS)[number];
export type ByKind<Value> = Readonly<Partial<Record<TrafficKind, Value>>>;

/** How an application is told to send its clients elsewhere: what it does then is its own business. */
export type Ask =
  /** To the application's process, on its host. */
  | { readonly kind: "signal"; readonly signal: string }
  /** Of the slot itself, past every gateway. */
  | { readonly kind: "http"; readonly path: string; readonly method: AskMethod }
  /** On the slot's host, in its directory, as the application's user; `{port} {dir} …` still in it. */
  | { readonly kind: "run"; readonly command: string };
export const ASK_METHODS = ["POST", "PUT", "GET", "DELETE"] as const;
export type AskMethod = (typeof ASK_METHODS)[number];

/** Once for all the kinds that are asked in the same way. */
export interface DrainAsk {
  readonly kinds: readonly TrafficKind[];
  readonly ask: Ask;
}

/** How long what is in flight may take to end when a slot has left the rotation. */
export interface Drain {
  readonly drain: Duration;
  /** Where kinds differ; absent: they are not told apart. */
  readonly drainKinds?: ByKind<Duration>;
  /** Kinds whose connections end when the application is asked. Absent: it is asked for none. */
  readonly asks?: readonly DrainAsk[];
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

import type { Instant } from "../base/time.ts";
import type { ByKind } from "./drain.ts";
import type { Generation, HostName, ReleaseId, RolloutId, SlotKey } from "./ids.ts";
import type { Routing } from "./routing.ts";

/** What was seen, and when; or that it could not be seen, and why. */
export type Observed<T> =
  | { readonly known: true; readonly at: Instant; readonly value: T }
  | { readonly known: false; readonly at: Instant; readonly why: string };

export type ProcessState = "running" | "stopped";

export interface SlotState {
  /** The newest generation that wrote to this slot; 0 if none ever did. */
  readonly generation: Generation;
  /** Whose write that was; absent: nobody's that is known. */
  readonly writer?: RolloutId;
  /** What the slot's directory points to; null if there is nothing. */
  readonly release: ReleaseId | null;
  /** `running` while any process of the slot is alive, also one that its supervisor is about to restart. */
  readonly process: ProcessState;
  /** Times the supervisor restarted the application since it was last started. */
  readonly restarts: number;
}

export interface Health {
  readonly healthy: boolean;
  /** The last answer, for people: `GET /healthz → 503 "starting"`. */
  readonly answer: string;
  /** Looks in a row that were not healthy; whoever looks keeps the count. */
  readonly misses?: number;
}

/** One slot's traffic from one gateway's point of view. */
export interface InFlight {
  /** Requests without a complete answer yet. */
  readonly requests: number;
  /** At least so many of each kind; absent: they cannot be told apart. */
  readonly kinds?: ByKind<number>;
  /** Established connections, idle ones included. */
  readonly connections: number;
}

export interface GatewayState {
  /** nginx itself is alive, with whatever config. */
  readonly running: boolean;
  /** nginx is alive and our config is what its workers run. */
  readonly serving: boolean;
  readonly generation: Generation;
  /** Whose routing that is; absent: nobody's that is known. */
  readonly writer?: RolloutId;
  /** null before the first installation. */
  readonly routing: Routing | null;
  /** For the slots that were asked about. */
  readonly inFlight: Readonly<Record<SlotKey, InFlight>>;
}

/**
 * Everything a decision looks at. A slot or gateway that is not in here was not looked at: the same as
 * unknown.
 */
export interface Observation {
  readonly slots: Readonly<Record<SlotKey, Observed<SlotState>>>;
  readonly health: Readonly<Record<SlotKey, Observed<Health>>>;
  readonly gateways: Readonly<Record<HostName, Observed<GatewayState>>>;
  /** Hosts of which nothing has answered lately. */
  readonly silent?: Readonly<Record<HostName, Silence>>;
}

/** Looks in a row at anything of a host that had no answer: when the first of them began, and the last. */
export interface Silence {
  readonly since: Instant;
  readonly lastAt: Instant;
}

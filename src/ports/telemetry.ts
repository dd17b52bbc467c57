import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Duration, Instant } from "../base/time.ts";
import type { Gateway } from "../model/application.ts";
import type { CutOff } from "../model/drain.ts";
import type { EvidenceSlice } from "../model/evidence.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Traffic } from "../model/traffic.ts";

/** A place in a gateway's log; opaque, survives rotation and the controller. */
export type LogCursor = string;

/** Who serves whom while it is read. */
export interface Roles {
  /** Slots that carry the canary, and since when. */
  readonly joined: Readonly<Record<SlotKey, Instant>>;
  /**
   * From when on there is a canary, null: not yet. What was asked before of somebody who was called so was
   * asked of the canary of a rollout before. Absent: whoever is called so is.
   */
  readonly canarySince?: Instant | null;
  /** For so long after it joined, what a slot is asked is no evidence. */
  readonly warmup: Duration;
  /** Slots that were stopped with requests in flight; when, by the gateway's clock. Absent: none. */
  readonly cutOffs?: readonly CutOff[];
}

/** The requests that ended in one slice: what they say of the two releases, and all of them as traffic. */
export interface LogSlice extends EvidenceSlice {
  readonly traffic: Traffic;
}

export interface LogReading {
  readonly cursor: LogCursor;
  /** In the order of time, by the gateway's clock. A slice may come again: its pieces add up. */
  readonly slices: readonly LogSlice[];
  /** How often a part of the log was gone unread: how much that was nobody knows. */
  readonly losses: number;
  /** What ended lately is logged nowhere, as nginx has no room: one of the losses. Absent: it has. */
  readonly full?: AppError;
  /** The gateway's clock at the reading. */
  readonly clock: Instant;
  /** Whatever ended before this was read; it is somewhat behind the clock, as the gateway writes late. */
  readonly through: Instant;
  /** There is a log. */
  readonly exists: boolean;
}

export interface TelemetryPort {
  /** The log's end now, less what ended after `back`: where to read from to see the time before. */
  open(gateway: Gateway, back: Instant): Promise<Result<LogCursor, AppError>>;
  /** What was logged since the cursor. */
  read(gateway: Gateway, cursor: LogCursor, roles: Roles): Promise<Result<LogReading, AppError>>;
}

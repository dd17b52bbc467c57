import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { Gateway } from "../model/application.ts";
import type { Traffic } from "../model/traffic.ts";

/** A place in a gateway's log; opaque, survives rotation and the controller. */
export type LogCursor = string;

/** The requests that arrived in one second (since the epoch). */
export interface TrafficSecond {
  readonly second: number;
  readonly traffic: Traffic;
}

export interface TrafficRead {
  readonly cursor: LogCursor;
  readonly seconds: readonly TrafficSecond[];
  /** Bytes that were rotated away unread. */
  readonly lostBytes: number;
}

export interface TelemetryPort {
  /** The log's end now, less what arrived after `back`: where to read from to see the time before. */
  open(gateway: Gateway, back: Instant): Promise<Result<LogCursor, AppError>>;
  /** What was logged since the cursor. */
  read(gateway: Gateway, cursor: LogCursor): Promise<Result<TrafficRead, AppError>>;
}

import type { TrafficKind } from "../../model/drain.ts";

/** What field 15 of the log says of a gRPC call that has come to its end, whatever its length. */
export const ENDED = "ended";

/** The other words of that field; all else is a request. */
export const LOGGED_KINDS: ReadonlyMap<string, TrafficKind> = new Map([
  ["uploads", "uploads"],
  ["events", "events"],
  ["asked", "events"],
  ["grpc", "grpc"],
]);

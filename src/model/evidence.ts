import { instant, millis, type Instant } from "../base/time.ts";
import type { HostName } from "./ids.ts";
import type { Histogram } from "./traffic.ts";

/**
 * What the gateways' logs say about the two releases, summed up so that it does not grow with the traffic.
 * Sums: neither the order in which it comes nor how it is cut into pieces changes what it says.
 */
export interface Evidence {
  readonly gateway: HostName;
  /**
   * Every request that ended before this (by the gateway's clock) is told, here or before. It moves on while
   * nothing is logged too: a gateway without traffic is not a silent one.
   */
  readonly through: Instant;
  readonly slices: readonly EvidenceSlice[];
  /** Pieces of the log that are gone unread since the evidence before. */
  readonly lost: number;
  /** Why, where that is known. */
  readonly why?: string;
}

/** Time is cut into slices of this length. */
export const SLICE = millis(250);
export const sliceOf = (at: Instant): number => Math.floor(at / SLICE);
export const startOf = (slice: number): Instant => instant(slice * SLICE);

/** Requests that *ended* in one slice. A slice may come in several pieces: they add up. */
export interface EvidenceSlice {
  readonly slice: number;
  readonly canary: RoleEvidence;
  readonly stable: RoleEvidence;
  /** Absent: nothing was mirrored. */
  readonly mirrored?: Mirrored;
}

/**
 * Requests of which the canary got a copy, by both answers: the copy's, which nobody saw, and the stable's,
 * which served the user and is in `stable` too. What they take is the time until an answer's head.
 */
export interface Mirrored {
  readonly canary: RoleEvidence;
  readonly stable: RoleEvidence;
}

/**
 * The role is the split's decision, not the slot that answered in the end; where slots are split (`split:
 * servers`), that of the slot of the first attempt. Probes and health checks are in no role.
 */
export interface RoleEvidence {
  /** All but those whose client left early. A WebSocket or an event stream is a request too. */
  readonly requests: number;
  /**
   * Status → count: statuses of 400 and above, each request at most once. 0: no answer, or a cut one. A
   * request that another slot repaired counts with the status of its first attempt (none: 502).
   */
  readonly failures: Readonly<Record<number, number>>;
  /**
   * Total time of the requests that are not failed with 0 or 5xx; not of those meant to last, nor of `cold`
   * ones.
   */
  readonly latency: Histogram;
  /** How long clients waited that left before the answer came (499). */
  readonly left: Histogram;
  /** Slice of *arrival* → all requests, `left` ones too; only those that the share decided, not a rule. */
  readonly arrived: Readonly<Record<number, number>>;
  /**
   * For each user (whom the share decided) its first request to arrive, of those that ended in this slice.
   * At most USERS_KEPT users, those of the lowest rank, of both roles together. Empty unless users are split.
   */
  readonly users: readonly UserRequest[];
  /** The same of the requests in `failures` alone. */
  readonly failedUsers: readonly UserRequest[];
  /**
   * Requests whose time is not told above, because their slot had just joined (`warmup`): caches that are
   * empty make an application slow. That it fails is no less a failure then.
   */
  readonly cold: number;
}

export interface UserRequest {
  /**
   * 32 bits out of the user's key, the same on every gateway. The finer it tells users apart, the sooner
   * there is a verdict; the number of the bucket will do.
   */
  readonly user: number;
  readonly arrived: Instant;
  /** Bucket of its latency, or of its time in `left`; null where neither has it. */
  readonly bucket: number | null;
  /** As in `failures`, or CLIENT_LEFT; null for one that is not there. */
  readonly failure: number | null;
}

/** nginx's status of a request whose client went before it was answered. */
export const CLIENT_LEFT = 499;

export const USERS_KEPT = 128;

/** Who is kept where not all can be: an order of the users that has nothing to do with their role. */
export function rankOf(user: number): number {
  let z = Math.imul(user ^ (user >>> 16), 0x7feb352d);
  z = Math.imul(z ^ (z >>> 15), 0x846ca68b);
  return (z ^ (z >>> 16)) >>> 0;
}

export const NO_EVIDENCE: RoleEvidence = {
  requests: 0,
  failures: {},
  latency: {},
  left: {},
  arrived: {},
  users: [],
  failedUsers: [],
  cold: 0,
};

/** One look at a metric of Prometheus, for both releases at the same moment. */
export interface MetricPoint {
  readonly metric: string;
  readonly at: Instant;
  /** null: no value, or none that is a number. */
  readonly canary: number | null;
  readonly stable: number | null;
}

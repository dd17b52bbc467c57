import type { Duration, Instant } from "../base/time.ts";
import type { ByKind } from "./drain.ts";
import type { ProbeReport } from "./probing.ts";
import type { Histogram, Traffic } from "./traffic.ts";

/** What a rollout did to the people who used the application meanwhile, from the gateways' own logs. */
export interface Receipt {
  readonly before: Traffic;
  readonly during: Traffic;
  readonly after: Traffic;
  /** Requests that ended because their slot was stopped when a drain deadline had passed. */
  readonly cut: number;
  /** The same by kind; absent: none was, or a log could not be read. */
  readonly cutKinds?: ByKind<number>;
  /** In the order they happened. */
  readonly phases: readonly { readonly name: string; readonly took: Duration }[];
  readonly took: Duration;
  /** Switches of the routing, and the longest from order to confirmation. */
  readonly switches: number;
  readonly longestSwitch: Duration;
  /** Of several gateways: the longest that one had switched and another had not; null: there is but one. */
  readonly skew: Duration | null;
  /** No request was counted, so that nothing is known of any; absent: they were. */
  readonly uncounted?: true;
  /** What could not be measured, and why. */
  readonly missing: readonly string[];
  /** What the gateways' switches took, each by itself; absent in receipts of former versions. */
  readonly commits?: Commits;
  /** Copies of requests, which served nobody; absent: nothing was mirrored. */
  readonly mirrored?: MirrorCount;
  /** null: there was nothing to go back to. */
  readonly back?: GoingBack | null;
  /** null: nothing was probed. */
  readonly probe?: ProbeReport | null;
  /** What the gateways served, piece by piece. */
  readonly course?: readonly Stretch[];
}

/** Of users' requests; null: of what was not seen nobody knows that it did not fail. */
export function failuresIn({ during, missing, uncounted }: Receipt): number | null {
  if (uncounted === true) return null;
  return during.failed > 0 || missing.length === 0 ? during.failed : null;
}

/** Answers of the canary that nobody saw. */
export interface MirrorCount {
  readonly requests: number;
  /** 5xx, or no answer in time: harm to nobody. */
  readonly failed: number;
}

/** From the call of each gateway's switch to its answer, the way to its host included. */
export interface Commits {
  readonly times: Histogram;
  readonly longest: Duration;
}

/** How long going back took, or would have taken had it been needed. */
export interface GoingBack {
  /**
   * measured: it went back. estimated: from this rollout's own longest switch and longest update of a slot;
   * nothing was turned round to find out.
   */
  readonly how: "measured" | "estimated";
  /** Until the users were back whom the stable slots could carry at once. */
  readonly users: Duration;
  /** The part of the traffic, 0 to 1, that at the worst moment had to wait for slots to return. */
  readonly waiting: number;
  /** Until everything was as before. */
  readonly whole: Duration;
}

/** A piece of time, and the requests that ended in it. */
export interface Stretch {
  readonly from: Instant;
  readonly to: Instant;
  readonly requests: number;
  readonly failed: number;
  readonly cut: number;
  /** Milliseconds; the highest of the shorter pieces that it was made of. null: no request. */
  readonly p99: number | null;
}

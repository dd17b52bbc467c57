import { seconds, type Duration, type Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "./ids.ts";
import { quantile, type Histogram } from "./traffic.ts";

/** What the probe asks for through a gateway, each over one connection of its own. */
export const PROBE_KINDS = ["get", "post", "slow", "upload", "websocket", "events", "http2"] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** A small stream of requests of our own through every gateway while a rollout lasts. */
export interface ProbeSettings {
  /** In every rollout; else only in those that ask for it. */
  readonly always: boolean;
  /** Requests a second at each gateway, of all kinds together. */
  readonly rate: number;
  /** How long an answer may take. */
  readonly timeout: Duration;
  /** How long an upload, an event stream or a WebSocket is kept open. */
  readonly hold: Duration;
  /** Paths; null: this kind is not asked for. */
  readonly get: string;
  readonly post: { readonly path: string; readonly body: string; readonly type: string } | null;
  readonly slow: string | null;
  readonly upload: { readonly path: string; readonly size: number } | null;
  readonly websocket: string | null;
  readonly events: string | null;
  readonly http2: boolean;
}

/** What any application can bear: one path, by GET, now and then. */
export const PLAIN_PROBE: ProbeSettings = {
  always: false,
  rate: 5,
  timeout: seconds(10),
  hold: seconds(2),
  get: "/",
  post: null,
  slow: null,
  upload: null,
  websocket: null,
  events: null,
  http2: false,
};

/**
 * How one of its requests ended. `declined`: answered, but not with what was asked for (4xx, no WebSocket
 * there): no harm, and no proof. `failed`: 5xx or no answer. `cut`: it broke off after it had begun.
 */
export type ProbeEnd = "answered" | "declined" | "failed" | "cut";

/** One request of the probe. */
export interface Shot {
  readonly gateway: HostName;
  readonly kind: ProbeKind;
  readonly begun: Instant;
  readonly ended: Instant;
  readonly end: ProbeEnd;
  /** For people: `200`, `connection reset`. */
  readonly said: string;
  /** Who answered, as the gateway told; null: it told nothing. */
  readonly slot: SlotKey | null;
}

/** One kind at one gateway. */
export interface ProbeCount {
  readonly gateway: HostName;
  readonly kind: ProbeKind;
  readonly sent: number;
  readonly declined: number;
  readonly failed: number;
  readonly cut: number;
  /** From the end of one good answer to the end of the next one. */
  readonly gaps: Histogram;
  readonly longestGap: Duration;
  readonly latency: Histogram;
}

/** Milliseconds; null where there were no two good answers. Buckets are rounded up, the longest is exact. */
export function usualGap({ gaps, longestGap }: Pick<ProbeCount, "gaps" | "longestGap">): number | null {
  const usual = quantile(gaps, 0.5);
  return usual === null ? null : Math.min(usual, longestGap);
}

/** A request that failed or was cut, and what was going on meanwhile. */
export interface ProbeLoss {
  readonly gateway: HostName;
  readonly kind: ProbeKind;
  readonly begun: Instant;
  readonly ended: Instant;
  readonly end: "failed" | "cut";
  readonly said: string;
  readonly slot: SlotKey | null;
  /** The action, by its key, or `STAGE/SLOT`; null: nothing was under way. */
  readonly action: string | null;
  /** The same in words: `web1:8002 was stopping`. */
  readonly during: string;
}

/** What the probe saw of a rollout. */
export interface ProbeReport {
  readonly counts: readonly ProbeCount[];
  /** Good answers by the slot that gave them; none where the gateways do not tell. */
  readonly slots: Readonly<Record<SlotKey, number>>;
  /** The first ones. */
  readonly losses: readonly ProbeLoss[];
  /** Losses that are counted and not told one by one. */
  readonly untold: number;
  /** From a switch's call to the last request that its gateway still sent to a slot that had left by it. */
  readonly lastOld: Duration;
  /** Requests that began after a switch was done and came to a slot that had left by it. */
  readonly late: number;
  /** What could not be probed, and why. */
  readonly blind: readonly string[];
}

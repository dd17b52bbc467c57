// Made-up requests, and what the gateways' evidence of them is.
import { instant, type Instant } from "../../src/base/time.ts";
import { addBoth, NOTHING_SEEN, type Both } from "../../src/analysis/evidence.ts";
import {
  NO_EVIDENCE,
  sliceOf,
  type Evidence,
  type EvidenceSlice,
  type RoleEvidence,
  type UserRequest,
} from "../../src/model/evidence.ts";
import type { HostName } from "../../src/model/ids.ts";
import { bucketOf } from "../../src/model/traffic.ts";

export interface MadeRequest {
  /** Milliseconds. */
  readonly arrived: number;
  readonly took: number;
  readonly role: "canary" | "stable";
  /** 200 when it is not said. */
  readonly status?: number;
  readonly user?: number;
  readonly gateway?: HostName;
}

export const GATEWAY = "web1" as HostName;

/** One request as evidence; requests add up as their evidence does. */
export function evidenceOfOne(request: MadeRequest): Both {
  const { arrived, took, role, status = 200, user } = request;
  const at = sliceOf(instant(arrived));
  const broken = status === 0 || status >= 500;
  const bucket = broken ? null : bucketOf(took);
  const failure = status === 0 || status >= 400 ? status : null;
  const users: readonly UserRequest[] =
    user === undefined ? [] : [{ user, arrived: instant(arrived), bucket, failure }];
  const evidence: RoleEvidence =
    status === 499
      ? { ...NO_EVIDENCE, left: { [bucketOf(took)]: 1 }, arrived: { [at]: 1 } }
      : {
          requests: 1,
          failures: failure === null ? {} : { [failure]: 1 },
          latency: bucket === null ? {} : { [bucket]: 1 },
          left: {},
          arrived: { [at]: 1 },
          users,
          failedUsers: failure === null ? [] : users,
          cold: 0,
        };
  return { ...NOTHING_SEEN, [role]: evidence };
}

/** Summed up by the slice in which they ended. */
export function slicesOf(requests: readonly MadeRequest[]): readonly EvidenceSlice[] {
  const slices = new Map<number, Both>();
  for (const request of requests) {
    const slice = sliceOf(instant(request.arrived + request.took));
    slices.set(slice, addBoth(slices.get(slice) ?? NOTHING_SEEN, evidenceOfOne(request)));
  }
  return [...slices]
    .toSorted(([a], [b]) => a - b)
    .map(([slice, { canary, stable }]) => ({ slice, canary, stable }));
}

export const evidenceOf = (
  requests: readonly MadeRequest[],
  through: Instant,
  gateway = GATEWAY,
): Evidence => ({
  gateway,
  through,
  slices: slicesOf(requests),
  lost: 0,
});

// Made-up requests, and what the gateways' evidence of them is.
import { instant, type Instant } from "../../src/base/time.ts";
import { addBoth, NOTHING_SEEN } from "../../src/analysis/evidence.ts";
import { CLIENT_LEFT, sliceOf } from "../../src/model/evidence.ts";
import type { Evidence, EvidenceSlice, UserRequest } from "../../src/model/evidence.ts";
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

interface Sum {
  requests: number;
  readonly failures: Record<number, number>;
  readonly latency: Record<number, number>;
  readonly left: Record<number, number>;
  readonly arrived: Record<number, number>;
  readonly users: UserRequest[];
  readonly failedUsers: UserRequest[];
  cold: number;
}
const empty = (): Sum => ({
  requests: 0,
  failures: {},
  latency: {},
  left: {},
  arrived: {},
  users: [],
  failedUsers: [],
  cold: 0,
});

function count(sum: Sum, { arrived, took, status = 200, user }: MadeRequest): void {
  const add = (counts: Record<number, number>, key: number): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  add(sum.arrived, sliceOf(instant(arrived)));
  const at = { user: user ?? 0, arrived: instant(arrived) };
  if (status === CLIENT_LEFT) {
    add(sum.left, bucketOf(took));
    if (user !== undefined) sum.users.push({ ...at, bucket: bucketOf(took), failure: CLIENT_LEFT });
    return;
  }
  sum.requests += 1;
  const bucket = status === 0 || status >= 500 ? null : bucketOf(took);
  const failure = status === 0 || status >= 400 ? status : null;
  if (bucket !== null) add(sum.latency, bucket);
  if (failure !== null) add(sum.failures, failure);
  if (user === undefined) return;
  const request = { ...at, bucket, failure };
  sum.users.push(request);
  if (failure !== null) sum.failedUsers.push(request);
}

/** Summed up by the slice in which they ended. */
export function slicesOf(requests: readonly MadeRequest[]): readonly EvidenceSlice[] {
  const slices = new Map<number, { readonly canary: Sum; readonly stable: Sum }>();
  for (const request of requests) {
    const slice = sliceOf(instant(request.arrived + request.took));
    const sums = slices.get(slice) ?? { canary: empty(), stable: empty() };
    slices.set(slice, sums);
    count(sums[request.role], request);
  }
  return [...slices]
    .toSorted(([a], [b]) => a - b)
    .map(([slice, sums]) => {
      // Keeps the users that are to be kept.
      const { canary, stable } = addBoth(NOTHING_SEEN, sums);
      return { slice, canary, stable };
    });
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

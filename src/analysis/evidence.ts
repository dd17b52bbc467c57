import {
  NO_EVIDENCE,
  USERS_KEPT,
  rankOf,
  type Mirrored,
  type RoleEvidence,
  type UserRequest,
} from "../model/evidence.ts";

/** What both roles show in one slice, from all gateways together. */
export interface Both {
  readonly canary: RoleEvidence;
  readonly stable: RoleEvidence;
  readonly mirrored?: Mirrored;
}

export const NOTHING_SEEN: Both = { canary: NO_EVIDENCE, stable: NO_EVIDENCE };

type Counts = Readonly<Record<number, number>>;

export function addCounts(a: Counts, b: Counts): Counts {
  const sum: Record<number, number> = { ...a };
  for (const [key, count] of Object.entries(b)) sum[Number(key)] = (sum[Number(key)] ?? 0) + count;
  return sum;
}

/** Pieces of one slice add up, in any order. */
export function addBoth(a: Both, b: Both): Both {
  if (a === NOTHING_SEEN && !hasUsers(b)) return b;
  const mirrored = a.mirrored === undefined ? b.mirrored : addMirrored(a.mirrored, b.mirrored);
  const users = keepLowest(a, b, "users");
  const failedUsers = keepLowest(a, b, "failedUsers");
  const role = (name: "canary" | "stable"): RoleEvidence => ({
    requests: a[name].requests + b[name].requests,
    failures: addCounts(a[name].failures, b[name].failures),
    latency: addCounts(a[name].latency, b[name].latency),
    left: addCounts(a[name].left, b[name].left),
    arrived: addCounts(a[name].arrived, b[name].arrived),
    users: users[name],
    failedUsers: failedUsers[name],
    cold: a[name].cold + b[name].cold,
  });
  const both = { canary: role("canary"), stable: role("stable") };
  return mirrored === undefined ? both : { ...both, mirrored };
}

/** No user is told of them. */
const addMirrored = (a: Mirrored, b: Mirrored | undefined): Mirrored =>
  b === undefined
    ? a
    : addBoth({ canary: a.canary, stable: a.stable }, { canary: b.canary, stable: b.stable });

/** Only users have an order and a limit that a single piece may not keep to. */
const hasUsers = ({ canary, stable }: Both): boolean =>
  [canary, stable].some(({ users, failedUsers }) => users.length > 0 || failedUsers.length > 0);

interface Sample {
  readonly canary: readonly UserRequest[];
  readonly stable: readonly UserRequest[];
}

/**
 * The lowest ranks of both roles together: who is kept says nothing about the role. The lowest of the union
 * are among the lowest of each part, so parts may be cut in any way.
 */
function keepLowest(a: Both, b: Both, list: "users" | "failedUsers"): Sample {
  const canary = firstOfEach([...a.canary[list], ...b.canary[list]]);
  const stable = firstOfEach([...a.stable[list], ...b.stable[list]]);
  if (canary.length + stable.length <= USERS_KEPT) return { canary, stable };
  const users = [...new Set([...canary, ...stable].map(({ user }) => user))];
  const limit = users.map(rankOf).toSorted((x, y) => x - y)[USERS_KEPT - 1] ?? Infinity;
  const kept = (requests: readonly UserRequest[]) => requests.filter(({ user }) => rankOf(user) <= limit);
  return { canary: kept(canary), stable: kept(stable) };
}

/** One request for each user, the first to arrive, in the order of the users. */
function firstOfEach(requests: readonly UserRequest[]): readonly UserRequest[] {
  const first = new Map<number, UserRequest>();
  for (const request of requests) {
    const known = first.get(request.user);
    if (known === undefined || compare(request, known) < 0) first.set(request.user, request);
  }
  return [...first.values()].toSorted(compare);
}

/** Total, so that ties are broken the same way whoever comes first. */
const compare = (a: UserRequest, b: UserRequest): number =>
  a.user - b.user ||
  a.arrived - b.arrived ||
  (a.bucket ?? Infinity) - (b.bucket ?? Infinity) ||
  (a.failure ?? Infinity) - (b.failure ?? Infinity) ||
  0;

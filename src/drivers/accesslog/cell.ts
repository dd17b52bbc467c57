import { USERS_KEPT, type EvidenceSlice, type RoleEvidence, type UserRequest } from "../../model/evidence.ts";
import { CLIENT_LEFT, NO_EVIDENCE, SLICE, startOf } from "../../model/evidence.ts";
import { present } from "../../base/assert.ts";
import { TRAFFIC_KINDS, type ByKind } from "../../model/drain.ts";
import { instant } from "../../base/time.ts";
import { addTraffic, NO_TRAFFIC, type Histogram, type Traffic } from "../../model/traffic.ts";
import type { LogSlice } from "../../ports/telemetry.ts";

/**
 * `c` canary, `s` stable, `x` a canary's slot that has just joined, `-` nobody who is known. Of what is
 * mirrored: `m` the copy, `y` one to a slot that has just joined, `t` the request itself, counted as `s` too,
 * `o` both when they were of a rollout before: they are nothing.
 */
export type Way = "c" | "s" | "x" | "-" | "m" | "y" | "t" | "o";
export type Counts = Map<number, number>;

/** The requests that ended in one slice and went one way, as both folds count them. Pure. */
export interface Cell {
  readonly slice: number;
  readonly way: Way;
  requests: number;
  failed: number;
  cut: number;
  retried: number;
  fellBack: number;
  /** Status → requests; see RoleEvidence. */
  readonly failures: Counts;
  readonly latency: Counts;
  /** Latency of answers that are no measure of the first slot: cut, or repaired by another. */
  readonly others: Counts;
  readonly left: Counts;
  /** Slices between arrival and end → requests that the share decided; at most OLDEST. */
  readonly ages: Counts;
  /** Place in TRAFFIC_KINDS → requests whose slot was stopped, as their time was over. */
  readonly drained: Counts;
  readonly users: readonly User[];
  readonly failedUsers: readonly User[];
}

/** A request of a user: `age` is how long before the slice's end it arrived, in ms. */
export interface User {
  readonly user: number;
  readonly age: number;
  readonly bucket: number | null;
  readonly failure: number | null;
}

export const OLDEST = 3000;

/** Spreads the buckets of users, so that the smallest are of no role; the same on every gateway. */
export const userOf = (bucket: number): number => (bucket * 5857) % 10_009;

const LIST = String.raw`([-\d:,]*)`;
const LINE = new RegExp(
  String.raw`^(\d+) ([csxmyto-]) (\d+) (\d+) (\d+) (\d+) (\d+)${`;${LIST}`.repeat(8)}$`,
);

const entries = (text: string | undefined): readonly string[] =>
  (text ?? "").split(",").filter((each) => each !== "");

function countsIn(text: string | undefined): Counts {
  return new Map(
    entries(text).map((each) => {
      const [value, count] = each.split(":").map(Number);
      return [value ?? 0, count ?? 0] as const;
    }),
  );
}

const usersIn = (text: string | undefined): readonly User[] =>
  entries(text).map((each) => {
    const [user, age, bucket, failure] = each.split(":");
    return { user: Number(user), age: Number(age), bucket: numberIn(bucket), failure: numberIn(failure) };
  });

const numberIn = (text: string | undefined): number | null =>
  text === undefined || text === "" ? null : Number(text);

/** A line as the fold on the gateway's host prints it; null when it is none. */
export function parseCell(line: string): Cell | null {
  const match = LINE.exec(line);
  if (match === null) return null;
  const [, slice, way, requests, failed, cut, retried, fellBack, ...lists] = match;
  return {
    slice: Number(slice),
    way: way as Way,
    requests: Number(requests),
    failed: Number(failed),
    cut: Number(cut),
    retried: Number(retried),
    fellBack: Number(fellBack),
    failures: countsIn(lists[0]),
    latency: countsIn(lists[1]),
    others: countsIn(lists[2]),
    left: countsIn(lists[3]),
    ages: countsIn(lists[4]),
    users: usersIn(lists[5]),
    failedUsers: usersIn(lists[6]),
    drained: countsIn(lists[7]),
  };
}

const sum = (counts: Counts): number => [...counts.values()].reduce((a, b) => a + b, 0);
const recordOf = (counts: Counts): Histogram => Object.fromEntries(counts);

const trafficOf = ({ requests, failed, cut, retried, fellBack, latency, others, drained }: Cell): Traffic =>
  addTraffic(
    { requests, failed, cut, retried, fellBack, latency: recordOf(latency) },
    {
      ...NO_TRAFFIC,
      latency: recordOf(others),
      ...(drained.size === 0 ? {} : { cutKinds: kindsIn(drained) }),
    },
  );

const kindsIn = (drained: Counts): ByKind<number> =>
  Object.fromEntries([...drained].map(([place, count]) => [present(TRAFFIC_KINDS[place], "kind"), count]));

const byUser = (a: UserRequest, b: UserRequest): number => a.user - b.user;

function evidenceOf(cell: Cell): RoleEvidence {
  const requestOf = ({ user, age, bucket, failure }: User): UserRequest => {
    return { user, arrived: instant(startOf(cell.slice) + SLICE - age), bucket, failure };
  };
  return {
    requests: cell.requests - sum(cell.left) - sum(cell.drained),
    failures: recordOf(cell.failures),
    latency: recordOf(cell.latency),
    left: recordOf(cell.left),
    arrived: Object.fromEntries([...cell.ages].map(([age, count]) => [cell.slice - age, count])),
    users: cell.users.map(requestOf).toSorted(byUser),
    failedUsers: cell.failedUsers.map(requestOf).toSorted(byUser),
    cold: 0,
  };
}

/** The cells of each slice together, in the order of time. No way comes twice in one. */
export function slicesOf(cells: readonly Cell[]): readonly LogSlice[] {
  const slices = new Map<number, Partial<Record<Way, Cell>>>();
  for (const cell of cells) slices.set(cell.slice, { ...slices.get(cell.slice), [cell.way]: cell });
  return [...slices].toSorted(([a], [b]) => a - b).map(([slice, ways]) => sliceFrom(slice, ways));
}

function added(a: Histogram, b: Histogram): Histogram {
  const sums: Record<number, number> = { ...a };
  for (const [key, count] of Object.entries(b)) sums[Number(key)] = (sums[Number(key)] ?? 0) + count;
  return sums;
}

/** A slot that has just joined may be slow, and may not fail. */
function withCold(warm: RoleEvidence, cold: RoleEvidence): RoleEvidence {
  const timeless = (requests: readonly UserRequest[]): readonly UserRequest[] =>
    requests.map((one) => (one.failure === CLIENT_LEFT ? one : { ...one, bucket: null }));
  return {
    requests: warm.requests + cold.requests,
    failures: added(warm.failures, cold.failures),
    latency: warm.latency,
    left: added(warm.left, cold.left),
    arrived: added(warm.arrived, cold.arrived),
    users: [...warm.users, ...timeless(cold.users)].toSorted(byUser),
    failedUsers: [...warm.failedUsers, ...timeless(cold.failedUsers)].toSorted(byUser),
    cold: cold.requests,
  };
}

function canaryIn(warm: Cell | undefined, cold: Cell | undefined): RoleEvidence {
  const evidence = warm === undefined ? NO_EVIDENCE : evidenceOf(warm);
  return cold === undefined ? evidence : withCold(evidence, evidenceOf(cold));
}

function sliceFrom(slice: number, ways: Partial<Record<Way, Cell>>): LogSlice {
  const { c, s, x, m, y, t, "-": nobody } = ways;
  const copies = m !== undefined || y !== undefined || t !== undefined;
  const evidence: EvidenceSlice = {
    slice,
    canary: canaryIn(c, x),
    stable: s === undefined ? NO_EVIDENCE : evidenceOf(s),
    ...(copies
      ? { mirrored: { canary: canaryIn(m, y), stable: t === undefined ? NO_EVIDENCE : evidenceOf(t) } }
      : {}),
  };
  // A copy serves nobody, and its twin is one of these.
  const served = [c, s, x, nobody].filter((cell) => cell !== undefined);
  return { ...evidence, traffic: served.map(trafficOf).reduce(addTraffic, NO_TRAFFIC) };
}

/** Of both ways of a slice together those with the smallest numbers. */
export function keepUsers(users: ReadonlySet<number>): number {
  if (users.size <= USERS_KEPT) return Infinity;
  return [...users].toSorted((a, b) => a - b)[USERS_KEPT - 1] ?? Infinity;
}

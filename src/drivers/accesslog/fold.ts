import { CLIENT_LEFT, SLICE, sliceOf } from "../../model/evidence.ts";
import { instant, type Duration, type Instant } from "../../base/time.ts";
import { TRAFFIC_KINDS, type TrafficKind } from "../../model/drain.ts";
import { bucketOf } from "../../model/traffic.ts";
import { keepUsers, OLDEST, userOf, type Cell, type Counts, type User, type Way } from "./cell.ts";
import { LineReader } from "./line.ts";

/**
 * Sums requests up by the slice in which they ended and the way they went. Pure; the order and the batches do
 * not matter. `fold-script.ts` is the same for the gateway's host.
 */
export interface Fold {
  readonly ways: Ways;
  readonly cells: Map<number, Tally>;
  /** Lines that are none of ours. */
  garbage: number;
}

/** What tells the role of a request. */
export interface Ways {
  /** Address → from when on it is a canary's slot. */
  readonly joined: ReadonlyMap<string, Instant>;
  readonly warmup: Duration;
  /** Whoever arrived before was asked of no canary of this rollout's; absent: there was always one. */
  readonly canarySince?: Instant;
  /** Users are told apart. */
  readonly users: boolean;
  /** The slots' addresses, in the pool's order. */
  readonly pool: readonly string[];
  /** Address → when it was stopped with requests in flight; absent: none was. */
  readonly stopped?: ReadonlyMap<string, readonly Instant[]>;
}

interface Tally extends Omit<Cell, "users" | "failedUsers"> {
  readonly users: Map<number, User>;
  readonly failedUsers: Map<number, User>;
}

export const emptyFold = (ways: Ways): Fold => ({ ways, cells: new Map(), garbage: 0 });

/**
 * What a fold needs to know of a request; LineReader says what it means. Its texts are cut out of the line
 * when they are asked for, which for the most usual line nobody does.
 */
export type Request = Pick<
  LineReader,
  | "end"
  | "duration"
  | "status"
  | "role"
  | "address"
  | "lastAddress"
  | "group"
  | "bucket"
  | "attempts"
  | "firstStatus"
  | "lasting"
  | "cut"
  | "unfinished"
>;

const WAYS: readonly Way[] = ["s", "c", "x", "-", "m", "y", "t", "o"];

function tallyAt({ cells }: Fold, slice: number, way: Way): Tally {
  const key = slice * WAYS.length + WAYS.indexOf(way);
  const known = cells.get(key);
  if (known !== undefined) return known;
  const tally: Tally = {
    slice,
    way,
    requests: 0,
    failed: 0,
    cut: 0,
    retried: 0,
    fellBack: 0,
    failures: new Map(),
    latency: new Map(),
    others: new Map(),
    left: new Map(),
    ages: new Map(),
    drained: new Map(),
    users: new Map(),
    failedUsers: new Map(),
  };
  cells.set(key, tally);
  return tally;
}

const ADDRESS = /^[^ ]+:\d+$/;

function wayOf(request: Request, { joined, warmup, canarySince }: Ways): Way {
  const { role } = request;
  const arrived = request.end - request.duration;
  const isEarly = canarySince !== undefined && arrived < canarySince;
  if (isEarly && role === "canary") return "-";
  if (isEarly && (role === "copy" || role === "twin")) return "o";
  if (role === "twin") return "t";
  if (role === "stable" || (role === "canary" && joined.size === 0)) return role === "stable" ? "s" : "c";
  const { address } = request;
  if (role === "copy") return arrived < (joined.get(address) ?? -Infinity) + warmup ? "y" : "m";
  const since = joined.get(address);
  if (since === undefined) return role === "canary" ? "c" : ADDRESS.test(address) ? "s" : "-";
  if (role === "all" && arrived < since) return "s";
  return arrived < since + warmup ? "x" : "c";
}

const BAD_GATEWAY = 502;

/**
 * What the gateway wrote for a client that left before the answer came: nobody was failed, nothing was
 * measured.
 */
const isAnswered = (status: number): boolean => status >= 100 && status < 500 && status !== CLIENT_LEFT;

const add = (counts: Counts, value: number): void => void counts.set(value, (counts.get(value) ?? 0) + 1);

/** Null: it did not fail. */
function failureOf(request: Request, isCut: boolean): number | null {
  const { status, attempts } = request;
  if (status < 100 || isCut) return 0;
  if (status === CLIENT_LEFT) return null;
  if (status >= 400) return status;
  if (attempts < 2) return null;
  const { firstStatus } = request;
  return firstStatus >= 400 ? firstStatus : BAD_GATEWAY;
}

/** `p2b3`: the first two slots, and, when both failed, those from the fourth on; `s3b2`: the contrary. */
function isBackup({ group, lastAddress }: Request, pool: readonly string[]): boolean {
  const [, role, edge] = /^([ps])\d+b(\d+)$/.exec(group) ?? [];
  const place = pool.indexOf(lastAddress);
  if (role === undefined || place === -1) return false;
  return role === "p" ? place >= Number(edge) : place < Number(edge);
}

/** It was there when its slot was stopped, and did not come to its end. Null: otherwise. */
function drainedAs(request: Request, { stopped }: Ways): TrafficKind | null {
  if (stopped === undefined) return null;
  const { unfinished, end, duration } = request;
  const times = unfinished === null ? undefined : stopped.get(request.lastAddress);
  const wasThere = times?.some((at) => end - duration < at && end >= at) ?? false;
  return wasThere ? unfinished : null;
}

/** Adds one request; the tally that it went to. */
function count(tally: Tally, request: Request, ways: Ways): void {
  const users = ways.users && request.role !== "all";
  const { status, duration, attempts, lasting, cut } = request;
  const answered = isAnswered(status);
  // How long a connection lasts that is meant to last says nothing about the application, nor does its end.
  const measured = answered && !lasting;
  const failure = failureOf(request, measured && cut);
  const bucket = bucketOf(duration);
  const left = status === CLIENT_LEFT;
  const isMeasure = measured && (failure === null || (failure > 0 && failure < 500));
  tally.requests += 1;
  const drained = drainedAs(request, ways);
  if (drained !== null) {
    add(tally.drained, TRAFFIC_KINDS.indexOf(drained));
    if (request.bucket !== -1) countUser(tally, request, null);
    return;
  }
  if (status < 100 || status >= 500) tally.failed += 1;
  if (measured && cut) tally.cut += 1;
  if (answered && attempts > 1) tally.retried += 1;
  if (answered && attempts > 1 && isBackup(request, ways.pool)) tally.fellBack += 1;
  if (failure !== null) add(tally.failures, failure);
  if (measured) add(isMeasure ? tally.latency : tally.others, bucket);
  if (left) add(tally.left, bucket);
  if (request.bucket !== -1) {
    const outcome = { bucket: isMeasure || left ? bucket : null, failure: left ? CLIENT_LEFT : failure };
    countUser(tally, request, users ? outcome : null);
  }
}

type Outcome = Pick<User, "bucket" | "failure">;

function countUser(tally: Tally, request: Request, outcome: Outcome | null): void {
  const { slice } = tally;
  const arrived = request.end - request.duration;
  add(tally.ages, Math.min(OLDEST, slice - sliceOf(instant(arrived))));
  if (outcome === null) return;
  const user: User = { user: userOf(request.bucket), age: (slice + 1) * SLICE - arrived, ...outcome };
  keepFirst(tally.users, user);
  if (user.failure !== null && user.failure !== CLIENT_LEFT) keepFirst(tally.failedUsers, user);
}

function keepFirst(users: Map<number, User>, user: User): void {
  const known = users.get(user.user);
  if (known === undefined || isBefore(user, known)) users.set(user.user, user);
}

const NONE = 9999;

/** Total, so that ties are broken the same way whoever comes first. */
function isBefore(a: User, b: User): boolean {
  const byBucket = (a.bucket ?? NONE) - (b.bucket ?? NONE);
  return (b.age - a.age || byBucket || (a.failure ?? NONE) - (b.failure ?? NONE)) < 0;
}

export const addRequest = (fold: Fold, request: Request): void =>
  count(tallyAt(fold, sliceOf(instant(request.end)), wayOf(request, fold.ways)), request, fold.ways);

const line = new LineReader();

/** Adds all whole lines of the text; returns where the last, unfinished line begins. */
export function foldText(fold: Fold, text: string): number {
  let from = 0;
  for (let to = text.indexOf("\n"); to !== -1; to = text.indexOf("\n", from)) {
    if (line.read(text, from, to)) addRequest(fold, line);
    else fold.garbage += 1;
    from = to + 1;
  }
  return from;
}

/** In the order of time. */
export function cellsOf(fold: Fold): readonly Cell[] {
  const slices = Map.groupBy(fold.cells.values(), ({ slice }) => slice);
  return [...slices].toSorted(([a], [b]) => a - b).flatMap(([, tallies]) => tallies.map(cellIn(tallies)));
}

const cellIn =
  (together: readonly Tally[]) =>
  (tally: Tally): Cell => {
    const kept = (list: "users" | "failedUsers"): readonly User[] => {
      const limit = keepUsers(new Set(together.flatMap((each) => [...each[list].keys()])));
      return [...tally[list].values()].filter(({ user }) => user <= limit);
    };
    return { ...tally, users: kept("users"), failedUsers: kept("failedUsers") };
  };

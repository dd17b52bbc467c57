import { after, instant } from "../base/time.ts";
import { SLICE, sliceOf, startOf, type RoleEvidence, type UserRequest } from "../model/evidence.ts";
import { EVERYTHING } from "../model/share.ts";
import { addEvidence, addUsers, type Block } from "./block.ts";
import { closeBlock, lnTogether } from "./close.ts";
import { NOTHING_SEEN, type Both } from "./evidence.ts";
import { closeMirrored, takeMirrored } from "./mirror.ts";
import { takeGross } from "./gross.ts";
import { excessGains, firstErrorGains, labelGains, missingGains } from "./label.ts";
import { takeGains } from "./mixture.ts";
import { betweenBlocks } from "./plan.ts";
import { isError, type Rules } from "./rules.ts";
import { CLOCKS, shareAround, shareAt, shareDuring } from "./shares.ts";
import { NO_FLOW, type Arrivals, type Flow, type JudgeState } from "./state.ts";
import { NOBODY, hasSeen, markSeen } from "./users.ts";

/** All that is final before `until`. */
export function foldUntil(state: JudgeState, rules: Rules, until: number): JudgeState {
  let folded = state;
  for (let slice = state.next ?? Infinity; slice < until; slice += 1) {
    folded = foldSlice(folded, rules, slice);
  }
  if (folded === state) return state;
  // Once for all: there may be hundreds.
  const left = Object.entries(folded.pending).filter(([slice]) => Number(slice) >= until);
  return { ...folded, pending: Object.fromEntries(left) };
}

/**
 * Slices in the order of time, each once and whole: what is folded does not depend on how it came. It is left
 * in `pending`.
 */
function foldSlice(state: JudgeState, rules: Rules, slice: number): JudgeState {
  const begun = state.shares.some(({ at }) => sliceOf(at) === slice)
    ? enterShare(state, rules, slice)
    : state;
  const both = state.pending[slice] ?? NOTHING_SEEN;
  let next: JudgeState = { ...begun, next: slice + 1, flow: flowOf(begun, slice, both) };
  if (both !== NOTHING_SEEN) next = takeSlice(next, rules, { slice, both });
  if (both.mirrored !== undefined) next = takeMirrored(next, rules, { slice, mirrored: both.mirrored });
  next = settleArrivals(next, rules, slice);
  if (isFull(next, rules, slice)) next = closeAll(next, rules, slice);
  if (next.tests === state.tests) return next;
  return { ...next, lnMost: Math.max(next.lnMost, lnTogether(next, rules)) };
}

/** A second: who stopped coming before the share was changed is not awaited after it. */
const BEFORE = 1000 / SLICE;

function flowOf(state: JudgeState, slice: number, { canary, stable }: Both): Flow {
  const { shares, flow = NO_FLOW } = state;
  const last = shares.at(-1);
  const told = canary.requests + stable.requests;
  const recent = [...flow.recent, told].slice(-BEFORE);
  // While it changes nobody knows by whom a request was answered.
  if (last === undefined || last.share === null) return { ...flow, recent };
  const sure = sliceOf(after(last.at, CLOCKS));
  return {
    ...flow,
    recent,
    since: flow.since + (slice > sliceOf(last.at) ? told : 0),
    stable: flow.stable + askedAfter(stable, { sure, slice }),
  };
}

/** Where slots tell the role, no request tells when it arrived: it counts when it ended. */
function askedAfter(
  { requests, arrived }: RoleEvidence,
  { sure, slice }: { readonly sure: number; readonly slice: number },
): number {
  const known = Object.entries(arrived);
  if (known.length === 0) return slice > sure ? requests : 0;
  return known.reduce((sum, [at, n]) => (Number(at) > sure ? sum + n : sum), 0);
}

/** Whatever is learned, is learned between blocks of either kind. */
const closeAll = (state: JudgeState, rules: Rules, slice: number): JudgeState =>
  betweenBlocks(closeBlock(closeMirrored(state, rules), rules), rules, slice);

/** A change has a beginning, when the share is not known any more, and an end. */
function isEndOfChange({ shares }: JudgeState, slice: number): boolean {
  const first = shares.findIndex(({ at }) => sliceOf(at) === slice);
  return shares.at((first === -1 ? shares.length - 1 : first) - 1)?.share === null;
}

/** Before and after are not compared within one block. Users bet anew under another share. */
export const enterShare = (state: JudgeState, rules: Rules, slice: number): JudgeState => {
  const closed = closeAll(state, rules, slice);
  const { flow = NO_FLOW } = closed;
  return {
    ...closed,
    flow: {
      ...flow,
      before: isEndOfChange(closed, slice) ? flow.before : flow.recent,
      since: 0,
      stable: 0,
    },
    users: { ...closed.users, seen: NOBODY },
    totals: { ...closed.totals, sinceShare: 0, arrived: { canary: 0, stable: 0 } },
  };
};

interface Slice {
  readonly slice: number;
  readonly both: Both;
}

function takeSlice(state: JudgeState, rules: Rules, { slice, both }: Slice): JudgeState {
  const { settings } = rules;
  const { canary, stable } = both;
  const { totals } = state;
  const judgedSince = state.judgedSince ?? (canary.requests > 0 ? slice : null);
  const taken: JudgeState = {
    ...state,
    judgedSince,
    ...grossOf(state, rules, both),
    block: {
      ...state.block,
      since: state.block.since ?? slice,
      canary: addEvidence(state.block.canary, settings, canary),
      stable: addEvidence(state.block.stable, settings, stable),
    },
    totals: {
      ...totals,
      cold: { canary: totals.cold.canary + canary.cold, stable: totals.cold.stable + stable.cold },
    },
  };
  return settings.unit === "user" ? takeUsers(taken, rules, both) : takeArrivals(taken, both);
}

function grossOf(state: JudgeState, rules: Rules, both: Both): Pick<JudgeState, "gross"> {
  const gross = takeGross(state, rules, both);
  return gross === undefined ? {} : { gross };
}

const takeArrivals = (state: JudgeState, { canary, stable }: Both): JudgeState => ({
  ...state,
  arrivals: addArrivals(state.arrivals, canary.arrived, stable.arrived),
});

type Counts = Readonly<Record<number, number>>;

/** What arrives after its slice was settled is too late: it was counted as missing. */
function addArrivals(arrivals: Arrivals, canary: Counts, stable: Counts): Arrivals {
  const counts = { ...arrivals.counts };
  const add = (slice: number, c: number, s: number): void => {
    if (slice <= arrivals.settled) return;
    const known = counts[slice] ?? { canary: 0, stable: 0 };
    counts[slice] = { canary: known.canary + c, stable: known.stable + s };
  };
  for (const [slice, count] of Object.entries(canary)) add(Number(slice), count, 0);
  for (const [slice, count] of Object.entries(stable)) add(Number(slice), 0, count);
  return { ...arrivals, counts };
}

/** Each user is looked at once a share, by its first request, and once in all by its first error. */
function takeUsers(state: JudgeState, rules: Rules, both: Both): JudgeState {
  const { settings } = rules;
  // Within a block roles are compared whatever the share, also while it is changed.
  const fresh = newcomers({ canary: both.canary.users, stable: both.stable.users }, state.users.seen);
  const isUnderShare = ({ arrived }: UserRequest): boolean => shareAround(state.shares, arrived) !== null;
  const users: Block["users"] = {
    canary: addUsers(state.block.users.canary, settings, fresh.canary),
    stable: addUsers(state.block.users.stable, settings, fresh.stable),
  };
  const taken: JudgeState = {
    ...state,
    block: { ...state.block, users },
    arrivals: addArrivals(
      state.arrivals,
      bySlice(fresh.canary.filter(isUnderShare)),
      bySlice(fresh.stable.filter(isUnderShare)),
    ),
    users: { ...state.users, seen: markSeen(state.users.seen, fresh.marked) },
  };
  return takeFirstErrors(taken, rules, both);
}

function takeFirstErrors(state: JudgeState, rules: Rules, both: Both): JudgeState {
  const failed = (requests: readonly UserRequest[]) =>
    requests.filter(
      ({ failure, arrived }) =>
        failure !== null && isError(rules.settings, failure) && shareAround(state.shares, arrived) !== null,
    );
  const { canary, stable, marked } = newcomers(
    { canary: failed(both.canary.failedUsers), stable: failed(both.stable.failedUsers) },
    state.users.failed,
  );
  if (marked.length === 0) return state;
  let { firstErrors } = state.tests;
  for (const [role, requests] of [
    ["canary", canary],
    ["stable", stable],
  ] as const) {
    for (const { arrived } of requests) {
      const share = shareAround(state.shares, arrived);
      if (share === null) continue;
      firstErrors = takeGains(firstErrors, firstErrorGains(share)[role], rules.drip);
    }
  }
  return {
    ...state,
    tests: { ...state.tests, firstErrors },
    users: { ...state.users, failed: markSeen(state.users.failed, marked) },
  };
}

interface Newcomers {
  readonly canary: readonly UserRequest[];
  readonly stable: readonly UserRequest[];
  readonly marked: readonly number[];
}

/** Who has not bet. Who is in both roles at once bets nothing. */
function newcomers(of: Pick<Newcomers, "canary" | "stable">, seen: JudgeState["users"]["seen"]): Newcomers {
  const fresh = (requests: readonly UserRequest[]) => requests.filter(({ user }) => !hasSeen(seen, user));
  const canary = fresh(of.canary);
  const stable = fresh(of.stable);
  const ofCanary = new Set(canary.map(({ user }) => user));
  const inBoth = new Set(stable.map(({ user }) => user).filter((user) => ofCanary.has(user)));
  const alone = (requests: readonly UserRequest[]) => requests.filter(({ user }) => !inBoth.has(user));
  const marked = [...canary, ...stable].map(({ user }) => user);
  return { canary: alone(canary), stable: alone(stable), marked };
}

function bySlice(requests: readonly UserRequest[]): Counts {
  const counts: Record<number, number> = {};
  for (const { arrived } of requests) counts[sliceOf(arrived)] = (counts[sliceOf(arrived)] ?? 0) + 1;
  return counts;
}

/** Bets on what arrived so long ago that all of it must have been told by now. */
function settleArrivals(state: JudgeState, rules: Rules, slice: number): JudgeState {
  const until = slice - state.baseline.patience;
  const { counts, settled } = state.arrivals;
  if (until <= settled) return state;
  const due = Object.keys(counts)
    .map(Number)
    .filter((at) => at <= until)
    .toSorted((a, b) => a - b);
  if (due.length === 0) return { ...state, arrivals: { counts, settled: until } };
  const left: Record<number, Arrivals["counts"][number]> = { ...counts };
  let { traffic, crowd } = state.tests;
  let { arrived } = state.totals;
  for (const at of due) {
    const { canary, stable } = left[at] ?? { canary: 0, stable: 0 };
    Reflect.deleteProperty(left, at);
    const share = shareDuring(state.shares, startOf(at), instant(startOf(at) + SLICE));
    if (share === null) continue;
    arrived = { canary: arrived.canary + canary, stable: arrived.stable + stable };
    if (!rules.countsArrivals) continue;
    traffic = takeGains(traffic, labelGains(missingGains(share), canary, stable), rules.drip);
    crowd = takeGains(crowd, labelGains(excessGains(share), canary, stable), rules.drip);
  }
  return {
    ...state,
    arrivals: { counts: left, settled: until },
    totals: { ...state.totals, arrived },
    tests: { ...state.tests, traffic, crowd },
  };
}

const OLDEST = 10_000 / SLICE;

/** A block has both roles, and as many requests as bring one of the canary; or it is ten seconds old. */
function isFull({ block, shares }: JudgeState, { settings }: Rules, slice: number): boolean {
  if (block.since === null) return false;
  if (slice - block.since >= OLDEST) return true;
  const { canary, stable } = settings.unit === "user" ? block.users : block;
  const share = (shareAt(shares, startOf(slice)) ?? 0) / EVERYTHING;
  return canary.n >= 1 && stable.n >= 1 && share > 0 && canary.n + stable.n >= 1 / share;
}

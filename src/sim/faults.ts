import { seededRandom, type Random } from "../base/random.ts";

/** What can go wrong, and how likely: a probability each time, or, where said, a count. */
export interface Faults {
  /** A write takes seconds instead of milliseconds. */
  readonly actionSlow: number;
  /** A write never arrives; the outcome is unknown. */
  readonly actionLost: number;
  /** A write happens; its answer is lost. */
  readonly answerLost: number;
  /** The outcome is unknown, and the write happens up to 20 s later, after others. */
  readonly actionLate: number;
  /** A write happens again, up to 20 s later. */
  readonly actionRepeated: number;
  readonly lookUnknown: number;
  /** A look returns what was there at an earlier one, with its true time. */
  readonly lookStale: number;
  /** A look's answer takes seconds. */
  readonly lookSlow: number;
  /** nginx -t refuses what is prepared. */
  readonly prepareRefused: number;
  readonly startRefused: number;
  readonly healthFlaps: number;
  readonly smokeFlaps: number;
  readonly fetchFails: number;
  readonly diskFull: number;
  readonly hookFails: number;
  /** A request that takes longer than any drain deadline. */
  readonly slowRequest: number;
  readonly journalFails: number;
  readonly renewFails: number;
  /** The controller dies at a journal write: before it is on disk, or after. */
  readonly killed: number;
  /** Counts, over the whole time in which faults happen. */
  readonly nginxDeaths: number;
  readonly slotCrashes: number;
  readonly reboots: number;
  /** A host is gone for good, with whatever is on it. */
  readonly hostDeaths: number;
  readonly partitions: number;
  /** The controller stands still for longer than its lease. */
  readonly stalls: number;
  /** Somebody else writes to a slot or a gateway, somewhat ahead of our generations. */
  readonly strangers: number;
  /** A host has no room for what its slots write down, for a while. */
  readonly fullDisks: number;
  /** What is stopped does not start again for a while: its port is taken. */
  readonly takenPorts: number;
  /** What is started in a slot needs many seconds until it answers, for a while. */
  readonly slowBoots: number;
}
export type FaultName = keyof Faults;

/** Nothing goes wrong. */
export const CALM: Faults = {
  actionSlow: 0,
  actionLost: 0,
  answerLost: 0,
  actionLate: 0,
  actionRepeated: 0,
  lookUnknown: 0,
  lookStale: 0,
  lookSlow: 0,
  prepareRefused: 0,
  startRefused: 0,
  healthFlaps: 0,
  smokeFlaps: 0,
  fetchFails: 0,
  diskFull: 0,
  hookFails: 0,
  slowRequest: 0,
  journalFails: 0,
  renewFails: 0,
  killed: 0,
  nginxDeaths: 0,
  slotCrashes: 0,
  reboots: 0,
  hostDeaths: 0,
  partitions: 0,
  stalls: 0,
  strangers: 0,
  fullDisks: 0,
  takenPorts: 0,
  slowBoots: 0,
};

/** The most that a seed gives to each. */
const MOST: Faults = {
  actionSlow: 0.2,
  actionLost: 0.15,
  answerLost: 0.15,
  actionLate: 0.15,
  actionRepeated: 0.2,
  lookUnknown: 0.2,
  lookStale: 0.2,
  lookSlow: 0.1,
  prepareRefused: 0.05,
  startRefused: 0.05,
  healthFlaps: 0.1,
  smokeFlaps: 0.05,
  fetchFails: 0.2,
  diskFull: 0.1,
  hookFails: 0.1,
  slowRequest: 0.2,
  journalFails: 0.01,
  renewFails: 0.05,
  killed: 0.05,
  nginxDeaths: 2,
  slotCrashes: 3,
  reboots: 1,
  hostDeaths: 1,
  partitions: 2,
  stalls: 1,
  strangers: 1,
  fullDisks: 2,
  takenPorts: 2,
  slowBoots: 4,
};

const COUNTS: ReadonlySet<FaultName> = new Set([
  "nginxDeaths",
  "slotCrashes",
  "reboots",
  "hostDeaths",
  "partitions",
  "stalls",
  "strangers",
  "fullDisks",
  "takenPorts",
  "slowBoots",
]);
const NAMES = Object.keys(CALM) as readonly FaultName[];

const RARE: ReadonlyMap<FaultName, number> = new Map([
  ["strangers", 0.05],
  ["hostDeaths", 0.15],
]);

/** Streams of their own, so chosen that no seed that is replayed for ever tells another story by them. */
const FULL = 0x2bc0_8ec6;
const TAKEN = 0x7a1f_6f69;
const SLOW = 0x510b_6a82;
const APART: ReadonlySet<FaultName> = new Set(["fullDisks", "takenPorts", "slowBoots"]);
const DRAWN = NAMES.filter((name) => !APART.has(name));

/** Each seed has some faults and not others, so that each also meets the world alone. */
export function drawFaults(seed: number): Faults {
  const random = seededRandom(seed ^ 0x5eed_fa17);
  const faults: Record<FaultName, number> = { ...CALM };
  for (const name of DRAWN) {
    const has = random.chance(RARE.get(name) ?? 0.4);
    const much = random.next();
    if (!has) continue;
    const most = MOST[name];
    faults[name] = COUNTS.has(name) ? 1 + Math.floor(much * most) : Number((much * most).toFixed(4));
  }
  const full = seededRandom(seed ^ FULL);
  if (full.chance(0.2)) faults.fullDisks = full.int(1, MOST.fullDisks);
  const taken = seededRandom(seed ^ TAKEN);
  if (taken.chance(0.15)) faults.takenPorts = taken.int(1, MOST.takenPorts);
  faults.slowBoots = slowBootsOf(seed);
  return faults;
}

/** Where slots boot slowly, releases have more time for that. */
export function slowBootsOf(seed: number): number {
  const random = seededRandom(seed ^ SLOW);
  return random.chance(0.15) ? random.int(1, MOST.slowBoots) : 0;
}

/** For the person who runs it: what is on, in one line. */
export function describeFaults(faults: Faults): string {
  const on = NAMES.filter((name) => faults[name] > 0).map((name) => `${name} ${faults[name]}`);
  return on.length === 0 ? "no faults" : on.join(", ");
}

/** What becomes of one write. */
export type Fate = "happens" | "slow" | "lost" | "unanswered" | "late" | "repeated";

export function drawFate(faults: Faults, random: Random): Fate {
  const roll = random.next();
  let edge = faults.actionSlow;
  if (roll < edge) return "slow";
  if (roll < (edge += faults.actionLost)) return "lost";
  if (roll < (edge += faults.answerLost)) return "unanswered";
  if (roll < (edge += faults.actionLate)) return "late";
  if (roll < (edge += faults.actionRepeated)) return "repeated";
  return "happens";
}

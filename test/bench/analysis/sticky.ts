// Users that keep to their role, some of whom fail again and again: judged by requests, and by users.
import type { Random } from "../../../src/base/random.ts";
import { SLICE, sliceOf, type RoleEvidence, type UserRequest } from "../../../src/model/evidence.ts";
import { instant } from "../../../src/base/time.ts";
import { GATEWAY } from "../../support/evidence.ts";
import { NORMAL, levelOf, poisson } from "./chance.ts";
import { ascending, type Seen } from "./detect.ts";
import { begin } from "./ours.ts";
import { NONE, START, TICK, TICKS, asEvidence, randomOf } from "./traces.ts";

export const STICKY: Readonly<Record<string, number>> = {
  healthy: 0,
  "+1 pp errors": 0.01,
  "100 % errors": 1,
};

interface User {
  readonly id: number;
  readonly isCanary: boolean;
  /** The chance that a request fails. */
  readonly errors: number;
}

const USERS = 2000;
const RATE = 200;
/** Some users have a broken client: half of their requests fail, whatever serves them. */
const BROKEN = { part: 0.003, errors: 0.5 };

/** Few users make most of the requests: user i is drawn as often as its weight says. */
function population(random: Random, share: number, more: number) {
  const users: User[] = [];
  const upTo: number[] = [];
  let total = 0;
  for (let i = 0; i < USERS; i += 1) {
    const isCanary = random.next() < share / 10_000;
    const own = random.next() < BROKEN.part ? BROKEN.errors : 0.001;
    users.push({ id: random.int(0, 2 ** 31), isCanary, errors: Math.min(1, own + (isCanary ? more : 0)) });
    total += Math.min((1 - random.next()) ** (-1 / 1.05), 3000);
    upTo.push(total);
  }
  return { users, upTo, total };
}

function pick({ users, upTo, total }: ReturnType<typeof population>, random: Random): User {
  const at = random.next() * total;
  let [low, high] = [0, upTo.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (upTo[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return users[low]!;
}

function sliceAt(random: Random, people: ReturnType<typeof population>, at: number) {
  const slice = sliceOf(instant(at - SLICE));
  const made = (isCanary: boolean) => ({
    isCanary,
    n: 0,
    errors: 0,
    buckets: {} as Record<number, number>,
    users: new Map<number, UserRequest>(),
    failed: new Map<number, UserRequest>(),
  });
  const roles = [made(true), made(false)] as const;
  for (let left = poisson(random, (RATE * TICK) / 1000); left > 0; left -= 1) {
    const user = pick(people, random);
    const role = user.isCanary ? roles[0] : roles[1];
    const hasFailed = random.next() < user.errors;
    const bucket = hasFailed ? null : NORMAL.bucket[levelOf(random)]!;
    const request = { user: user.id, arrived: instant(at - SLICE), bucket, failure: hasFailed ? 500 : null };
    role.n += 1;
    if (bucket !== null) role.buckets[bucket] = (role.buckets[bucket] ?? 0) + 1;
    if (hasFailed) role.errors += 1;
    if (!role.users.has(user.id)) role.users.set(user.id, request);
    if (hasFailed && !role.failed.has(user.id)) role.failed.set(user.id, request);
  }
  const shown = (role: (typeof roles)[number]): RoleEvidence => ({
    ...asEvidence({ ...NONE, n: role.n, errors: role.errors, buckets: role.buckets }, slice),
    users: [...role.users.values()],
    failedUsers: [...role.failed.values()],
  });
  return {
    gateway: GATEWAY,
    through: instant(at),
    slices: [{ slice, canary: shown(roles[0]), stable: shown(roles[1]) }],
    lost: 0,
  };
}

interface Asked {
  readonly scenario: string;
  readonly share: number;
  readonly unit: "user" | "request";
  readonly runs: number;
  readonly seed: number;
}

/** Seconds until it gives the canary up, in each run; ascending. */
export function stickyOf({ scenario, share, unit, runs, seed }: Asked): Seen {
  const seen = Array.from({ length: runs }, (_, run) => {
    const random = randomOf(seed, run);
    const people = population(random, share, STICKY[scenario] ?? 0);
    const stable = { errors: 0.0025, latency: NORMAL };
    const { judge, state: from } = begin({ random, share, rate: RATE, stable, settings: { unit } });
    let state = from;
    for (let i = 1; i <= TICKS; i += 1) {
      const at = START + i * TICK;
      state = judge.observe(state, sliceAt(random, people, at), instant(at));
      if (judge.hasFailed(state)) return (i * TICK) / 1000;
    }
    return null;
  });
  return ascending(seen);
}

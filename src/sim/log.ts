import { appError, type AppError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { err, ok, type Result } from "../base/result.ts";
import { instant, millis } from "../base/time.ts";
import { NO_EVIDENCE, sliceOf, startOf, type Mirrored, type RoleEvidence } from "../model/evidence.ts";
import { sumOfKinds, type CutOff } from "../model/drain.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Routing } from "../model/routing.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import { bucketOf, NO_TRAFFIC } from "../model/traffic.ts";
import type { LogReading, LogSlice } from "../ports/telemetry.ts";
import { faultsNow, type Context } from "./context.ts";
import { isAlive, isReachable, isServing, type Break, type SimGateway, type SimSlot } from "./fleet.ts";

/** Requests of one gateway in a slice. */
const REQUESTS = 20;
/** Slices that are there at once. */
const MOST = 1200;
/** As on a real gateway, lines come late. */
const LATE = millis(300);

/** Writes the log up to now, as it is routed now: before anything changes that. */
export function writeLog(context: Context, sim: SimGateway): void {
  const { log, table } = sim;
  const now = context.timeline.now();
  const until = sliceOf(now);
  // What was served before the story is of no interest.
  log.next = Math.max(log.next, until - 400);
  // Nothing changes between two writings: who can answer is found once for all slices.
  const roles = table !== null && isAlive(sim, now) ? rolesOf(context, table.routing) : null;
  for (; log.next < until; log.next += 1) {
    if (roles !== null) log.slices.push(sliceAt(context.dice.log, roles, log.next));
  }
  // Rotation.
  if (log.slices.length > MOST) log.gone = log.slices.splice(0, MOST / 2).at(-1)?.slice ?? log.gone;
}

interface Roles {
  readonly canary: readonly SimSlot[];
  readonly stable: readonly SimSlot[];
  readonly share: number;
  readonly mirror: number;
}

/** A slot that is down is not its role's end: another is asked. */
function rolesOf({ fleet, timeline }: Context, { canary, stable, share, mirror = NOTHING }: Routing): Roles {
  const now = timeline.now();
  const able = (keys: readonly SlotKey[]): readonly SimSlot[] =>
    (keys.length === 0 ? [...fleet.slots.keys()] : keys).flatMap((key) => {
      const slot = fleet.slots.get(key);
      return slot !== undefined && isServing(slot, now) ? [slot] : [];
    });
  return { canary: able(canary), stable: able(stable), share, mirror };
}

function sliceAt(random: Random, roles: Roles, slice: number): LogSlice {
  const { canary, stable, share } = roles;
  let ours = 0;
  for (let i = 0; i < REQUESTS; i += 1) if (random.chance(share / EVERYTHING)) ours += 1;
  const a = evidenceOf(random, { able: canary, requests: ours }, slice);
  const b = evidenceOf(random, { able: stable, requests: REQUESTS - ours }, slice);
  const failed = (a.failures[502] ?? 0) + (b.failures[502] ?? 0);
  const traffic = { ...NO_TRAFFIC, requests: REQUESTS, failed };
  if (roles.mirror === NOTHING) return { slice, canary: a, stable: b, traffic };
  return { slice, canary: a, stable: b, mirrored: mirroredAt(random, roles, slice), traffic };
}

/** Of requests that are drawn one by one both answers. */
function mirroredAt(random: Random, { canary, stable, mirror }: Roles, slice: number): Mirrored {
  let requests = 0;
  for (let i = 0; i < REQUESTS; i += 1) if (random.chance(mirror / EVERYTHING)) requests += 1;
  return {
    canary: evidenceOf(random, { able: canary, requests }, slice),
    stable: evidenceOf(random, { able: stable, requests }, slice),
  };
}

interface Asked {
  readonly able: readonly SimSlot[];
  readonly requests: number;
}

function evidenceOf(random: Random, { able, requests }: Asked, slice: number): RoleEvidence {
  if (requests === 0) return NO_EVIDENCE;
  const latency: Record<number, number> = {};
  let failed = 0;
  let told = 0;
  for (let i = 0; i < requests; i += 1) {
    const ms = answerOf(random, able);
    if (ms === Infinity) continue;
    told += 1;
    if (ms === null) failed += 1;
    else {
      const bucket = BUCKETS[ms] ?? bucketOf(ms);
      latency[bucket] = (latency[bucket] ?? 0) + 1;
    }
  }
  const failures = failed === 0 ? {} : { 502: failed };
  return { ...NO_EVIDENCE, requests: told, failures, latency, arrived: { [slice]: told } };
}

/** Milliseconds that a request takes. */
const LEAST = 20;
const LONGEST = 40;
const SLOWER = 3;
/** A logarithm for each of thousands of requests would be a good part of a story. */
const BUCKETS = Array.from({ length: LONGEST * SLOWER + 1 }, (_, ms) => bucketOf(ms));
/** One request in two hundred fails by itself. */
const BASE = 0.005;

/** How long a request takes; Infinity: nothing is told of it; null: it fails. */
function answerOf(random: Random, able: readonly SimSlot[]): number | null {
  const takes = random.int(LEAST, LONGEST);
  const slot = able.length === 0 ? undefined : random.pick(able);
  if (slot === undefined || random.chance(BASE)) return null;
  if (slot.behaviour === "fails-requests") return null;
  if (slot.behaviour === "hangs") return Infinity;
  return slot.behaviour === "answers-slowly" ? takes * SLOWER : takes;
}

/** What follows after `cursor`, if it can be read now. */
export function readLog(
  context: Context,
  sim: SimGateway,
  { cursor, cutOffs = [] }: { readonly cursor: number; readonly cutOffs?: readonly CutOff[] | undefined },
): Result<LogReading, AppError> {
  const { host, log } = sim;
  const now = context.timeline.now();
  if (!isReachable(host, now) || context.dice.log.chance(faultsNow(context).lookUnknown)) {
    return err(unreadable(sim));
  }
  writeLog(context, sim);
  log.readAt = now;
  const through = instant(now - LATE);
  const until = sliceOf(through);
  const isRead = (slice: number): boolean => slice >= cursor && slice < until;
  const ended = log.breaks.filter(
    ({ slot, at }) => isRead(sliceOf(at)) && cutOffs.some((one) => one.slot === slot && one.at <= at),
  );
  const slices = [...log.slices.filter(({ slice }) => isRead(slice)), ...ended.map(sliceOfBreak)];
  const end = Math.max(cursor, until);
  return ok({
    cursor: String(end),
    slices,
    losses: cursor <= log.gone ? 1 : 0,
    clock: now,
    through: startOf(end),
    exists: true,
  });
}

const sliceOfBreak = ({ at, kinds }: Break): LogSlice => ({
  slice: sliceOf(at),
  canary: NO_EVIDENCE,
  stable: NO_EVIDENCE,
  traffic: { ...NO_TRAFFIC, requests: sumOfKinds(kinds), cutKinds: kinds },
});

const unreadable = ({ gateway }: SimGateway): AppError =>
  appError("host.unreachable", `${gateway.name}: its log could not be read`, { hint: "look again" });

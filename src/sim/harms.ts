import { instant, type Instant } from "../base/time.ts";
import { drainOf, TRAFFIC_KINDS, type Drain } from "../model/drain.ts";
import type { Rollout } from "../model/rollout.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import { heaviestOf, rotationSize, sameRouting, type Routing, type RoutingTable } from "../model/routing.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import { routedBy, type Fleet, type SimGateway, type SimSlot } from "./fleet.ts";
import { healthOf } from "./health.ts";
import { atStake, leftAt, pending, pendingKinds } from "./traffic.ts";

/** A law that was broken in the world itself, whatever the controller believes. */
export interface Harm {
  readonly at: Instant;
  readonly law: number;
  readonly what: string;
}

/** What judges: the fleet as it is, and the rollout as it is on disk. */
export interface Bench {
  readonly fleet: Fleet;
  /** How long requests in flight are waited for. */
  readonly drain: Drain;
  readonly now: number;
  readonly rollout: Rollout | null;
}

/** A switch is judged by what could be known when it was sent: it may be long on its way. */
export interface SwitchBench extends Bench {
  readonly sentAt: number;
  /** What the gateway followed then. */
  readonly before: Routing | null;
}

const harm = (now: number, law: number, what: string): Harm => ({ at: instant(now), law, what });

/** A slot is about to be stopped by a write. */
export function harmsOfStop(slot: SimSlot, { fleet, now, drain, rollout }: Bench): readonly Harm[] {
  const key = slot.slot.key;
  const isLost = ({ gateway }: SimGateway): boolean => rollout?.excluded.includes(gateway.name) === true;
  const routed = routedBy(fleet, key).filter((gateway) => !isLost(gateway));
  const harms = routed.map(({ gateway }) =>
    harm(now, 1, `${key} is stopped while ${gateway.name} routes to it`),
  );
  for (const gateway of fleet.gateways.values()) {
    const lost = atStake(gateway, key, now);
    const drained = now - leftAt(gateway, key);
    const hasHadItsTime = drained >= drainTime(gateway, key, { drain, now });
    if (slot.process === "stopped" || lost === 0 || hasHadItsTime || isLost(gateway)) continue;
    const what = `${key} is stopped with ${lost} requests from ${gateway.gateway.name} in flight`;
    harms.push(harm(now, 1, `${what}, ${drained} ms after it left`));
  }
  return harms;
}

/** Law 1: nobody is sent away from a slot to which a gateway would lead it again. */
export function harmsOfAsk({ slot: { key } }: SimSlot, { fleet, now, rollout }: Bench): readonly Harm[] {
  return routedBy(fleet, key)
    .filter(({ gateway }) => rollout?.excluded.includes(gateway.name) !== true)
    .map(({ gateway }) =>
      harm(now, 1, `${key} is asked to end connections while ${gateway.name} routes to it`),
    );
}

/** The longest that anything of what is in flight may take; what nobody sees yet is a request. */
function drainTime(gateway: SimGateway, key: SlotKey, { drain, now }: Pick<Bench, "drain" | "now">): number {
  const kinds = pendingKinds(gateway, key, now);
  const unseen = atStake(gateway, key, now) > pending(gateway, key, now);
  const waits = TRAFFIC_KINDS.filter((kind) => (kinds[kind] ?? 0) > 0 || (unseen && kind === "requests"));
  return Math.max(0, ...waits.map((kind) => drainOf(drain, kind)));
}

/** A gateway is about to follow another routing. */
export function harmsOfSwitch(gateway: SimGateway, next: Routing, bench: SwitchBench): readonly Harm[] {
  return [
    ...carriers(gateway, next, bench),
    ...copies(gateway, next, bench),
    ...rotation(gateway, next, bench),
    ...loads(gateway, next, bench),
    ...members(gateway, next, bench),
    ...returns(gateway, next, bench),
    ...emptied(gateway, next, bench),
    ...(isBegun(next, bench) ? [] : [...deserted(gateway, next, bench), ...unserved(gateway, next, bench)]),
  ];
}

/** Law 4: a gateway's config has a group for each prefix and suffix of its pool, and for nothing else. */
export function groupless(
  { gateway }: SimGateway,
  table: RoutingTable,
  { fleet, now }: Bench,
): readonly Harm[] {
  const { canary, stable } = table.routing;
  const pool = [...fleet.slots.values()].flatMap(({ slot }) =>
    table.excluded?.includes(slot.host) === true || table.aside?.includes(slot.key) === true
      ? []
      : [slot.key],
  );
  const isRun = (slots: readonly SlotKey[], from: number): boolean =>
    slots.every((slot, i) => slot === pool[from + i]);
  const what = (role: string, end: string): Harm =>
    harm(now, 4, `${gateway.name} has a ${role} that is no ${end} of the pool`);
  return [
    ...(isRun(canary, 0) ? [] : [what("canary", "prefix")]),
    ...(isRun(stable, pool.length - stable.length) ? [] : [what("stable", "suffix")]),
  ];
}

/** Law 4: every role that has traffic has a slot. */
function carriers({ gateway }: SimGateway, next: Routing, { now }: Bench): readonly Harm[] {
  if (next.share > 0 && next.canary.length === 0) {
    return [harm(now, 4, `${gateway.name} gives ${next.share} to a canary without a slot`)];
  }
  if (next.share < EVERYTHING && next.stable.length === 0 && next.canary.length > 0) {
    return [harm(now, 4, `${gateway.name} gives ${EVERYTHING - next.share} to a stable without a slot`)];
  }
  return [];
}

/** Law 4: copies go to a release that no user is led to. */
function copies({ gateway }: SimGateway, next: Routing, { now }: Bench): readonly Harm[] {
  if (next.mirror === undefined) return [];
  if (next.share > 0) return [harm(now, 4, `${gateway.name} mirrors while it leads users to the release`)];
  return next.canary.length > 0 ? [] : [harm(now, 4, `${gateway.name} mirrors to nobody`)];
}

/** Law 5: never fewer than N−u in rotation because of us; going back, at least somebody. */
function rotation({ gateway, table }: SimGateway, next: Routing, { now, rollout }: Bench): readonly Harm[] {
  const before = table === null ? 0 : rotationSize(table.routing);
  if (rollout === null || before === 0) return [];
  const size = rotationSize(next);
  const isBack = rollout.aborted !== null;
  const least = isBack ? 1 : rollout.plan.slots.length - mostOut(rollout);
  if (size >= least || size >= before || (isBack && rollout.from === null)) return [];
  return [
    harm(now, 5, `${gateway.name} is left with ${size} slots in rotation, at least ${least} must stay`),
  ];
}

/** Slots that may be out by our doing: as many as are updated at once, or as serve the wrong release. */
function mostOut(rollout: Rollout): number {
  const strays = rollout.plan.slots.filter((key) => isStray(rollout, key)).length;
  return Math.min(rollout.plan.slots.length - 1, Math.max(rollout.plan.maxUnavailable, strays));
}

/** On its way to the stable release while the rollout goes forward: it was lost, or is new. */
function isStray({ slots, from, aborted }: Rollout, key: SlotKey): boolean {
  const course = slots[key];
  return aborted === null && course !== undefined && "target" in course && course.target === from;
}

/** What is left of a routing: users of a role that is lost as a whole are served by the other. */
function leftOf(routing: Routing, slots: readonly SlotKey[]): Routing {
  const isThere = (key: SlotKey): boolean => slots.includes(key);
  const [canary, stable] = [routing.canary.filter(isThere), routing.stable.filter(isThere)];
  if (canary.length === 0) return { canary, stable, share: NOTHING };
  return { canary, stable, share: stable.length === 0 ? EVERYTHING : routing.share };
}

/** Law 4: no slot is planned above 1/(N−u), going back above maxLoad/N. */
function loads({ gateway, table }: SimGateway, next: Routing, { now, rollout }: Bench): readonly Harm[] {
  if (rollout === null || table === null || rollout.from === null) return [];
  const n = rollout.plan.slots.length;
  const forward = 1 / (n - mostOut(rollout));
  const limit = rollout.aborted === null ? forward : Math.max(forward, rollout.plan.maxLoad / n);
  const load = heaviest(next);
  // What a lost host has left to the others is there already, here or at a gateway that was not away
  // meanwhile: a switch may keep it, not add to it.
  const { slots } = rollout.plan;
  const inherited = Math.max(...[table.routing, rollout.routing].map((one) => heaviest(leftOf(one, slots))));
  if (load <= Math.max(limit, inherited) + 2 / EVERYTHING) return [];
  const what = `${gateway.name} plans ${load.toFixed(4)} of all on one slot, limit ${limit.toFixed(4)}`;
  return [harm(now, 4, what)];
}

const heaviest = (routing: Routing): number =>
  Math.max(heaviestOf(routing, "canary"), heaviestOf(routing, "stable"));

/** A slot that joins runs its role's release, was healthy, and passed its smoke checks if it is a canary. */
function members({ gateway, table }: SimGateway, next: Routing, bench: Bench): readonly Harm[] {
  const { fleet, now, rollout } = bench;
  const before = table?.routing;
  const isNew = (key: SlotKey): boolean =>
    before === undefined || !(before.canary.includes(key) || before.stable.includes(key));
  const harms: Harm[] = [];
  for (const key of [...next.canary, ...next.stable]) {
    const slot = fleet.slots.get(key);
    if (slot === undefined) continue;
    const role = roleOf(next, key, bench);
    const runs = runsIn(slot);
    if (rollout !== null && role !== null && runs !== role) {
      harms.push(harm(now, 4, `${gateway.name} has ${key} for ${role}, and it runs ${runs}`));
    }
    if (isNew(key) && slot.intent === "down") {
      harms.push(harm(now, 4, `${gateway.name} takes in ${key}, which is stopped`));
    } else if (isNew(key) && !slot.wasHealthy) {
      harms.push(harm(now, 4, `${gateway.name} takes in ${key}, which was never healthy`));
    }
    harms.push(...unsmoked(slot, next, bench), ...(isNew(key) ? cold(slot, bench) : []));
  }
  return harms;
}

/** What the slots of each role are to run. Where all run the release alone, it is the stable one by now. */
function roleOf(routing: Routing, key: SlotKey, { fleet, rollout }: Bench): ReleaseId | null {
  if (rollout === null) return null;
  if (routing.canary.includes(key)) return rollout.release;
  const isOver =
    routing.canary.length === 0 &&
    routing.stable.length >= rollout.plan.slots.length &&
    routing.stable.every((each) => runsIn(fleet.slots.get(each)) === rollout.release);
  return isOver ? rollout.release : rollout.from;
}

/** What is down runs what it points to, once it is up again. */
const runsIn = (slot?: SimSlot): ReleaseId | null => slot?.running ?? slot?.link ?? null;

function unsmoked(slot: SimSlot, next: Routing, { now, rollout }: Bench): readonly Harm[] {
  const key = slot.slot.key;
  if (rollout === null || rollout.aborted !== null || !next.canary.includes(key)) return [];
  for (let index = 0; index < rollout.plan.smokeChecks; index += 1) {
    if (!slot.passed.has(index)) return [harm(now, 4, `${key} serves without its smoke check ${index}`)];
  }
  return [];
}

/**
 * Forward, nobody is led to a slot that did not have its warm-up. What was left out before and runs the
 * stable release was not begun by this rollout: it is taken in as it is.
 */
function cold({ slot, warmed }: SimSlot, { now, rollout }: Bench): readonly Harm[] {
  const at = rollout?.slots[slot.key]?.at;
  if (at === "settled" || at === "leaving") return [];
  const parts = rollout?.aborted === null ? (rollout.plan.warmUps ?? 0) : 0;
  return warmed.size < parts ? [harm(now, 4, `${slot.key} serves without its warm-up`)] : [];
}

/** Law 12: a share goes down only when going back, or at the end, when all run the canary. */
function returns({ gateway, table }: SimGateway, next: Routing, { now, rollout }: Bench): readonly Harm[] {
  const before = table?.routing;
  if (rollout === null || before === undefined || rollout.aborted !== null) return [];
  if (next.share >= before.share || next.canary.length === 0) return [];
  const what = `${gateway.name} takes users back from the canary: ${before.share} → ${next.share}`;
  return [harm(now, 12, what)];
}

/**
 * Law 5: forward, no host is left without a slot by an update where that can be. Hosts are the fleet's,
 * whatever groups the plan has.
 */
function emptied(
  { gateway, table }: SimGateway,
  next: Routing,
  { fleet, now, rollout }: Bench,
): readonly Harm[] {
  const before = table?.routing;
  if (rollout === null || before === undefined || rollout.aborted !== null || rollout.from === null)
    return [];
  const was = new Set([...before.canary, ...before.stable]);
  const stays = new Set([...next.canary, ...next.stable]);
  const { slots } = rollout.plan;
  const groups = [...Map.groupBy(slots, (key) => fleet.slots.get(key)?.slot.host).values()].filter(
    (group) => group.length > 1,
  );
  // What serves another release than the stable one protects nobody by staying.
  return groups
    .filter(
      (group) => group.length < slots.length && group.some((key) => was.has(key) && !isStray(rollout, key)),
    )
    .filter((group) => !group.some((key) => stays.has(key)))
    .map((group) => harm(now, 5, `${gateway.name} is left with none of ${group.join(", ")}`));
}

/** As long as a health check is believed, and a little: who sends a switch has asked since then. */
const NOTICED = 4000;

/** Another gateway has switched already: now all must. */
const isBegun = (next: Routing, { fleet }: Bench): boolean =>
  [...fleet.gateways.values()].some(({ table }) => table !== null && sameRouting(table.routing, next));

/** Law 5: whoever serves is not taken out while nobody else has served for long. */
function deserted(
  { gateway }: SimGateway,
  next: Routing,
  { fleet, now, sentAt, before }: SwitchBench,
): readonly Harm[] {
  if (before === null) return [];
  const stays = [...next.canary, ...next.stable];
  const leaves = [...before.canary, ...before.stable].filter((key) => !stays.includes(key));
  const served = (key: SlotKey): number => servedAt(fleet.slots.get(key), now);
  // Nobody can know of one that was dead when the switch was sent, or just before, and is back now.
  const isBack = (key: SlotKey): boolean => (fleet.slots.get(key)?.servesFrom ?? 0) > sentAt - NOTICED;
  if (!leaves.some((key) => served(key) === now && !isMisled(fleet.slots.get(key)) && !isBack(key)))
    return [];
  if (stays.length === 0 || stays.some((key) => sentAt - served(key) < NOTICED)) return [];
  const what = `${gateway.name} takes out ${leaves.join(", ")}, and nobody else has served for long`;
  return [harm(now, 5, what)];
}

/** Law 4: a role that gets more traffic has a slot that served not long ago, unless nobody serves at all. */
function unserved(
  { gateway }: SimGateway,
  next: Routing,
  { fleet, now, sentAt, before }: SwitchBench,
): readonly Harm[] {
  if (before === null) return [];
  const isGone = (key: SlotKey): boolean => sentAt - servedAt(fleet.slots.get(key), now) >= NOTICED;
  const more: readonly (readonly [string, number, readonly SlotKey[]])[] = [
    ["canary", next.share - before.share, next.canary],
    ["stable", before.share - next.share, next.stable],
  ];
  const isDown = (key: SlotKey): boolean =>
    servedAt(fleet.slots.get(key), now) !== now || isMisled(fleet.slots.get(key));
  if (before.canary.every(isDown) && before.stable.every(isDown)) return [];
  return more
    .filter(([, gain, slots]) => gain > 0 && slots.length > 0 && slots.every(isGone))
    .map(([role, gain]) =>
      harm(now, 4, `${gateway.name} gives ${gain} more to a ${role} that does not serve`),
    );
}

/** Who was told so often that it does not serve has to believe it. */
const isMisled = (slot?: SimSlot): boolean => (slot?.lies ?? 0) >= 3;

function servedAt(slot: SimSlot | undefined, now: number): number {
  if (slot === undefined) return 0;
  return healthOf(slot, now).healthy ? now : slot.lastServed;
}

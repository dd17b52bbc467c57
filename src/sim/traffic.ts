import type { Random } from "../base/random.ts";
import { addKinds, TRAFFIC_KINDS, type ByKind, type TrafficKind } from "../model/drain.ts";
import type { SlotKey } from "../model/ids.ts";
import type { InFlight } from "../model/observation.ts";
import { inRotation, type Routing } from "../model/routing.ts";
import { NEVER, type Flight, type SimGateway, type Stream } from "./fleet.ts";

/** How long idle connections to a slot stay open after it left the rotation. */
const KEEP_ALIVE = 400;

/**
 * Users ask all the time. While a slot is in rotation it has requests in flight; when it leaves, those in
 * flight then go on for as long as they take, and no new ones come.
 */
export function followRouting(gateway: SimGateway, next: Routing, context: TrafficContext): void {
  const before = gateway.table?.routing ?? null;
  if (before === null) return;
  for (const slot of [...before.canary, ...before.stable]) {
    if (!inRotation(next, slot)) gateway.traffic.set(slot, drawLeaving(context));
  }
  for (const slot of [...next.canary, ...next.stable]) gateway.traffic.delete(slot);
}

export interface TrafficContext {
  readonly now: number;
  readonly random: Random;
  /** The probability of a request that outlasts any drain. */
  readonly slow: number;
  /** Users upload, listen to events and hold WebSockets, which take their time. */
  readonly kinds: boolean;
}

/** How long nginx may hold a request that it routed before the switch and has not sent to the slot yet. */
const HELD = 10;

function hiddenRequest(now: number, random: Random): Stream["hidden"] {
  if (!random.chance(0.3)) return null;
  const from = now + random.int(1, HELD);
  return { from, until: from + random.int(5, 200) };
}

function drawLeaving({ now, random, slow, kinds }: TrafficContext): Stream {
  const untils = Array.from({ length: random.int(0, 4) }, () => now + random.int(5, 200));
  if (random.chance(0.3)) untils.push(now + random.int(200, 1000));
  if (random.chance(slow)) untils.push(now + random.int(2000, 20_000));
  const ends: Flight[] = untils.map((until) => ({ until, kind: "requests" }));
  for (const kind of kinds ? TRAFFIC_KINDS : []) {
    if (random.chance(0.3)) ends.push({ until: now + random.int(200, 6000), kind });
  }
  return { leftAt: now, ends, hidden: hiddenRequest(now, random) };
}

/** The process or the gateway is gone, and with it what was in flight. */
export function breakOff(gateway: SimGateway, slot: SlotKey): void {
  const stream = gateway.traffic.get(slot);
  if (stream === undefined) return;
  stream.ends = [];
  stream.hidden = null;
}

/** What is in flight of these kinds ends soon, because the application was asked. */
export function askedToGo(
  gateway: SimGateway,
  slot: SlotKey,
  { kinds, until }: { readonly kinds: readonly TrafficKind[]; readonly until: number },
): void {
  const stream = gateway.traffic.get(slot);
  if (stream === undefined) return;
  const isAsked = ({ kind }: Flight): boolean => kinds.includes(kind);
  const asked = stream.ends.filter(isAsked);
  const sooner = asked.map(({ kind, until: at }): Flight => ({ kind, until: Math.min(at, until) }));
  stream.ends = [...stream.ends.filter((one) => !isAsked(one)), ...sooner];
}

/** Requests that a stop would cost: those that are in flight, and one that is on its way. */
export function atStake(gateway: SimGateway, slot: SlotKey, now: number): number {
  const hidden = gateway.traffic.get(slot)?.hidden;
  const isOnItsWay = hidden !== undefined && hidden !== null && hidden.from > now;
  return pending(gateway, slot, now) + (isOnItsWay ? 1 : 0);
}

/** Requests from before the switch that are in flight. */
export function pending(gateway: SimGateway, slot: SlotKey, now: number): number {
  const stream = gateway.traffic.get(slot);
  if (stream === undefined) return 0;
  const { ends, hidden } = stream;
  const isSeen = hidden !== null && hidden.from <= now && hidden.until > now;
  return ends.reduce((count, { until }) => (until > now ? count + 1 : count), isSeen ? 1 : 0);
}

/** The same by kind; what is hidden until it is sent is a request. */
export function pendingKinds(gateway: SimGateway, slot: SlotKey, now: number): ByKind<number> {
  const ends = gateway.traffic.get(slot)?.ends ?? [];
  const others = TRAFFIC_KINDS.map((kind): ByKind<number> => {
    return { [kind]: ends.filter((one) => one.until > now && one.kind === kind).length };
  }).reduce(addKinds, {});
  const known = Object.values(others).reduce((sum, count) => sum + count, 0);
  return addKinds(others, { requests: pending(gateway, slot, now) - known });
}

export const leftAt = (gateway: SimGateway, slot: SlotKey): number =>
  gateway.traffic.get(slot)?.leftAt ?? NEVER;

export function inFlight(
  gateway: SimGateway,
  slot: SlotKey,
  { now, random, kinds }: TrafficContext,
): InFlight {
  const routing = gateway.table?.routing;
  if (routing !== undefined && inRotation(routing, slot)) {
    const requests = random.int(0, 5);
    return { requests, connections: requests + 4 };
  }
  const requests = pending(gateway, slot, now);
  const idle = leftAt(gateway, slot) + KEEP_ALIVE > now && gateway.traffic.has(slot) ? 4 : 0;
  const told = kinds ? { kinds: pendingKinds(gateway, slot, now) } : {};
  return { requests, connections: requests + idle, ...told };
}

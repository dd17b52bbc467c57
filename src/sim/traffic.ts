import type { Random } from "../base/random.ts";
import type { SlotKey } from "../model/ids.ts";
import type { InFlight } from "../model/observation.ts";
import { inRotation, type Routing } from "../model/routing.ts";
import { NEVER, type SimGateway, type Stream } from "./fleet.ts";

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
}

function drawLeaving({ now, random, slow }: TrafficContext): Stream {
  const ends = Array.from({ length: random.int(0, 4) }, () => now + random.int(5, 200));
  if (random.chance(0.3)) ends.push(now + random.int(200, 1000));
  if (random.chance(slow)) ends.push(now + random.int(2000, 20_000));
  return { leftAt: now, ends };
}

/** The process or the gateway is gone, and with it what was in flight. */
export function breakOff(gateway: SimGateway, slot: SlotKey): void {
  const stream = gateway.traffic.get(slot);
  if (stream !== undefined) stream.ends = [];
}

/** Requests that left the rotation and have no answer yet. */
export function pending(gateway: SimGateway, slot: SlotKey, now: number): number {
  const ends = gateway.traffic.get(slot)?.ends ?? [];
  return ends.reduce((count, end) => (end > now ? count + 1 : count), 0);
}

export const leftAt = (gateway: SimGateway, slot: SlotKey): number =>
  gateway.traffic.get(slot)?.leftAt ?? NEVER;

export function inFlight(gateway: SimGateway, slot: SlotKey, { now, random }: TrafficContext): InFlight {
  const routing = gateway.table?.routing;
  if (routing !== undefined && inRotation(routing, slot)) {
    const requests = random.int(0, 5);
    return { requests, connections: requests + 4 };
  }
  const requests = pending(gateway, slot, now);
  const idle = leftAt(gateway, slot) + KEEP_ALIVE > now && gateway.traffic.has(slot) ? 4 : 0;
  return { requests, connections: requests + idle };
}

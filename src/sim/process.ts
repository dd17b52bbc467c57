import { instant } from "../base/time.ts";
import { breakOff, leftAt, pending, pendingKinds } from "./traffic.ts";
import { benchOf, tell, type Context } from "./context.ts";
import { NEVER, silence, type SimHost, type SimSlot } from "./fleet.ts";
import { harmsOfStop } from "./harms.ts";
import type { Behaviour } from "./scenario.ts";

/** How long each behaviour takes to answer after its start; NEVER: it does not. */
const BOOT: Readonly<Record<Behaviour, readonly [number, number]>> = {
  good: [20, 400],
  slow: [800, 3000],
  "never-listens": [NEVER, NEVER],
  unhealthy: [20, 400],
  "fails-smoke": [20, 400],
  "crashes-at-start": [NEVER, NEVER],
  "crashes-at-random": [20, 400],
  "ends-soon": [20, 400],
  "fails-requests": [20, 400],
  hangs: [20, 400],
  "answers-slowly": [20, 400],
};

const RESTART_AFTER = 500;

function behaviourOf({ scenario }: Context, slot: SimSlot): Behaviour {
  if (slot.link === null) return "never-listens";
  const behaviour = scenario.behaviours[slot.link] ?? "good";
  const isElsewhere = scenario.badOn !== null && scenario.badOn !== slot.host.name;
  return slot.link === scenario.canary && isElsewhere ? "good" : behaviour;
}

/** A process of what the link points to begins. */
export function boot(context: Context, slot: SimSlot): void {
  const { timeline, dice } = context;
  slot.behaviour = behaviourOf(context, slot);
  slot.process = "running";
  slot.running = slot.link;
  slot.life += 1;
  const [low, high] = BOOT[slot.behaviour];
  const more = timeline.now() < slot.slow.until ? slot.slow.by : 0;
  slot.servesFrom = low === NEVER ? NEVER : timeline.now() + dice.delay.int(low, high) + more;
  const { life } = slot;
  if (slot.behaviour === "crashes-at-start") later(context, slot, { life, ms: 100 });
  if (slot.behaviour === "ends-soon") later(context, slot, { life, ms: dice.events.int(1000, 3000) });
  if (slot.behaviour === "crashes-at-random" && timeline.now() < context.faultsUntil) {
    later(context, slot, { life, ms: dice.events.int(500, 30_000) });
  }
}

function later(context: Context, slot: SimSlot, { life, ms }: { life: number; ms: number }): void {
  context.timeline.in(ms, () => {
    if (slot.life === life) crash(context, slot);
  });
}

/** Restarts in a row after which a supervisor tries no more often than this. */
const MAX_QUICK = 5;

/** The process exits by itself. Its supervisor starts it again; without one it is gone. */
export function crash(context: Context, slot: SimSlot): void {
  if (slot.process === "stopped" || slot.intent === "down" || slot.lockedUntil > context.timeline.now())
    return;
  tell(context, () => `* ${slot.slot.key} crashes`);
  slot.life += 1;
  silence(slot, context.timeline.now());
  breakOffAll(context, slot);
  if (!context.scenario.supervised) {
    slot.process = "stopped";
    return;
  }
  slot.restarts += 1;
  const { life } = slot;
  const wait = slot.restarts > MAX_QUICK ? 20 * RESTART_AFTER : RESTART_AFTER;
  context.timeline.in(wait, () => {
    if (slot.life === life && slot.intent === "up") boot(context, slot);
  });
}

/** A write stops the slot: it answers nobody from now on, and its process is gone `after` a while. */
export function halt(context: Context, slot: SimSlot, after: () => void): void {
  const { timeline, dice } = context;
  const now = timeline.now();
  if (slot.intent === "up" || slot.process === "running") {
    context.harms.push(...harmsOfStop(slot, benchOf(context)));
    countCut(context, slot);
  }
  slot.intent = "down";
  silence(slot, now);
  slot.life += 1;
  if (slot.process === "stopped") return after();
  breakOffAll(context, slot);
  const { life } = slot;
  const takes = dice.delay.int(10, 300);
  slot.lockedUntil = now + takes;
  timeline.in(takes, () => {
    if (slot.life === life) slot.process = "stopped";
    after();
  });
}

function countCut(context: Context, slot: SimSlot): void {
  const now = context.timeline.now();
  for (const gateway of context.fleet.gateways.values()) {
    const { key } = slot.slot;
    if (leftAt(gateway, key) > now) continue;
    context.cut += pending(gateway, key, now);
    gateway.log.breaks.push({ slot: key, at: instant(now), kinds: pendingKinds(gateway, key, now) });
  }
}

function breakOffAll({ fleet }: Context, slot: SimSlot): void {
  for (const gateway of fleet.gateways.values()) breakOff(gateway, slot.slot.key);
}

/** The host goes down; what is to run comes back with it, what is not stays away. */
export function reboot(context: Context, host: SimHost, until: number): void {
  tell(context, () => `* ${host.name} reboots, back in ${until - context.timeline.now()} ms`);
  const slots = [...context.fleet.slots.values()].filter((slot) => slot.host === host);
  for (const slot of slots) {
    silence(slot, context.timeline.now());
    slot.process = "stopped";
    slot.restarts = 0;
    slot.life += 1;
    breakOffAll(context, slot);
  }
  host.downUntil = until;
  context.timeline.at(until, () => {
    tell(context, () => `* ${host.name} is back`);
    for (const slot of slots) if (slot.intent === "up" && slot.process === "stopped") boot(context, slot);
  });
}

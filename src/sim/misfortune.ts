import { seededRandom } from "../base/random.ts";
import { tell, type Context } from "./context.ts";
import type { FaultName } from "./faults.ts";
import { generation, type RolloutId } from "../model/ids.ts";
import type { SimGateway, SimSlot } from "./fleet.ts";
import { crash, reboot } from "./process.ts";

type Strike = (
  context: Context,
  roll: { pick<T>(items: readonly T[]): T; int(a: number, b: number): number },
) => void;

/** What happens to the fleet by itself. */
const STRIKES: Readonly<Partial<Record<FaultName, Strike>>> = {
  slotCrashes: (context, roll) => crash(context, roll.pick([...context.fleet.slots.values()])),
  reboots: (context, roll) => {
    const host = roll.pick([...context.fleet.hosts.values()]);
    if (host.isDead) return;
    reboot(context, host, context.timeline.now() + roll.int(1000, 10_000));
  },
  hostDeaths: (context, roll) => {
    const { hosts, gateways } = context.fleet;
    const host = roll.pick([...hosts.values()]);
    // Somebody must be left who leads there, and somebody who serves.
    const others = [...gateways.values()].filter((gateway) => gateway.host !== host && !gateway.host.isDead);
    const left = [...context.fleet.slots.values()].filter((slot) => slot.host !== host && !slot.host.isDead);
    if (others.length === 0 || left.length === 0) return;
    tell(context, () => `* ${host.name} dies for good`);
    host.isDead = true;
    reboot(context, host, Number.POSITIVE_INFINITY);
  },
  nginxDeaths: (context, roll) => {
    const gateway = roll.pick([...context.fleet.gateways.values()]);
    tell(context, () => `* nginx dies on ${gateway.gateway.name}`);
    gateway.deadUntil = context.timeline.now() + roll.int(500, 8000);
  },
  partitions: (context, roll) => {
    const host = roll.pick([...context.fleet.hosts.values()]);
    tell(context, () => `* ${host.name} cannot be reached`);
    host.cutUntil = context.timeline.now() + roll.int(500, 8000);
  },
  fullDisks: (context, roll) => {
    const host = roll.pick([...context.fleet.hosts.values()]);
    tell(context, () => `* the disk of ${host.name} is full`);
    host.fullSince = Math.min(host.fullSince, context.timeline.now());
    host.fullUntil = context.timeline.now() + roll.int(1000, 40_000);
  },
  takenPorts: (context, roll) => {
    const slot = roll.pick([...context.fleet.slots.values()]);
    tell(context, () => `* what stops in ${slot.slot.key} does not start again`);
    slot.takenUntil = context.timeline.now() + roll.int(1000, 40_000);
  },
  slowBoots: (context, roll) => {
    const slot = roll.pick([...context.fleet.slots.values()]);
    const by = roll.int(3000, 12_000);
    tell(context, () => `* what starts in ${slot.slot.key} needs ${by} ms more`);
    slot.slow = { until: context.timeline.now() + roll.int(5000, 60_000), by };
  },
  stalls: (context, roll) => {
    const life = context.carrier();
    if (life === null) return;
    tell(context, () => `* controller ${life.number} stands still`);
    life.stalledUntil = context.timeline.now() + roll.int(1000, 30_000);
  },
  strangers: (context, roll) => {
    const all = [...context.fleet.slots.values(), ...context.fleet.gateways.values()];
    const at = generation(Math.max(...all.map(newestOf)) + roll.int(1, 10));
    const victim = roll.pick(all);
    if ("slot" in victim) {
      tell(context, () => `* a stranger writes to ${victim.slot.key} at ${at}`);
      victim.generation = at;
      victim.writer = STRANGER;
    } else if (victim.table !== null) {
      tell(context, () => `* a stranger writes to ${victim.gateway.name} at ${at}`);
      victim.seen = at;
      victim.seenBy = STRANGER;
      victim.table = { ...victim.table, generation: at, writer: STRANGER };
    }
  },
};

const STRANGER = "stranger" as RolloutId;

const newestOf = (each: SimSlot | SimGateway): number => ("slot" in each ? each.generation : each.seen);

/** Puts each into the time that the seed has for it. */
export function arrangeMisfortune(context: Context, seed: number): void {
  const random = seededRandom(seed ^ 0x0bad_1ac5);
  const start = context.timeline.now();
  const span = context.faultsUntil - start;
  for (const [name, strike] of Object.entries(STRIKES)) {
    for (let count = context.faults[name as FaultName]; count > 0; count -= 1) {
      context.timeline.in(random.int(0, span), () => strike(context, random));
    }
  }
}

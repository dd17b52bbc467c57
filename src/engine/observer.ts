import { instant, millis, type Duration, type Instant } from "../base/time.ts";
import type { Application, Gateway, Slot } from "../model/application.ts";
import { poolOf } from "../model/application.ts";
import type { HostName, ReleaseId, SlotKey } from "../model/ids.ts";
import type { GatewayState, Health, Observation, Observed, SlotState } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";
import { interestOf } from "../rollout/interest.ts";
import { gatewayOf, slotOf } from "./dispatcher.ts";
import type { EnginePorts } from "./ports.ts";

/**
 * Keeps the newest look at everything. Looks run in the background, so that one host that does not answer
 * holds up neither the others nor an operator's order; each carries the time at which it *began*.
 */
export interface Observer {
  /** Begins the looks that the next decision needs; at once where something has moved since the last ones. */
  look(rollout: Rollout, now: Instant, moved: boolean): void;
  latest(now: Instant): Observation;
}

interface Looks {
  readonly slots: Record<SlotKey, Observed<SlotState>>;
  readonly health: Record<SlotKey, Observed<Health>>;
  readonly gateways: Record<HostName, Observed<GatewayState>>;
}

interface Context {
  readonly application: Application;
  readonly ports: EnginePorts;
  readonly tell: () => void;
  readonly looks: Looks;
  /** What is being looked at, and when each thing may be looked at again. */
  readonly busy: Set<string>;
  readonly due: Map<string, Instant>;
  readonly asked: Map<string, number>;
}

export function createObserver(application: Application, ports: EnginePorts, tell: () => void): Observer {
  const looks: Looks = { slots: {}, health: {}, gateways: {} };
  const context: Context = {
    application,
    ports,
    tell,
    looks,
    busy: new Set(),
    due: new Map(),
    asked: new Map(),
  };
  return {
    look: (rollout, now, moved) => {
      if (moved) forgetDue(context);
      lookAll(context, rollout, now);
    },
    latest: (now) => ({ ...looks, health: freshHealth(context, now) }),
  };
}

/** Health has a rhythm of its own. */
function forgetDue({ due }: Context): void {
  for (const name of due.keys()) if (!name.startsWith("health ")) due.delete(name);
}

function lookAll(context: Context, rollout: Rollout, now: Instant): void {
  const { application } = context;
  const interest = interestOf(rollout);
  const every = interest.again;
  for (const host of rollout.plan.hosts) {
    const slots = interest.slots.filter((slot) => rollout.plan.hostOf[slot] === host);
    if (slots.length === 0) continue;
    const ask = () =>
      lookSlots(
        context,
        host,
        slots.map((slot) => slotOf(application, slot)),
      );
    begin(context, `slots ${host}`, { now, every, ask });
  }
  if (interest.gateways) {
    const measure = interest.inFlight.map((slot) => slotOf(application, slot));
    for (const name of rollout.plan.gateways) {
      const ask = () => lookGateway(context, gatewayOf(application, name), measure);
      begin(context, `gateway ${name}`, { now, every, ask });
    }
  }
  for (const slot of interest.health) lookHealth(context, rollout, { slot, now });
}

interface Begin {
  readonly now: Instant;
  readonly every: Duration;
  /** false: nothing new was seen, nobody need be woken. */
  readonly ask: () => Promise<boolean>;
}

/** One look at a thing at a time, and not before it is due. A port that throws has told nothing. */
function begin(context: Context, name: string, { now, every, ask }: Begin): void {
  if (context.busy.has(name) || now < (context.due.get(name) ?? 0)) return;
  context.busy.add(name);
  context.due.set(name, instant(now + every));
  const over = (isNews: boolean): void => {
    context.busy.delete(name);
    if (isNews) context.tell();
  };
  ask().then(over, () => over(true));
}

async function lookSlots({ ports, looks }: Context, host: HostName, slots: readonly Slot[]): Promise<true> {
  for (const [slot, state] of await ports.slots.observe(host, slots)) looks.slots[slot] = state;
  return true;
}

async function lookGateway(
  { ports, looks }: Context,
  gateway: Gateway,
  measure: readonly Slot[],
): Promise<true> {
  looks.gateways[gateway.name] = await ports.gateways.observe(gateway, measure);
  return true;
}

/** A starting application is asked often at first, then as often as the file says. */
const FIRST = millis(50);

function lookHealth(
  context: Context,
  rollout: Rollout,
  { slot, now }: { slot: SlotKey; now: Instant },
): void {
  const { application, ports, looks, asked } = context;
  const course = rollout.slots[slot];
  if (course === undefined) return;
  const isStarting = course.at === "checking";
  const since = isStarting ? course.since : 0;
  const name = `health ${slot} ${since}`;
  const times = asked.get(name) ?? 0;
  const every = isStarting
    ? Math.min(application.health.every, FIRST * 1.5 ** times)
    : application.health.every;
  const release = course.at === "settled" ? course.release : course.target;
  if (release === null) return;
  const ask = async (): Promise<boolean> => {
    asked.set(name, times + 1);
    const before = looks.health[slot];
    const value = await ports.probes.health(slotOf(application, slot), release);
    looks.health[slot] = observedHealth(counted(value, before), now);
    return isStarting || before?.known !== true || value?.healthy !== true || !before.value.healthy;
  };
  begin(context, name, { now, every: millis(every), ask });
}

/** Whoever slept, or was kept waiting, must not act on what was true long ago. */
function freshHealth({ application, looks }: Context, now: Instant): Looks["health"] {
  const { every, timeout } = application.health;
  const fresh: Looks["health"] = {};
  for (const [slot, look] of Object.entries(looks.health) as [SlotKey, Observed<Health>][]) {
    if (now - look.at <= 3 * every + timeout) fresh[slot] = look;
  }
  return fresh;
}

const counted = (value: Health | null, before: Observed<Health> | undefined): Health | null => {
  if (value === null || value.healthy) return value;
  const misses = before?.known === true ? (before.value.misses ?? 0) : 0;
  return { ...value, misses: misses + 1 };
};

const observedHealth = (value: Health | null, at: Instant): Observed<Health> =>
  value === null ? { known: false, at, why: "its host does not answer" } : { known: true, at, value };

/** One look at everything, for `status` and for the start of a rollout. */
export async function lookOnce(
  application: Application,
  ports: EnginePorts,
  release: ReleaseId | null,
): Promise<Observation> {
  const looks: Looks = { slots: {}, health: {}, gateways: {} };
  const pool = poolOf(application.hosts);
  const now = ports.clock.now();
  const hosts = application.hosts.map(async (host) => {
    for (const [slot, state] of await ports.slots.observe(host.name, host.slots)) looks.slots[slot] = state;
  });
  const gateways = application.gateways.map(async (gateway) => {
    looks.gateways[gateway.name] = await ports.gateways.observe(gateway, pool);
  });
  await Promise.all([...hosts, ...gateways]);
  await Promise.all(
    pool.map(async (slot) => {
      const state = looks.slots[slot.key];
      const running = state?.known === true ? state.value.release : release;
      if (running === null) return;
      looks.health[slot.key] = observedHealth(await ports.probes.health(slot, running), now);
    }),
  );
  return looks;
}

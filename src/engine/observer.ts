import { after, earliest, millis, seconds, type Duration, type Instant } from "../base/time.ts";
import type { Application, Gateway, Slot } from "../model/application.ts";
import { poolOf, slotHosts } from "../model/application.ts";
import type { HostName, ReleaseId, SlotKey } from "../model/ids.ts";
import type {
  GatewayState,
  Health,
  Observation,
  Observed,
  Silence,
  SlotState,
} from "../model/observation.ts";
import type { Rollout, SlotCourse } from "../model/rollout.ts";
import { inRotation } from "../model/routing.ts";
import type { Action } from "../rollout/actions.ts";
import { runningIn } from "../rollout/evolve.ts";
import { interestOf, type Interest } from "../rollout/interest.ts";
import type { Settled } from "../rollout/seen.ts";
import { gatewayOf, slotOf } from "./dispatcher.ts";
import { limit, type Limit } from "./limit.ts";
import type { EnginePorts } from "./ports.ts";

/**
 * Keeps the newest look at everything. Looks run in the background, so that one host that does not answer
 * holds up neither the others nor an operator's order; each carries the time at which it *began*.
 */
export interface Observer {
  /**
   * Begins the looks that the next decision needs; at once where something has moved since the last ones.
   * Tells when the next one is due.
   */
  look(rollout: Rollout, now: Instant, moved: boolean): Instant | null;
  /** What is being written to is not looked at before that is over, or has taken long. */
  writing(action: Action, now: Instant): void;
  /** A write is over. What it saw itself, at its end, is as good as a look. */
  written(settled: Settled, since: Instant): void;
  latest(now: Instant): Observation;
}

interface Looks {
  readonly slots: Record<SlotKey, Observed<SlotState>>;
  readonly health: Record<SlotKey, Observed<Health>>;
  readonly gateways: Record<HostName, Observed<GatewayState>>;
  readonly silent: Record<HostName, Silence>;
}

export const NOTHING_SEEN: Observation = { slots: {}, health: {}, gateways: {} };

interface Context {
  readonly application: Application;
  readonly ports: EnginePorts;
  readonly tell: () => void;
  readonly looks: Looks;
  readonly limited: Limit;
  /** What is being looked at, and when each thing may be looked at again. */
  readonly busy: Set<string>;
  readonly due: Map<string, Instant>;
  /** What is being written to, and until when that is waited for. */
  readonly held: Map<string, Instant>;
}

/** Looks at once, over all hosts: each may be a process here. */
const MOST_LOOKS = 64;
/** A write may never tell how it ended: from then on it is looked at what became of it. */
const PATIENCE = millis(1000);

export function createObserver(application: Application, ports: EnginePorts, tell: () => void): Observer {
  const looks: Looks = { slots: {}, health: {}, gateways: {}, silent: {} };
  const context: Context = {
    application,
    ports,
    tell,
    looks,
    limited: limit(MOST_LOOKS),
    busy: new Set(),
    due: new Map(),
    held: new Map(),
  };
  return {
    look: (rollout, now, moved) => {
      if (moved) forgetDue(context);
      return lookAll(context, rollout, now);
    },
    writing: (action, now) => {
      const name = writtenTo(action);
      if (name !== null) context.held.set(name, after(now, PATIENCE));
    },
    written: (settled, since) => written(context, settled, since),
    latest: (now) => ({ ...looks, health: freshHealth(context, now) }),
  };
}

const writtenTo = (action: Action): string | null => {
  switch (action.kind) {
    case "stop":
    case "switch":
    case "start":
      return action.slot;
    case "commit":
      return action.gateway;
    default:
      return null;
  }
};

function written({ held, looks }: Context, { action, outcome }: Settled, since: Instant): void {
  const name = writtenTo(action);
  if (name !== null) held.delete(name);
  if (outcome.kind !== "done" || outcome.slot === undefined || !("slot" in action)) return;
  const before = looks.slots[action.slot];
  if (before !== undefined && before.at > since) return;
  looks.slots[action.slot] = { known: true, at: since, value: outcome.slot };
}

/** Health has a rhythm of its own. */
function forgetDue({ due }: Context): void {
  for (const name of due.keys()) if (!name.startsWith("health ")) due.delete(name);
}

/** How often it is seen whether what is not well was restarted. */
const FALTERING_AGAIN = millis(300);

function lookAll(context: Context, rollout: Rollout, now: Instant): Instant | null {
  const interest = interestOf(rollout);
  let next: Instant | null = null;
  const wait = (at: Instant | null): void => {
    next = earliest(next, at);
  };
  for (const [host, slots] of slotsByHost(context, rollout, { interest, now, wait })) {
    const isMoving = slots.some(({ key }) => interest.slots.includes(key));
    const every = isMoving ? interest.again : FALTERING_AGAIN;
    wait(begin(context, `slots ${host}`, { now, every, ask: () => lookSlots(context, host, slots) }));
  }
  if (interest.gateways) wait(lookGateways(context, rollout, { interest, now }));
  for (const slot of interest.health) wait(lookHealth(context, rollout, { slot, now }));
  return next;
}

interface Looking {
  readonly interest: Interest;
  readonly now: Instant;
}

/** One look at a host for all its slots, but for those that are being written to. */
function slotsByHost(
  { application, held }: Context,
  { plan }: Rollout,
  { interest, now, wait }: Looking & { wait: (at: Instant) => void },
): ReadonlyMap<HostName, readonly Slot[]> {
  const hosts = new Map<HostName, Slot[]>();
  for (const key of [...interest.slots, ...interest.faltering]) {
    const until = held.get(key);
    const host = plan.hostOf[key];
    if (until !== undefined && now < until) wait(until);
    else if (host !== undefined) {
      const slots = hosts.get(host) ?? [];
      slots.push(slotOf(application, key));
      hosts.set(host, slots);
    }
  }
  return hosts;
}

function lookGateways(context: Context, rollout: Rollout, { interest, now }: Looking): Instant | null {
  const { application, held } = context;
  const { plan } = rollout;
  if (now < interest.gatewaysFrom) return interest.gatewaysFrom;
  const measure = interest.inFlight.map((slot) => slotOf(application, slot));
  return plan.gateways.reduce<Instant | null>((next, name) => {
    const until = held.get(name);
    if (until !== undefined && now < until) return earliest(next, until);
    const gateway = gatewayOf(application, name);
    const { askedFrom } = interest;
    const isDraining =
      rollout.change?.stage !== "committing" && wereBusy(context, gateway, { measure, now, askedFrom });
    const every = isDraining ? BUSY_AGAIN : interest.again;
    const look = (): Promise<boolean> => lookGateway(context, gateway, measure);
    const ask = isDraining
      ? () => unlessBusy(context, gateway, { measure, every: interest.again, look })
      : look;
    return earliest(next, begin(context, `gateway ${name}`, { now, every, ask }));
  }, null);
}

/** While a drain lasts the gateway is asked for its end alone, and looked at as seldom as this. */
const DRAIN_LOOK = millis(300);
const BUSY_AGAIN = millis(50);

/** The last look saw a request in flight to each of these slots, and none of them in rotation. */
function wereBusy(
  { looks }: Context,
  { name }: Gateway,
  { measure, now, askedFrom }: Pick<Interest, "askedFrom"> & { measure: readonly Slot[]; now: Instant },
): boolean {
  const last = looks.gateways[name];
  // Who is there is to be asked to go: of which kind they are only a look tells.
  if (last?.known === true && askedFrom !== null && last.at < askedFrom) return false;
  if (last?.known !== true || now >= after(last.at, DRAIN_LOOK) || measure.length === 0) return false;
  const { routing, inFlight } = last.value;
  return measure.every(
    ({ key }) => routing !== null && !inRotation(routing, key) && (inFlight[key]?.requests ?? 0) > 0,
  );
}

interface Draining {
  readonly measure: readonly Slot[];
  readonly every: Duration;
  readonly look: () => Promise<boolean>;
}

async function unlessBusy(
  { ports, due }: Context,
  gateway: Gateway,
  { measure, every, look }: Draining,
): Promise<boolean> {
  if (await ports.gateways.areBusy(gateway, measure)) return false;
  due.set(`gateway ${gateway.name}`, after(ports.clock.now(), every));
  return look();
}

interface Begin {
  readonly now: Instant;
  readonly every: Duration;
  /** false: nothing new was seen, nobody need be woken. */
  readonly ask: () => Promise<boolean>;
}

/**
 * One look at a thing at a time, and not before it is due; tells when it is. A port that throws has told
 * nothing.
 */
function begin(context: Context, name: string, { now, every, ask }: Begin): Instant | null {
  const { busy, due, limited, tell, ports } = context;
  if (busy.has(name)) return null;
  const at = due.get(name);
  if (at !== undefined && now < at) return at;
  busy.add(name);
  due.set(name, after(now, every));
  const over = (isNews: boolean): void => {
    busy.delete(name);
    // One that took longer than its rhythm is due again.
    if (isNews || ports.clock.now() >= (due.get(name) ?? now)) tell();
  };
  limited(ask).then(over, () => over(true));
  return after(now, every);
}

async function lookSlots({ ports, looks }: Context, host: HostName, slots: readonly Slot[]): Promise<true> {
  const began = ports.clock.now();
  let isHeard = false;
  for (const [slot, state] of await ports.slots.observe(host, slots)) {
    looks.slots[slot] = state;
    isHeard ||= state.known;
  }
  listen(looks, host, { began, isHeard });
  return true;
}

/** Whatever answers on a host ends its silence. */
function listen(
  { silent }: Looks,
  host: HostName,
  { began, isHeard }: { readonly began: Instant; readonly isHeard: boolean },
): void {
  if (isHeard) delete silent[host];
  else silent[host] = { since: silent[host]?.since ?? began, lastAt: began };
}

async function lookGateway(
  { ports, looks }: Context,
  gateway: Gateway,
  measure: readonly Slot[],
): Promise<true> {
  const began = ports.clock.now();
  const state = await ports.gateways.observe(gateway, measure);
  looks.gateways[gateway.name] = state;
  listen(looks, gateway.name, { began, isHeard: state.known });
  return true;
}

/** A starting application is asked often at first: it is found healthy soon after it is. */
const FIRST = millis(25);
const PART = 8;
/** A large pool is asked more slowly than the file says: so many slots a second. */
const ASKED_PER_SECOND = 1000;

/** Who has just got users is asked so often for a while: what is restarted is away for hardly longer. */
const NEW_EVERY = millis(200);
const NEW_FOR = seconds(10);
const isNew = (course: SlotCourse, now: Instant): boolean =>
  course.at === "settled" && course.since !== undefined && now < after(course.since, NEW_FOR);

const healthRhythm = ({ health }: Application, pool: number): Duration =>
  millis(Math.max(health.every, (pool * 1000) / ASKED_PER_SECOND));

function lookHealth(
  context: Context,
  rollout: Rollout,
  { slot, now }: { slot: SlotKey; now: Instant },
): Instant | null {
  const { application, ports, looks } = context;
  const course = rollout.slots[slot];
  if (course === undefined) return null;
  const isStarting = course.at === "checking";
  const since = isStarting ? course.since : 0;
  const calm = healthRhythm(application, rollout.plan.slots.length);
  const soonest = isStarting ? Math.max(FIRST, (now - since) / PART) : isNew(course, now) ? NEW_EVERY : calm;
  const every = millis(Math.min(calm, soonest));
  const release = runningIn(rollout, slot);
  if (release === null) return null;
  const place = slotOf(application, slot);
  const ask = async (): Promise<boolean> => {
    const at = ports.clock.now();
    const before = looks.health[slot];
    const value = await ports.probes.health(place, release);
    looks.health[slot] = observedHealth(counted(value, before), at);
    listen(looks, place.host, { began: at, isHeard: value !== null });
    return isStarting || before?.known !== true || value?.healthy !== true || !before.value.healthy;
  };
  const next = begin(context, `health ${slot} ${since}`, { now, every, ask });
  return next === null || isStarting ? next : later(next, after(now, TOGETHER));
}

/** Slots that serve are asked together, not each at a turn of its own. */
const TOGETHER = millis(100);
const later = (a: Instant, b: Instant): Instant => (a > b ? a : b);

/** Whoever slept, or was kept waiting, must not act on what was true long ago. */
function freshHealth({ application, looks }: Context, now: Instant): Looks["health"] {
  const every = healthRhythm(application, Object.keys(looks.health).length);
  const { timeout } = application.health;
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

interface Once {
  /** What the slots are thought to run. */
  readonly stable: ReleaseId | null;
  /** Requests in flight are counted. */
  readonly count: boolean;
}

/** One look at everything, for `status` and for the start of a rollout. */
export async function lookOnce(
  application: Application,
  ports: EnginePorts,
  { stable, count }: Once,
): Promise<Observation> {
  const limited = limit(MOST_LOOKS);
  const looks: Looks = { slots: {}, health: {}, gateways: {}, silent: {} };
  const pool = poolOf(application.hosts);
  const now = ports.clock.now();
  const hosts = slotHosts(application.hosts).map(async (host) => {
    const seen = await limited(() => ports.slots.observe(host.name, host.slots));
    for (const [slot, state] of seen) looks.slots[slot] = state;
  });
  const measure = count ? pool : [];
  const gateways = application.gateways.map(async (gateway) => {
    looks.gateways[gateway.name] = await limited(() => ports.gateways.observe(gateway, measure));
  });
  await Promise.all([...hosts, ...gateways]);
  await Promise.all(
    pool.map(async (slot) => {
      const state = looks.slots[slot.key];
      const running = state?.known === true ? state.value.release : stable;
      if (running === null) return;
      looks.health[slot.key] = observedHealth(await limited(() => ports.probes.health(slot, running)), now);
    }),
  );
  return looks;
}

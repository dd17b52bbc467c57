import { seededRandom } from "../base/random.ts";
import { ok } from "../base/result.ts";
import { instant, millis, type Duration, type Instant } from "../base/time.ts";
import type { Step } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";
import type { ArtifactPort } from "../ports/artifact.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { GatewayPort } from "../ports/gateway.ts";
import type { Journal, Lease } from "../ports/journal.ts";
import type { HookPort, ProbePort } from "../ports/probe.ts";
import type { SlotPort } from "../ports/slot.ts";
import type { MetricPort } from "../ports/metric.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TricklePort } from "../ports/trickle.ts";
import { tell, type Context, type Life } from "./context.ts";
import { describeFaults, drawFaults, type Faults } from "./faults.ts";
import { buildFleet, describeFleet, type Fleet } from "./fleet.ts";
import { gatewayPort } from "./gateway-port.ts";
import type { Harm } from "./harms.ts";
import { check } from "./laws.ts";
import { arrangeMisfortune } from "./misfortune.ts";
import { artifactPort, clock, hookPort, ids, probePort, telemetryPort } from "./other-ports.ts";
import { tricklePort } from "./trickle-port.ts";
import { boot } from "./process.ts";
import { drawScenario, type Scenario } from "./scenario.ts";
import { slotPort } from "./slot-port.ts";
import { createStore, simJournal, simLease, type Kill, type Store, type StoreParts } from "./store.ts";
import { Timeline, type Halt } from "./timeline.ts";

/** One controller's way to the world. */
export interface SimPorts {
  readonly slots: SlotPort;
  readonly gateways: GatewayPort;
  readonly artifacts: ArtifactPort;
  readonly probes: ProbePort;
  readonly hooks: HookPort;
  readonly telemetry: TelemetryPort;
  readonly trickle: TricklePort;
  readonly metrics: MetricPort;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly ids: Ids;
}

export interface Controller {
  readonly ports: SimPorts;
  readonly life: Life;
}

export interface WorldOptions {
  readonly scenario?: Scenario;
  readonly faults?: Faults;
  /** How long after the start faults happen. */
  readonly faultsFor?: Duration;
  readonly kill?: Kill;
  /** Planted: hosts and gateways do not look at generations. */
  readonly acceptStale?: boolean;
  readonly trace?: boolean;
  readonly onKilled?: (life: Life) => void;
}

/** A fleet, its disk and its time, all from one seed. */
export interface World {
  readonly scenario: Scenario;
  readonly fleet: Fleet;
  readonly timeline: Timeline;
  readonly faultsUntil: Instant;
  /** What can go wrong here, in one line. */
  readonly description: string;
  /** A new controller process. */
  boot(): Controller;
  /** Nothing reaches this controller any more, and it does nothing any more; its writes still arrive. */
  kill(controller: Controller): void;
  /** Somebody starts by hand what is to run and does not. */
  repair(): void;
  run(until: () => boolean, limit: Instant): Promise<Halt>;
  /** Laws that were broken, by the truth of the world. */
  harms(): readonly Harm[];
  /** The rollout as it is on disk. */
  rollout(): Rollout | null;
  readonly store: Store;
  /** What runs where and who routes to whom: the same for all ways to the same end. */
  describe(): string;
  /** Requests that a stop cut although they had their drain time. */
  cut(): number;
  readonly trace: readonly string[];
  /** For tests that make something happen themselves. */
  readonly context: Context;
}

/** All stories begin here: 2026-01-01T00:00:00Z. */
const START = instant(1_767_225_600_000);
const FAULTS_FOR = millis(40_000);

export function createWorld(seed: number, options: WorldOptions = {}): World {
  const scenario = options.scenario ?? drawScenario(seed);
  const faults = options.faults ?? drawFaults(seed);
  const timeline = new Timeline(START);
  const faultsUntil = instant(START + (options.faultsFor ?? FAULTS_FOR));
  const stream = (salt: number) => seededRandom((seed ^ Math.imul(salt, 0x9e37_79b1)) >>> 0);
  const context: Context = {
    timeline,
    scenario,
    fleet: buildFleet(scenario),
    dice: {
      fate: stream(1),
      delay: stream(2),
      look: stream(3),
      events: stream(4),
      traffic: stream(5),
      log: stream(6),
    },
    faults,
    faultsUntil,
    acceptStale: options.acceptStale ?? false,
    harms: [],
    trace: options.trace === true ? [] : null,
    carrier: () => store.holding?.life ?? null,
    rollout: null,
    cut: 0,
    hookRuns: new Map(),
  };
  const store = createStore(context);
  arrangeMisfortune(context, seed);
  return worldOf(context, { store, options });
}

function worldOf(context: Context, { store, options }: { store: Store; options: WorldOptions }): World {
  const { scenario, fleet, timeline } = context;
  let lives = 0;
  const onKilled = (life: Life): void => options.onKilled?.(life);
  return {
    scenario,
    fleet,
    timeline,
    faultsUntil: instant(context.faultsUntil),
    description: describe(context),
    boot: () => {
      lives += 1;
      const life: Life = { number: lives, alive: true, stalledUntil: 0 };
      const bornAt = timeline.now();
      const onSaved = (before: Rollout | null, rollout: Rollout): void => {
        const awakeSince = Math.max(bornAt, life.stalledUntil);
        context.harms.push(...check({ fleet, now: timeline.now(), awakeSince }, before, rollout));
      };
      const kill = options.kill ?? null;
      return { life, ports: portsOf({ context, store, life, kill, onSaved, onKilled }) };
    },
    kill: ({ life }) => {
      life.alive = false;
    },
    repair: () => {
      for (const host of fleet.hosts.values()) {
        if (host.isDead) tell(context, () => `* ${host.name} is repaired`);
        if (host.isDead) host.downUntil = timeline.now();
        host.isDead = false;
      }
      for (const slot of fleet.slots.values()) {
        const isGone = slot.intent === "up" && slot.process === "stopped";
        if (isGone && slot.host.downUntil <= timeline.now()) boot(context, slot);
      }
    },
    run: (until, limit) => timeline.run(until, limit),
    harms: () => context.harms,
    rollout: () => store.saved.rollout,
    store,
    describe: () => describeFleet(fleet),
    cut: () => context.cut,
    trace: context.trace ?? [],
    context,
  };
}

function portsOf(parts: StoreParts): SimPorts {
  return {
    slots: slotPort(parts),
    gateways: gatewayPort(parts),
    artifacts: artifactPort(parts),
    probes: probePort(parts),
    hooks: hookPort(parts),
    telemetry: telemetryPort(parts),
    trickle: tricklePort(parts),
    metrics: { read: () => Promise.resolve(ok(null)) },
    journal: simJournal(parts),
    lease: simLease(parts),
    clock: clock(parts),
    ids: ids(`rollout-${parts.life.number}`),
  };
}

const stepText = ({ share, mirror }: Step): string =>
  mirror === undefined ? String(share / 100) : `mirror ${mirror / 100}`;

function describe({ scenario, faults, faultsUntil, timeline }: Context): string {
  const { application, stable, canary, behaviours, badOn } = scenario;
  const { hosts, gateways, policy } = application;
  const shape = hosts.map((host) => `${host.name}×${host.slots.length}`).join(" ");
  const steps = policy.steps.map(stepText).join(",");
  const where = badOn === null ? "" : ` on ${badOn}`;
  const behaves = `${stable ?? "nothing"} → ${canary} (${behaviours[canary] ?? "good"}${where})`;
  const fleet = `${shape}, ${gateways.length} gateways, u=${policy.maxUnavailable}, steps ${steps} %`;
  const seconds = (faultsUntil - timeline.now()) / 1000;
  return `${fleet}; ${behaves}; for ${seconds} s: ${describeFaults(faults)}`;
}

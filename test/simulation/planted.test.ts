import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { HostName, SlotKey } from "../../src/model/ids.ts";
import type { Observed, SlotState } from "../../src/model/observation.ts";
import type { Rollout, SlotCourse } from "../../src/model/rollout.ts";
import type { Routing, RoutingTable } from "../../src/model/routing.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Step } from "../../src/model/application.ts";
import { basisPoints } from "../../src/model/share.ts";
import { drawFaults } from "../../src/sim/faults.ts";
import { scenarioOf, SMOOTH, type Scenario, type Shape } from "../../src/sim/scenario.ts";
import type { SimPorts } from "../../src/sim/world.ts";
import { simulate, type SimulationOptions } from "./harness.ts";

/** `isForgetful`: a plan that knows of no groups, so that each slot leaves for itself. */
const { planted, NOTHING } = vi.hoisted(() => {
  const nothing = { isForgetful: false, isPatient: false, waitsForSlow: false, isFickle: false };
  return { planted: { ...nothing }, NOTHING: nothing };
});
vi.mock(import("../../src/rollout/create.ts"), async (original) => {
  const real = await original();
  const createRollout: typeof real.createRollout = (...args) => {
    const made = real.createRollout(...args);
    if (!made.ok || !planted.isForgetful) return made;
    return { ...made, value: { ...made.value, plan: { ...made.value.plan, groups: [] } } };
  };
  return { ...real, createRollout };
});
vi.mock(import("../../src/rollout/passed-over.ts"), async (original) => {
  const real = await original();
  const passedOver: typeof real.passedOver = (rollout, seen, now) => {
    if (planted.isPatient) return () => false;
    const known = planted.isFickle ? withoutTurns(rollout) : rollout;
    return real.passedOver(known, seen, planted.waitsForSlow ? instant(0) : now);
  };
  return { ...real, passedOver };
});

/** Nobody remembers whose turn has come. */
function withoutTurns(rollout: Rollout): Rollout {
  const forget = (course: SlotCourse): SlotCourse => {
    if (course.at !== "joining") return course;
    const { inTurn: _, ...rest } = course;
    return rest;
  };
  const slots = Object.entries(rollout.slots).map(([slot, course]) => [slot, forget(course)]);
  return { ...rollout, slots: Object.fromEntries(slots) as Rollout["slots"] };
}

/** A gateway that is believed as soon as it is told: requested is taken for confirmed. */
function believeTheSwitch(ports: SimPorts): SimPorts {
  const told = new Map<string, RoutingTable>();
  return {
    ...ports,
    gateways: {
      ...ports.gateways,
      commit: (gateway, table) => {
        told.set(gateway.name, table);
        return ports.gateways.commit(gateway, table);
      },
      observe: async (gateway, measure) => {
        const seen = await ports.gateways.observe(gateway, measure);
        const table = told.get(gateway.name);
        return seen.known && table !== undefined ? { ...seen, value: { ...seen.value, ...table } } : seen;
      },
    },
  };
}

/** A slot whose stop had no answer is taken for stopped. */
function believeTheStop(ports: SimPorts): SimPorts {
  const lies = new Map<SlotKey, Partial<SlotState>>();
  const lie = (key: SlotKey, seen: Observed<SlotState>): Observed<SlotState> =>
    seen.known ? { ...seen, value: { ...seen.value, ...lies.get(key) } } : seen;
  return {
    ...ports,
    slots: {
      ...ports.slots,
      stop: async (slot, at) => {
        const outcome = await ports.slots.stop(slot, at);
        if (outcome.kind === "unknown") lies.set(slot.key, { ...at, process: "stopped" });
        return outcome;
      },
      observe: async (host, slots) => {
        const seen = await ports.slots.observe(host, slots);
        return new Map([...seen].map(([key, state]) => [key, lie(key, state)]));
      },
    },
  };
}

/** Nothing in flight is ever seen: nobody is waited for. */
function seeNobody(ports: SimPorts): SimPorts {
  return {
    ...ports,
    gateways: {
      ...ports.gateways,
      observe: async (gateway, measure) => {
        const seen = await ports.gateways.observe(gateway, measure);
        const none = Object.fromEntries(measure.map(({ key }) => [key, { requests: 0, connections: 0 }]));
        return seen.known ? { ...seen, value: { ...seen.value, inFlight: none } } : seen;
      },
    },
  };
}

/** Whoever was well once is well for ever. */
function believeTheFirstLook(ports: SimPorts): SimPorts {
  const well = new Set<SlotKey>();
  return {
    ...ports,
    probes: {
      ...ports.probes,
      health: async (slot, release) => {
        const seen = await ports.probes.health(slot, release);
        if (seen?.healthy === true) well.add(slot.key);
        return well.has(slot.key) ? { healthy: true, answer: "200" } : seen;
      },
    },
  };
}

/** Looks at one host come to nothing after a while, though it answers: it is taken for lost. */
function goDeaf(ports: SimPorts): SimPorts {
  let looks = 0;
  const hear = <T>(host: HostName, seen: Observed<T>): Observed<T> =>
    host === "web1" && looks > 20 && seen.known ? { known: false, at: seen.at, why: "deaf" } : seen;
  return {
    ...ports,
    slots: {
      ...ports.slots,
      observe: async (host, slots) => {
        looks += 1;
        const seen = await ports.slots.observe(host, slots);
        return new Map([...seen].map(([key, state]) => [key, hear(host, state)]));
      },
    },
    gateways: {
      ...ports.gateways,
      observe: async (gateway, measure) => hear(gateway.name, await ports.gateways.observe(gateway, measure)),
    },
    probes: {
      ...ports.probes,
      health: (slot, release) =>
        slot.host === "web1" && looks > 20 ? Promise.resolve(null) : ports.probes.health(slot, release),
    },
  };
}

/** When all slots of the canary are lost its users stay with it, and more are sent after them. */
function followTheLost(ports: SimPorts): SimPorts {
  const last = new Map<HostName, Routing>();
  const hostOf = (slot: SlotKey): HostName => slot.split(":")[0] as HostName;
  return {
    ...ports,
    gateways: {
      ...ports.gateways,
      prepare: (gateway, table) => {
        const former = last.get(gateway.name);
        const isLost = (slot: SlotKey): boolean => table.excluded?.includes(hostOf(slot)) === true;
        if (former === undefined || former.canary.length === 0 || !former.canary.every(isLost)) {
          last.set(gateway.name, table.routing);
          return ports.gateways.prepare(gateway, table);
        }
        const share = basisPoints(Math.min(10_000, former.share + 1000));
        const routing: Routing = { ...table.routing, canary: former.canary, share };
        return ports.gateways.prepare(gateway, { ...table, routing });
      },
    },
  };
}

/** A gateway's table names its slots in the wrong order: no group of its config has them. */
function shuffle(ports: SimPorts): SimPorts {
  return {
    ...ports,
    gateways: {
      ...ports.gateways,
      prepare: (gateway, table) => {
        const stable = table.routing.stable.toReversed();
        return ports.gateways.prepare(gateway, { ...table, routing: { ...table.routing, stable } });
      },
    },
  };
}

const SEEDS = Array.from({ length: 120 }, (_, i) => 1000 + i);

/** A canary all of whose slots are lost is rare. */
const MORE = SEEDS.map((seed) => seed + 400);

/** Rarer: on the way back a slot does not come up, or is slow. The first one has such a canary. */
const RARE = [1429, 1895, 1973, 2094, 2157, 1351, 3624, 1308, 828, 1185, 1245];

/** Where the dice have changed, none of those may tell the story any more: then as many as it takes. */
const AT_LAST = Array.from({ length: 3000 }, (_, i) => 2000 + i);

/** Half of eight slots are out at once, and nearly all of them boot slowly: one in a hundred waits again. */
const step = (share: number, bake: number): Step => ({
  share: basisPoints(share),
  bake: seconds(bake),
  approve: false,
});
const SLOW_POOL: Shape = {
  ...SMOOTH,
  hosts: 2,
  slotsPerHost: 4,
  gateways: 2,
  maxUnavailable: 4,
  steps: [step(5000, 4), step(10_000, 6)],
};
const slowPool = scenarioOf(SLOW_POOL);
const { application } = slowPool;
const SLOW: Scenario = {
  ...slowPool,
  application: { ...application, health: { ...application.health, within: seconds(15) } },
};
/** The first four did find it; a change of the dice may ask for the others. */
const SLOW_SEEDS = [13, 52, 265, 342, ...Array.from({ length: 800 }, (_, i) => i + 1)];

/** What a seed's story breaks, a sentence each. */
type Tell = (seed: number) => Promise<readonly string[]>;

const telling =
  (options: SimulationOptions): Tell =>
  async (seed) =>
    (await simulate(seed, options)).broken.map(({ law, what }) => `law ${law}: ${what}`);

const inSlowPool: Tell = (seed) =>
  telling({ scenario: SLOW, faults: { ...drawFaults(seed), slowBoots: 60 } })(seed);

const sound = telling({});

interface Search {
  readonly seeds?: readonly number[];
  readonly tell?: Tell;
  /** The same stories without the bug. */
  readonly control?: Tell;
}

interface Found {
  /** The first that breaks the law in these words; null: none does. */
  readonly seed: number | null;
  /** What its story breaks where the bug is not planted. */
  readonly without: readonly string[];
}

const BY_THE_BUG = { seed: expect.any(Number), without: [] };

async function find(what: RegExp, search: Search = {}): Promise<Found> {
  const { seeds = [...RARE, ...SEEDS, ...MORE, ...AT_LAST], tell = sound, control = sound } = search;
  for (const seed of seeds) {
    if (!(await tell(seed)).some((broken) => what.test(broken))) continue;
    Object.assign(planted, NOTHING);
    return { seed, without: await control(seed) };
  }
  return { seed: null, without: [] };
}

describe("a bug that is planted is found", () => {
  test.each<[string, number, SimulationOptions]>([
    ["a slot is stopped before the gateways confirmed", 1, { wrap: believeTheSwitch }],
    ["an unconfirmed switch is taken for confirmed", 2, { wrap: believeTheSwitch }],
    ["an unknown outcome is taken for stopped", 1, { wrap: believeTheStop }],
    ["requests in flight are not waited for", 1, { wrap: seeNobody }],
    ["users are led to a slot on a look of long ago", 4, { wrap: believeTheFirstLook }],
    ["a slot or a gateway accepts an older write", 9, { acceptStale: true }],
  ])("%s: law %i", async (_, law, options) => {
    const seen = await find(new RegExp(`^law ${law}: `), { seeds: SEEDS, tell: telling(options) });
    expect(seen).toEqual(BY_THE_BUG);
  });

  test.each<[string, RegExp, SimulationOptions]>([
    ["a host that answers is left out", /^law 3: web1 is left out/, { wrap: goDeaf }],
    [
      "a share is widened for a canary that is lost",
      /^law 4: .* more to a canary that does not serve/,
      { wrap: followTheLost },
    ],
    ["a role is a set of slots that no group has", /^law 4: .* is no suffix of the pool/, { wrap: shuffle }],
  ])("%s", async (_, what, options) => {
    expect(await find(what, { tell: telling(options) })).toEqual(BY_THE_BUG);
  });

  const SLOW_POOL_ONLY: Search = { seeds: SLOW_SEEDS, tell: inSlowPool, control: inSlowPool };

  test.each<[string, keyof typeof planted, RegExp, Search]>([
    ["a wave takes the last slot of a host", "isForgetful", /^law 5: .* is left with none of/, {}],
    ["going back waits for a slot that does not come up", "isPatient", /^law 10: stuck, and .* is ready/, {}],
    [
      "going back waits for a slot that is slow",
      "waitsForSlow",
      /^law 10: .* is ready to take users back, and waits for a slow one/,
      {},
    ],
    [
      "a slot whose turn has come waits again",
      "isFickle",
      /^law 10: .* is left out again of the switch that leads users to it/,
      SLOW_POOL_ONLY,
    ],
  ])("%s", async (_, bug, what, search) => {
    planted[bug] = true;
    onTestFinished(() => void Object.assign(planted, NOTHING));
    expect(await find(what, search)).toEqual(BY_THE_BUG);
  });
});

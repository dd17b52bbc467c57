import { describe, expect, test } from "vitest";
import type { SlotKey } from "../../src/model/ids.ts";
import type { Observed, SlotState } from "../../src/model/observation.ts";
import type { RoutingTable } from "../../src/model/routing.ts";
import type { SimPorts } from "../../src/sim/world.ts";
import { simulate, type SimulationOptions } from "./harness.ts";

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

const SEEDS = Array.from({ length: 120 }, (_, i) => 1000 + i);

/** The laws that these seeds break, up to the seed that breaks the one that is looked for. */
async function lawsBroken(options: SimulationOptions, wanted?: number): Promise<readonly number[]> {
  const laws = new Set<number>();
  for (const seed of SEEDS) {
    const { broken } = await simulate(seed, options);
    for (const { law } of broken) laws.add(law);
    if (wanted !== undefined && laws.has(wanted)) break;
  }
  return [...laws];
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
    expect(await lawsBroken(options, law)).toContain(law);
  });

  test("control: without a planted bug these seeds break no law", async () => {
    expect(await lawsBroken({})).toEqual([]);
  });
});

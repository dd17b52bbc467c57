// The probe looks on: whatever it does, the same is decided at the same time.
import { describe, expect, test } from "vitest";
import { drawScenario, type Scenario } from "../../src/sim/scenario.ts";
import type { SimPorts } from "../../src/sim/world.ts";
import { simulate } from "./harness.ts";

const SEEDS = Array.from({ length: 12 }, (_, i) => 4100 + i);

const probed = (scenario: Scenario): Scenario => ({
  ...scenario,
  application: {
    ...scenario.application,
    probe: { ...scenario.application.probe, always: true },
  },
});

const never = (): Promise<void> => new Promise(() => undefined);
const broken = (): Promise<void> => Promise.reject(new Error("out of luck"));

/** What became of a story, with the probe (behind `wrap`) or without. */
async function told(seed: number, wrap: ((ports: SimPorts) => SimPorts) | null): Promise<object> {
  const drawn = drawScenario(seed);
  const options = wrap === null ? { scenario: drawn } : { scenario: probed(drawn), wrap };
  const { broken: harms, journal, fleet, end } = await simulate(seed, { ...options, quiet: true });
  return { seed, harms, journal, fleet, end };
}

describe("a rollout with the probe", () => {
  test.each<[string, (ports: SimPorts) => SimPorts]>([
    ["goes the way of the one without", (ports) => ports],
    ["goes it when the probe throws", (ports) => ({ ...ports, trickle: { run: broken } })],
  ])("%s, to the letter", async (_, wrap) => {
    for (const seed of SEEDS) expect(await told(seed, wrap)).toEqual(await told(seed, null));
  });

  test("comes to the same end when the probe never ends", async () => {
    for (const seed of SEEDS) {
      const [one, other] = [
        await told(seed, (ports) => ({ ...ports, trickle: { run: never } })),
        await told(seed, null),
      ];
      expect({ ...one, journal: "" }).toEqual({ ...other, journal: "" });
    }
  });

  test("control: it does ask, of all gateways", async () => {
    const seen = new Set<string>();
    const scenario = probed(drawScenario(4100));
    const wrap = (ports: SimPorts): SimPorts => ({
      ...ports,
      trickle: {
        run: (run) =>
          ports.trickle.run({
            ...run,
            onShot: (shot) => {
              seen.add(shot.gateway);
              run.onShot(shot);
            },
          }),
      },
    });
    await simulate(4100, { scenario, wrap, quiet: true });
    expect([...seen].toSorted()).toEqual(scenario.application.gateways.map(({ name }) => name).toSorted());
  });
});

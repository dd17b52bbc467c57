// A release whose process ends by itself some seconds after each start.
import { expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { basisPoints } from "../../src/model/share.ts";
import { CALM } from "../../src/sim/faults.ts";
import { scenarioOf, SMOOTH, type Scenario } from "../../src/sim/scenario.ts";
import { simulate } from "./harness.ts";

const canary = (share: number, bake = 0) => ({
  share: basisPoints(share),
  bake: seconds(bake),
  approve: false,
});
const endsSoon = { v1: "good", v2: "ends-soon" } as Scenario["behaviours"];
const gray = { ...SMOOTH, steps: [canary(500, 10), canary(10_000)] };
const wide = { ...gray, hosts: 3, gateways: 2, maxUnavailable: 2 };

test.each([
  ["in one bake", gray],
  ["on several hosts", wide],
])("%s goes back when nothing else happens", async (_, shape) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const scenario = scenarioOf(shape, { behaviours: endsSoon });
    const { broken, end, journal } = await simulate(seed, { scenario, quiet: true, faults: CALM });
    expect(broken).toEqual([]);
    expect(end).toBe("rolled-back");
    expect(journal).toMatch(/the process of v2 has ended by itself/);
  }
});

test("among faults and kills it breaks no law", async () => {
  const scenario = scenarioOf(wide, { behaviours: endsSoon });
  for (let seed = 7100; seed < 7130; seed += 1) {
    const { broken } = await simulate(seed, { scenario });
    expect(broken.map(({ law, what }) => `seed ${seed}: law ${law}: ${what}`)).toEqual([]);
  }
});

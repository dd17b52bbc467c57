import { expect, test } from "vitest";
import { CALM } from "../../src/sim/faults.ts";
import { scenarioOf, SMOOTH } from "../../src/sim/scenario.ts";
import { simulate } from "./harness.ts";

test("requests that outlast the drain are cut, and the rollout says how many", async () => {
  const faults = { ...CALM, slowRequest: 0.8 };
  let total = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const { cut, broken } = await simulate(seed, { scenario: scenarioOf(SMOOTH), faults, quiet: true });
    expect({ seed, broken, reported: cut.reported }).toEqual({ seed, broken: [], reported: cut.really });
    total += cut.really;
  }
  expect(total).toBeGreaterThan(5);
});

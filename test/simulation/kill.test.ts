import { describe, expect, test } from "vitest";
import { CALM } from "../../src/sim/faults.ts";
import { scenarioOf, SMOOTH, type Scenario } from "../../src/sim/scenario.ts";
import { basisPoints } from "../../src/model/share.ts";
import { millis } from "../../src/base/time.ts";
import type { ReleaseId } from "../../src/model/ids.ts";
import { simulate, type Report } from "./harness.ts";

const gray = {
  ...SMOOTH,
  hosts: 2,
  gateways: 2,
  hooks: true,
  steps: [2500, 10_000].map((share) => ({
    share: basisPoints(share),
    bake: millis(500),
    approve: share < 10_000,
  })),
};

const STORIES: readonly (readonly [string, Scenario])[] = [
  ["the smooth procedure", scenarioOf(SMOOTH)],
  ["a gray release with a gate and hooks", scenarioOf(gray)],
  [
    "a release that fails its smoke checks",
    scenarioOf(SMOOTH, { behaviours: { ["v2" as ReleaseId]: "fails-smoke" } }),
  ],
  ["a first release", scenarioOf(SMOOTH, { stable: null })],
];

/** A release without any fault but, perhaps, one kill. */
const tell = (scenario: Scenario, kill?: { write: number; durable: boolean }): Promise<Report> =>
  simulate(1, { scenario, faults: CALM, quiet: true, ...(kill === undefined ? {} : { kill }) });

const outcome = ({ end, fleet, broken }: Report) => ({ end, fleet, broken });

describe("a kill of the controller at any journal write leads to the same end as none", () => {
  test.each(STORIES)("%s", async (_, scenario) => {
    const undisturbed = await tell(scenario);
    expect(undisturbed.broken).toEqual([]);
    expect(undisturbed.writes).toBeGreaterThan(10);

    for (let write = 1; write <= undisturbed.writes; write += 1) {
      for (const durable of [false, true]) {
        const killed = await tell(scenario, { write, durable });
        expect({ write, durable, ...outcome(killed) }).toEqual({ write, durable, ...outcome(undisturbed) });
      }
    }
  });
});

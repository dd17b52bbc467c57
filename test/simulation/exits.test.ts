// A release whose process ends by itself some seconds after each start.
import { expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import type { RunSpec } from "../../src/model/application.ts";
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

/** Commands of the user's own: what has ended stays so, and nobody counts. */
const own = (shape: typeof gray): Scenario => {
  const scenario = scenarioOf(shape, { behaviours: endsSoon, supervised: false });
  const stop = { signal: "SIGTERM", timeout: seconds(2) };
  const commands = { start: "./ctl start", stopCommand: "./ctl stop", status: "./ctl status" };
  const run: RunSpec = { kind: "own", ...commands, stop, env: {}, user: null };
  return { ...scenario, application: { ...scenario.application, run } };
};

test("it goes back too where its own commands run it, and nobody starts it again", async () => {
  for (const seed of [1, 2, 3]) {
    const { broken, end, journal } = await simulate(seed, { scenario: own(gray), quiet: true, faults: CALM });
    expect(broken).toEqual([]);
    expect(end).toBe("rolled-back");
    expect(journal).toMatch(/the process of v2 has ended by itself, as run.status says/);
  }
});

test.each([
  ["kept alive", scenarioOf(wide, { behaviours: endsSoon }), 7100],
  ["by its own commands", own(wide), 7200],
])("among faults and kills it breaks no law: %s", async (_, scenario, first) => {
  for (let seed = first; seed < first + 30; seed += 1) {
    const { broken } = await simulate(seed, { scenario });
    expect(broken.map(({ law, what }) => `seed ${seed}: law ${law}: ${what}`)).toEqual([]);
  }
});

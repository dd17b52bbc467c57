// Slots that are warmed up before they join and ramp afterwards, among faults and kills.
import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import type { Step } from "../../src/model/application.ts";
import { basisPoints } from "../../src/model/share.ts";
import { scenarioOf, SMOOTH, type Scenario, type Shape } from "../../src/sim/scenario.ts";
import { simulate } from "./harness.ts";

const step = (share: number): Step => ({
  share: basisPoints(share),
  bake: share === 10_000 ? millis(0) : seconds(2),
  approve: false,
});

/** Six slots on three hosts, two of them out at once, two gateways. */
const SHAPE: Shape = { ...SMOOTH, hosts: 3, slotsPerHost: 2, gateways: 2, maxUnavailable: 2, warmUps: 2 };
const gray = scenarioOf({ ...SHAPE, steps: [step(2500), step(10_000)] });
const ramped = scenarioOf({ ...SHAPE, steps: [step(2500), step(10_000)], ramp: seconds(5) });
type Behaviours = Scenario["behaviours"];
const SEEDS = Array.from({ length: 25 }, (_, i) => 7300 + i);

describe("slots that join gently break no law", () => {
  test.each<[string, Scenario]>([
    ["with a warm-up", gray],
    ["with a ramp", ramped],
    ["a bad release with a ramp", { ...ramped, behaviours: { v1: "good", v2: "unhealthy" } as Behaviours }],
    ["two slots and a ramp", scenarioOf({ ...SMOOTH, ramp: seconds(3) })],
    ["two slots, straight to everything", scenarioOf({ ...SMOOTH, warmUps: 1 })],
    ["a bad release", { ...gray, behaviours: { v1: "good", v2: "unhealthy" } as Behaviours }],
  ])("%s", async (_, scenario) => {
    const ends = new Set<string>();
    for (const seed of SEEDS) {
      const { broken, end } = await simulate(seed, { scenario });
      expect(broken.map(({ law, what }) => `seed ${seed}: law ${law}: ${what}`)).toEqual([]);
      ends.add(end);
    }
    expect([...ends]).toContain("rolled-back");
  });
});

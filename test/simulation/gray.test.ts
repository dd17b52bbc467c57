// Gray releases among faults: steps that name slots, by users and by servers, hooks, and a third release.
import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import type { Step } from "../../src/model/application.ts";
import { basisPoints } from "../../src/model/share.ts";
import { scenarioOf, SMOOTH, type Scenario, type Shape } from "../../src/sim/scenario.ts";
import { simulate } from "./harness.ts";

const step = (share: number, slots?: number): Step => ({
  share: basisPoints(share),
  bake: share === 10_000 ? millis(0) : seconds(2),
  approve: false,
  ...(slots === undefined ? {} : { slots }),
});

/** Six slots on three hosts, two of them out at once, two gateways. */
const SHAPE: Shape = { ...SMOOTH, hosts: 3, slotsPerHost: 2, gateways: 2, maxUnavailable: 2 };
const byUsers = scenarioOf({ ...SHAPE, steps: [step(1000, 2), step(5000, 3), step(10_000)] });
const SERVERS: Shape = { ...SHAPE, steps: [step(1666, 1), step(6666, 4), step(10_000)] };
const servers = scenarioOf(SERVERS);
const { application } = servers;
const byServers: Scenario = {
  ...servers,
  application: { ...application, gateway: { ...application.gateway, split: "servers" } },
};
const hooks = scenarioOf({ ...SHAPE, hooks: true, steps: [step(500), step(10_000)] });

const SEEDS = Array.from({ length: 25 }, (_, i) => 7000 + i);

describe("among faults and kills no law is broken", () => {
  test.each<[string, Scenario]>([
    ["steps that name slots", byUsers],
    ["by servers", byServers],
    [
      "a bad release that reaches a zone first",
      { ...byUsers, behaviours: { v1: "good", v2: "unhealthy" } as Scenario["behaviours"] },
    ],
    ["hooks around everything", hooks],
  ])("%s", async (_, scenario) => {
    const ends = new Set<string>();
    for (const seed of SEEDS) {
      const { broken, end } = await simulate(seed, { scenario });
      expect(broken.map(({ law, what }) => `seed ${seed}: law ${law}: ${what}`)).toEqual([]);
      ends.add(end);
    }
    expect([...ends].toSorted()).toEqual(expect.arrayContaining(["rolled-back"]));
  });

  test("and a third release comes in some of these stories", async () => {
    const ends: string[] = [];
    for (const seed of SEEDS) ends.push((await simulate(seed, { scenario: byUsers })).journal);
    expect(ends.filter((journal) => journal.includes("v3 takes its place")).length).toBeGreaterThan(0);
  });
});

test("who looks on is told how long it still bakes, and nothing is decided meanwhile", async () => {
  const { told } = await simulate(7000, { scenario: byUsers, quiet: true });
  const left = new Set(told.filter((text) => text.startsWith("baking 10 % for 2s: ")));
  expect(left.size).toBeGreaterThan(1);
});

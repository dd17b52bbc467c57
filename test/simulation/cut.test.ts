import { expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import { CALM } from "../../src/sim/faults.ts";
import { scenarioOf, SMOOTH, type Shape } from "../../src/sim/scenario.ts";
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

const KINDS: Shape = {
  ...SMOOTH,
  gateways: 2,
  drainKinds: { websockets: millis(400), uploads: millis(4000), events: millis(2500), grpc: millis(1500) },
};

test("each kind has its own time, no stop comes before it is over, and all that is cut is told", async () => {
  let total = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const { cut, broken } = await simulate(seed, { scenario: scenarioOf(KINDS), faults: CALM, quiet: true });
    expect({ seed, broken }).toEqual({ seed, broken: [] });
    // What ended by itself after the last look is counted as cut.
    expect(cut.reported).toBeGreaterThanOrEqual(cut.really);
    total += cut.really;
  }
  expect(total).toBeGreaterThan(5);
});

test("each kind has its own time among faults and kills too", async () => {
  for (let seed = 100; seed < 140; seed += 1) {
    const { broken } = await simulate(seed, { scenario: scenarioOf(KINDS), quiet: true });
    expect({ seed, broken }).toEqual({ seed, broken: [] });
  }
});

const ASKED: Shape = {
  ...KINDS,
  drainKinds: { websockets: millis(6000), uploads: millis(4000), events: millis(6000) },
  asks: [{ kinds: ["events", "websockets"], ask: { kind: "signal", signal: "SIGUSR1" } }],
};

test("who is asked to go is not cut, and nobody is asked at a slot that is routed", async () => {
  const took = async (shape: Shape, faults?: typeof CALM): Promise<number> => {
    let journal = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const story = await simulate(seed, {
        scenario: scenarioOf(shape),
        quiet: true,
        ...(faults === undefined ? {} : { faults }),
      });
      expect({ seed, broken: story.broken }).toEqual({ seed, broken: [] });
      journal += story.cut.really;
    }
    return journal;
  };
  // The same without being asked: some last longer than their time.
  const long = millis(8000);
  const short = { websockets: millis(1000), events: millis(1000), uploads: long, grpc: long, requests: long };
  expect(await took({ ...ASKED, drainKinds: short }, CALM)).toBe(0);
  expect(await took({ ...ASKED, drainKinds: short, asks: [] }, CALM)).toBeGreaterThan(5);
  await took(ASKED);
});

test("the receipts count exactly what was cut, also where the controller is killed", async () => {
  const short = { websockets: millis(400), uploads: millis(900), events: millis(700), grpc: millis(800) };
  const scenario = scenarioOf({ ...KINDS, drainKinds: short });
  for (const killed of [0, 0.05]) {
    let total = 0;
    for (let seed = 1; seed <= 25; seed += 1) {
      const { cut, broken } = await simulate(seed, { scenario, faults: { ...CALM, killed }, quiet: true });
      // One that is killed between a rollout's end and its receipt leaves none.
      const counted = cut.counted ?? cut.really;
      expect({ seed, broken, counted }).toEqual({ seed, broken: [], counted: cut.really });
      if (cut.counted !== null) total += cut.counted;
    }
    expect(total).toBeGreaterThan(20);
  }
});

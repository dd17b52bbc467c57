import { describe, expect, it } from "vitest";
import { detected, cellOf, median } from "../bench/analysis/detect.ts";
import { rolloutsOf } from "../bench/analysis/rollouts.ts";
import { stickyOf } from "../bench/analysis/sticky.ts";
import { FAULTS, NULLS, UNTOLD } from "../bench/analysis/traces.ts";

/** `npm run bench -- analysis` in small: the same seeds give the same numbers for ever. */
const RUNS = 6;
const SEED = 4711;
const ALPHA = 0.05;

const cell = (scenarios: typeof NULLS, name: string, share: number) =>
  cellOf({ name, scenario: scenarios[name]!, rate: 200, share, runs: RUNS, seed: SEED });

describe("looked at twice a second for half an hour", () => {
  it.each(Object.keys(NULLS))("a canary that is no worse than tolerated is not given up: %s", (name) => {
    const { judges } = cell(NULLS, name, 1000);
    expect(detected(judges["ours α=.05"]!)).toBeLessThanOrEqual(2 * ALPHA);
  });

  it("control: slots that have just joined are slow, and where nobody tells of them it is given up", () => {
    const { judges } = cell({ untold: UNTOLD }, "untold", 1000);
    expect(detected(judges["ours α=.05"]!)).toBe(1);
  });

  it("control: thresholds give a healthy canary up for what happens to both", () => {
    const { judges } = cell(NULLS, "shared incident 5% errs min 5-10", 1000);
    expect(detected(judges["Argo ≥.99"]!)).toBe(1);
    expect(detected(judges["Flagger p99"]!)).toBe(1);
  });

  it.each([
    ["E 0->100%", 100, 3],
    ["E 0->100%", 1000, 1],
    ["E 0.1%->1%", 1000, 60],
    ["L p99 x2", 1000, 45],
    ["L 2% +500ms", 1000, 25],
    ["E 0.1%->1%", 5000, 25],
    ["L all x1.2", 5000, 50],
  ] as const)("%s at %d basis points is found in %d s, in the middle of the runs", (name, share, seconds) => {
    const seen = cell(FAULTS, name, share).judges["ours α=.05"]!;
    expect(detected(seen)).toBe(1);
    expect(median(seen)).toBeLessThanOrEqual(seconds);
  });
});

describe("users that keep to their role, some of whom fail again and again", () => {
  const seen = (scenario: string, unit: "user" | "request") =>
    stickyOf({ scenario, share: 500, unit, runs: RUNS, seed: SEED });

  it("are no false alarm when each counts once", () => {
    expect(detected(seen("healthy", "user"))).toBeLessThanOrEqual(2 * ALPHA);
    expect(median(seen("+1 pp errors", "user"))).toBeLessThan(180);
  });
  it("control: counted by requests they are", () => {
    expect(detected(seen("healthy", "request"))).toBeGreaterThan(2 * ALPHA);
  });
});

describe("a whole rollout that goes on as soon as the next share is proven safe", () => {
  it("ends with a healthy release", () => {
    const ended = rolloutsOf("ours", NULLS["identical p=0.1%"]!, { runs: 3, seed: SEED });
    expect(ended.map(({ promoted }) => promoted)).toEqual([true, true, true]);
  });
  it("goes back from one that fails", () => {
    const ended = rolloutsOf("ours", FAULTS["E 0->100%"]!, { runs: 3, seed: SEED });
    expect(ended.every(({ promoted, bad }) => !promoted && bad <= 10)).toBe(true);
  });
});

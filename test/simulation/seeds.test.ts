import { describe, expect, test } from "vitest";
import { seed as base } from "../support/seed.ts";
import { simulate } from "./harness.ts";
import seeds from "./seeds.json" with { type: "json" };

const again = (seed: number): string => `again: node test/simulation/run.ts --seed ${seed} --verbose`;

/** The laws that each of these seeds breaks, with how to see it again. */
async function failures(all: readonly number[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const seed of all) {
    const { broken } = await simulate(seed);
    for (const { law, what } of broken) found.push(`law ${law}: ${what}; ${again(seed)}`);
  }
  return found;
}

describe("no law is broken", () => {
  test(`by any of the ${seeds.length} seeds that ever broke one`, async () => {
    expect(await failures(seeds)).toEqual([]);
  });

  const count = 200;

  test(`by ${count} new seeds from ${base} on`, async () => {
    console.log(`simulation: ${count} seeds from ${base} on`);
    expect(await failures(Array.from({ length: count }, (_, i) => base + i))).toEqual([]);
  });
});

test("the same seed writes the same journal, byte for byte", async () => {
  let lines = 0;
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const [first, second] = [await simulate(seed, { trace: true }), await simulate(seed, { trace: true })];
    expect(second.journal).toBe(first.journal);
    expect(second.trace).toEqual(first.trace);
    lines += first.journal.split("\n").length;
  }
  expect(lines).toBeGreaterThan(100);
});

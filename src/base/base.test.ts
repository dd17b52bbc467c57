import { describe, expect, it } from "vitest";
import { seededRandom } from "./random.ts";
import { formatDuration, millis, parseDuration } from "./time.ts";

describe("a duration", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "10", "-1s", "1 s", "1w", "1e3s", "s"])("%j is none", (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each([
    [0, "0ms"],
    [412, "412ms"],
    [3_200, "3.2s"],
    [59_000, "59s"],
    [192_000, "3m12s"],
    [7_200_000, "2h"],
    [90_061_000, "1d1h"],
  ])("%i ms reads %s", (ms, text) => {
    expect(formatDuration(millis(ms))).toBe(text);
  });
});

describe("seeded randomness", () => {
  it("is the same for the same seed and another for another", () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("covers a range evenly", () => {
    const random = seededRandom(1);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 40_000; i += 1) {
      const n = random.int(0, 3);
      counts[n] = (counts[n] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});

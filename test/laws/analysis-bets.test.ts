import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ERROR_EFFECTS, newComparison, takeBlock, type Comparison } from "../../src/analysis/comparison.ts";
import {
  FIRST_ERRORS_RATIO,
  SHARE_TOLERANCE,
  excessGains,
  firstErrorGains,
  missingGains,
} from "../../src/analysis/label.ts";
import { lnWealth, newMixture, restart, takeGains } from "../../src/analysis/mixture.ts";
import { gain, oddsOfFit, oddsOfWorse, type Odds, type Question } from "../../src/analysis/projection.ts";

const probability = fc.double({ min: 1e-6, max: 1 - 1e-5, noNaN: true });
const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
const tolerance = fc.record({
  ratio: fc.double({ min: 1, max: 3, noNaN: true }),
  margin: fc.double({ min: 0, max: 0.2, noNaN: true }),
});
const question: fc.Arbitrary<Question> = fc.record({
  tolerance,
  share,
  alternative: fc.record({ canary: probability, stable: probability }),
});

/** The mean factor of one request of the block, when canary and stable fail with these probabilities. */
function meanFactor(
  odds: Odds,
  of: number,
  truth: { readonly canary: number; readonly stable: number },
): number {
  const mean = (p: number, bad: number, good: number) => p * Math.exp(bad) + (1 - p) * Math.exp(good);
  return (
    of * mean(truth.canary, odds.canaryBad, odds.canaryGood) +
    (1 - of) * mean(truth.stable, odds.stableBad, odds.stableGood)
  );
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 0; i < k; i += 1) ways = (ways * (n - i)) / (i + 1);
  return ways;
}

/** The mean factor of a whole block, over every outcome. */
function meanOfBlock(
  odds: Odds,
  size: { readonly canary: number; readonly stable: number },
  truth: { readonly canary: number; readonly stable: number },
): number {
  let mean = 0;
  for (let c = 0; c <= size.canary; c += 1) {
    for (let s = 0; s <= size.stable; s += 1) {
      const chance =
        choose(size.canary, c) *
        truth.canary ** c *
        (1 - truth.canary) ** (size.canary - c) *
        choose(size.stable, s) *
        truth.stable ** s *
        (1 - truth.stable) ** (size.stable - s);
      const table = { canary: { n: size.canary, bad: c }, stable: { n: size.stable, bad: s } };
      mean += chance * Math.exp(gain(odds, table));
    }
  }
  return mean;
}

const FAIR = 1 + 1e-9;

describe("a bet against a tolerated canary", () => {
  it("gains nothing on average, wherever in the tolerance the truth is, its edge included", () => {
    fc.assert(
      fc.property(
        question,
        probability,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (asked, stable, inside) => {
          const edge = Math.min(1, asked.tolerance.ratio * stable + asked.tolerance.margin);
          for (const canary of [edge, edge * inside]) {
            const mean = meanFactor(oddsOfWorse(asked), asked.share, { canary, stable });
            expect(mean).toBeLessThanOrEqual(FAIR);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("gains nothing over a whole block either", () => {
    const size = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(question, probability, size, size, (asked, stable, c, s) => {
        const canary = Math.min(1, asked.tolerance.ratio * stable + asked.tolerance.margin);
        const odds = oddsOfWorse({ ...asked, share: c / (c + s) });
        const mean = meanOfBlock(odds, { canary: c, stable: s }, { canary, stable });
        expect(mean).toBeLessThanOrEqual(FAIR);
      }),
      { numRuns: 1000 },
    );
  });

  it("is by the closed form where nothing is tolerated", () => {
    fc.assert(
      fc.property(probability, probability, share, (canary, stable, part) => {
        fc.pre(canary > stable);
        const alternative = { canary, stable };
        const odds = oddsOfWorse({ tolerance: { ratio: 1, margin: 0 }, alternative, share: part });
        expect(odds.canaryBad).toBeCloseTo(Math.log(canary / (part * canary + (1 - part) * stable)), 10);
      }),
    );
  });

  it("control: it does gain when the alternative is true", () => {
    const truth = { canary: 0.05, stable: 0.001 };
    const asked = { tolerance: { ratio: 1.1, margin: 0.0005 }, alternative: truth, share: 0.1 };
    expect(meanFactor(oddsOfWorse(asked), 0.1, truth)).toBeGreaterThan(1.001);
  });
});

describe("a bet that the canary is fit", () => {
  it("gains nothing on average for a canary at its tolerance or beyond", () => {
    fc.assert(
      fc.property(
        question,
        probability,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (asked, stable, beyond) => {
          const edge = asked.tolerance.ratio * stable + asked.tolerance.margin;
          fc.pre(edge < 1);
          for (const canary of [edge, edge + (1 - edge) * beyond]) {
            expect(meanFactor(oddsOfFit(asked), asked.share, { canary, stable })).toBeLessThanOrEqual(FAIR);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("control: it does gain for a canary that is as good as the stable", () => {
    const truth = { canary: 0.001, stable: 0.001 };
    const asked = { tolerance: { ratio: 1.1, margin: 0.02 }, alternative: truth, share: 0.1 };
    expect(meanFactor(oddsOfFit(asked), 0.1, truth)).toBeGreaterThan(1.0005);
  });
});

describe("a bet on whose turn it is", () => {
  const means = (gains: ReturnType<typeof missingGains>, part: number) =>
    gains.canary.map((ln, i) => part * Math.exp(ln) + (1 - part) * Math.exp(gains.stable[i]!));
  const inside = fc.double({ min: 0, max: 1, noNaN: true });

  it("gains nothing while users of the canary fail no more often than is tolerated", () => {
    fc.assert(
      fc.property(share, inside, (w, less) => {
        const edge = (w * FIRST_ERRORS_RATIO) / (w * FIRST_ERRORS_RATIO + 1 - w);
        for (const mean of means(firstErrorGains(w), edge * less)) expect(mean).toBeLessThanOrEqual(FAIR);
        for (const mean of means(firstErrorGains(w), edge)) expect(mean).toBeLessThanOrEqual(FAIR);
      }),
    );
  });
  it("gains nothing while the canary gets its share, or a little less, or more", () => {
    fc.assert(
      fc.property(share, inside, (w, more) => {
        const edge = (1 - SHARE_TOLERANCE) * w;
        for (const part of [edge, edge + (1 - edge) * more]) {
          for (const mean of means(missingGains(w), part)) expect(mean).toBeLessThanOrEqual(FAIR);
        }
      }),
    );
  });
  it("gains nothing while the canary gets its share, or a little more, or less", () => {
    fc.assert(
      fc.property(share, inside, (w, less) => {
        const edge = Math.min(1, (1 + SHARE_TOLERANCE) * w);
        for (const part of [edge, edge * less]) {
          for (const mean of means(excessGains(w), part)) expect(mean).toBeLessThanOrEqual(FAIR);
        }
      }),
    );
  });
});

describe("wealth", () => {
  const drip = { expected: 20, kept: 0.2 };
  it("is 1 at the start, and a restart adds nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { maxLength: 60 }), (gains) => {
        let mixture = newMixture(4);
        expect(lnWealth(mixture, drip)).toBeCloseTo(0, 12);
        for (const ln of gains) {
          mixture = takeGains(mixture, [ln, -ln, ln / 2, 0], drip);
          const restarted = restart(mixture, drip);
          expect(lnWealth(restarted, drip)).toBeCloseTo(lnWealth(mixture, drip), 9);
          mixture = restarted;
        }
      }),
    );
  });
  it("is never more than there was: bets that cannot win lose all but what is kept", () => {
    let mixture = newMixture(4);
    for (let i = 0; i < 10_000; i += 1) mixture = restart(takeGains(mixture, [-9, -9, -9, -9], drip), drip);
    expect(mixture.restarts).toBe(10_000);
    expect(mixture.lnMost).toBe(0);
    expect(lnWealth(mixture, drip)).toBeLessThan(Math.log(0.001));
  });
  it.each([
    ["canary", { canary: { n: 0, bad: 0 }, stable: { n: 50, bad: 5 } }],
    ["stable", { canary: { n: 50, bad: 5 }, stable: { n: 0, bad: 0 } }],
  ])("does not move in a block without %s", (_, table) => {
    const rule = { tolerances: [{ ratio: 1.1, margin: 0.0005 }], effects: ERROR_EFFECTS, drip };
    const before = { ...newComparison(rule), rates: [{ n: 1000, bad: 1 }] };
    expect(takeBlock(before, rule, [table]).mixture.lnBets).toEqual(before.mixture.lnBets);
  });
  it("stays a number at a thousand million requests", () => {
    const rule = { tolerances: [{ ratio: 1.1, margin: 0.0005 }], effects: ERROR_EFFECTS, drip };
    let test: Comparison = { ...newComparison(rule), rates: [{ n: 1e9, bad: 1e6 }] };
    const same = { canary: { n: 1e7, bad: 1e4 }, stable: { n: 1e7, bad: 1e4 } };
    for (let i = 0; i < 100; i += 1) test = takeBlock(test, rule, [same]);
    expect(test.mixture.lnBets.every(Number.isFinite)).toBe(true);
    expect(lnWealth(test.mixture, drip)).toBeLessThan(0);
    const worse = takeBlock(test, rule, [{ ...same, canary: { n: 1e9, bad: 1e8 } }]);
    expect(lnWealth(worse.mixture, drip)).toBeGreaterThan(1e5);
  });
});

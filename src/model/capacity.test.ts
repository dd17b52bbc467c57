import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canarySlotsFor, evenShare, pinsHeldFrom, wayBack } from "./capacity.ts";
import { basisPoints, EVERYTHING } from "./share.ts";

const pools = fc.integer({ min: 2, max: 60 }).chain((n) =>
  fc.record({
    n: fc.constant(n),
    u: fc.integer({ min: 1, max: n - 1 }),
    p: fc.integer({ min: 0, max: 10_000 }),
  }),
);

describe("slots for a share", () => {
  it.each([
    { p: 10_000, n: 2, u: 1, slots: 1 },
    { p: 500, n: 2, u: 1, slots: 1 },
    { p: 0, n: 10, u: 1, slots: 1 },
    { p: 2_500, n: 10, u: 1, slots: 3 },
    { p: 10_000, n: 10, u: 2, slots: 8 },
    { p: 3_333, n: 10, u: 1, slots: 3 },
  ])("a share of $p of $n slots, $u out, is carried by $slots", ({ p, n, u, slots }) => {
    expect(canarySlotsFor(basisPoints(p), n, u)).toBe(slots);
  });

  it("never ask one slot of either role to carry more than 1/(n−u) (law 4)", () => {
    fc.assert(
      fc.property(pools, ({ n, u, p }) => {
        const c = canarySlotsFor(basisPoints(p), n, u);
        const limit = 1 / (n - u) + 1e-12;
        expect(p / EVERYTHING / c).toBeLessThanOrEqual(limit);
        expect(c).toBeLessThanOrEqual(n - u);
        expect((1 - p / EVERYTHING) / (n - c)).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

describe("while slots are updated", () => {
  it("the share gives every slot in rotation the same load, up to the step's", () => {
    expect(evenShare(EVERYTHING, 1, 1)).toBe(5_000);
    expect(evenShare(basisPoints(500), 1, 1)).toBe(500);
    expect(evenShare(EVERYTHING, 0, 3)).toBe(0);
    expect(evenShare(basisPoints(500), 3, 0)).toBe(EVERYTHING);
  });
});

describe("going back", () => {
  it.each([
    { id: "all return at once where half the slots are stable", n: 2, stable: 1, share: 0, keep: 0 },
    { id: "a fifth returns at once to one of ten", n: 10, stable: 1, share: 8_000, keep: 4 },
    { id: "nobody returns before a slot does", n: 4, stable: 0, share: 10_000, keep: 2 },
  ])("$id", ({ n, stable, share, keep }) => {
    expect(wayBack(n, stable, 2)).toEqual({ share, keep });
  });

  it("asks no slot to carry more than maxLoad times the even load", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.nat(60),
        fc.integer({ min: 10, max: 40 }),
        (n, s, tenths) => {
          const stable = Math.min(n, s);
          const maxLoad = tenths / 10;
          const { share, keep } = wayBack(n, stable, maxLoad);
          const limit = maxLoad / n + 1e-9;
          const onStable = stable === 0 ? 0 : (EVERYTHING - share) / EVERYTHING / stable;
          const onCanary = share === 0 || keep === n - stable ? 0 : share / EVERYTHING / keep;
          expect(onStable).toBeLessThanOrEqual(limit);
          expect(onCanary).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });
});

it.each([
  [2, 1, 2, 0],
  [4, 2, 2, 0],
  [4, 1, 2, 5000],
  [10, 3, 2, 4000],
  [40, 19, 2, 1000],
  [4, 1, 4, 0],
])("of %i slots %i stable ones at a load of %d hold visitors from bucket %i on", (n, stable, load, from) => {
  expect(pinsHeldFrom(n, stable, load)).toBe(from);
});

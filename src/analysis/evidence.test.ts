import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import { NO_EVIDENCE, USERS_KEPT, rankOf, sliceOf, startOf, type UserRequest } from "../model/evidence.ts";
import { NOTHING_SEEN, addBoth, type Both } from "./evidence.ts";

const request = fc.record({
  user: fc.integer({ min: 0, max: 400 }),
  arrived: fc.integer({ min: 0, max: 5 }).map(instant),
  bucket: fc.option(fc.integer({ min: 0, max: 3 })),
  failure: fc.option(fc.constantFrom(404, 500)),
}) satisfies fc.Arbitrary<UserRequest>;
const counts = fc.dictionary(fc.constantFrom("1", "2", "500"), fc.nat(9));
const role = fc.record({
  requests: fc.nat(9),
  failures: counts,
  latency: counts,
  left: counts,
  arrived: counts,
  users: fc.array(request, { maxLength: 300 }),
  failedUsers: fc.array(request, { maxLength: 9 }),
  cold: fc.nat(9),
});
const piece = fc.record({ canary: role, stable: role }) satisfies fc.Arbitrary<Both>;
const sum = (pieces: readonly Both[]) => pieces.reduce(addBoth, NOTHING_SEEN);

describe("pieces of a slice", () => {
  it("add up to the same, whatever their order and whichever are added first", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), fc.nat(4), (pieces, cut) => {
        const whole = sum(pieces);
        expect(sum(pieces.toReversed())).toEqual(whole);
        expect(addBoth(sum(pieces.slice(0, cut)), sum(pieces.slice(cut)))).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it("keep the users of the lowest rank, whatever their role", () => {
    const users = (odd: number) =>
      Array.from({ length: USERS_KEPT }, (_, i) => ({
        user: 2 * i + odd,
        arrived: instant(0),
        bucket: null,
        failure: null,
      }));
    const kept = sum([
      { canary: { ...NO_EVIDENCE, users: users(1) }, stable: NO_EVIDENCE },
      { canary: NO_EVIDENCE, stable: { ...NO_EVIDENCE, users: users(0) } },
    ]);
    const ranks = [...kept.canary.users, ...kept.stable.users].map(({ user }) => rankOf(user));
    const all = [...users(0), ...users(1)].map(({ user }) => rankOf(user)).toSorted((a, b) => a - b);
    expect(ranks.toSorted((a, b) => a - b)).toEqual(all.slice(0, USERS_KEPT));
    expect(kept.canary.users.length).toBeGreaterThan(USERS_KEPT / 4);
    expect(kept.stable.users.length).toBeGreaterThan(USERS_KEPT / 4);
  });
});

describe("a slice", () => {
  it("holds a quarter of a second, its beginning included", () => {
    expect(startOf(sliceOf(instant(1_700_000_000_250)))).toBe(1_700_000_000_250);
    expect(sliceOf(instant(1_700_000_000_499))).toBe(sliceOf(instant(1_700_000_000_250)));
  });
});

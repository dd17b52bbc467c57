import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import type { MadeRequest } from "../../test/support/evidence.ts";
import { feed, judgeOf, ONE, seasoned, START, traffic } from "../../test/support/judged.ts";
import { CLIENT_LEFT } from "../model/evidence.ts";

interface Given {
  readonly share?: number;
  /** Requests of the canary; of the stable, none. */
  readonly asked?: number;
  /** One of so many fails. */
  readonly one?: number;
  readonly how?: Partial<MadeRequest>;
  /** One of so many of the stable's failed before. */
  readonly before?: number;
}

const FAILS = { status: 500 };
const every =
  (one: number, how: Partial<MadeRequest>) =>
  (i: number): Partial<MadeRequest> =>
    i % one === 0 ? how : {};

const units = ["request", "user"] as const;

function verdictsOn({ share = 10_000, asked = 7, one = 1, how = FAILS, before = Infinity }: Given) {
  return units.map((unit) => {
    const judge = judgeOf({ unit }, ONE);
    const made = traffic({
      from: START + 1000,
      seconds: asked / 10,
      rate: 10,
      each: 1,
      all: () => ({ user: 7 }),
      canary: every(one, how),
    });
    const known = seasoned(judge, share, { all: every(before, FAILS) });
    const until = START + asked * 100 + 11_000;
    return judge.verdict(feed(judge, known, { made, until }), instant(until));
  });
}

describe("a canary that alone is asked", () => {
  it.each([
    { what: "fails seven times, and all have it", given: {} },
    { what: "fails seven times, and all that comes is one of its users", given: { share: 5000 } },
    { what: "fails half of what it is asked", given: { one: 2, asked: 100 } },
  ])("$what: it fails", ({ given }) => {
    for (const verdict of verdictsOn(given)) expect(verdict).toMatchObject({ kind: "fail", by: "gross" });
  });

  it("keeps clients waiting until they leave: it fails", () => {
    const kinds = verdictsOn({ how: { status: CLIENT_LEFT, took: 4000 } }).map(({ kind }) => kind);
    expect(kinds).toEqual(["fail", "fail"]);
  });

  it("says how many of how many failed", () => {
    const sentences = verdictsOn({ asked: 9 }).map(({ sentence }) => sentence);
    const said = "it fails: 9 of 9 (100 %), where the stable hardly did";
    expect(sentences).toEqual([said, said]);
  });

  it.each([
    { what: "fails six times", given: { asked: 6 } },
    { what: "fails one in five", given: { one: 5, asked: 300 } },
    { what: "fails as the stable did, which is one in ten", given: { before: 10 } },
    { what: "never fails", given: { one: Infinity, asked: 1000 } },
  ])("$what: that is not enough", ({ given }) => {
    for (const verdict of verdictsOn(given)) expect(verdict.by).not.toBe("gross");
  });

  it("by one user, among others who have the stable: that is one failure, however few requests come", () => {
    for (const unit of units) {
      const judge = judgeOf({ unit, errors: { ratio: 10, margin: 0.5 } }, ONE);
      const all = (i: number): Partial<MadeRequest> => ({ user: i % 4 === 0 ? 7 : i });
      const canary = every(4, FAILS);
      const made = traffic({ from: START + 1000, seconds: 300, rate: 2, each: 2, all, canary });
      const state = feed(judge, seasoned(judge, 5000), { made, until: START + 310_000 });
      expect(judge.verdict(state, instant(START + 310_000))).toMatchObject({ kind: "continue" });
    }
  });

  it("fails also where clocks differ a little, and long after the stable was last asked", () => {
    const judge = judgeOf({}, ONE);
    const straggler: MadeRequest = { arrived: START + 900, took: 20, role: "stable" };
    for (const [share, from] of [
      [5000, START + 1000],
      [10_000, START + 1000],
      [10_000, START + 3_600_000],
    ] as const) {
      const good = traffic({ from: START + 1000, seconds: 1, rate: 5, each: 1 });
      const bad = traffic({ from, seconds: 2, rate: 10, each: 1, canary: () => FAILS });
      const made = from > START + 2000 ? [straggler, ...good, ...bad] : [straggler, ...bad];
      const until = from + 12_000;
      const verdict = judge.verdict(feed(judge, seasoned(judge, share), { made, until }), instant(until));
      expect(verdict).toMatchObject({ kind: "fail", by: "gross" });
    }
  });
});

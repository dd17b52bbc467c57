import { describe, expect, it } from "vitest";
import { instant, minutes } from "../base/time.ts";
import { basisPoints } from "../model/share.ts";
import type { MadeRequest } from "../../test/support/evidence.ts";
import { feed, ONE, seasoned, SETTINGS, START, traffic } from "../../test/support/judged.ts";
import { createJudge, type Judge } from "./judge.ts";
import type { JudgeState } from "./state.ts";

interface Given {
  readonly share: number;
  readonly unit?: "user" | "request";
  readonly canary?: (i: number) => Partial<MadeRequest>;
}

/** 200 ms after the share came: 40 requests of which all or half are the canary's, and no slice is final. */
function soon({ share, unit = "request", canary = () => ({}) }: Given): readonly [Judge, JudgeState] {
  const judge = createJudge(
    { ...SETTINGS, unit },
    { gateways: ONE, shares: [basisPoints(share)], expected: minutes(1) },
  );
  const each = share === 10_000 ? 1 : 2;
  const all = (i: number): Partial<MadeRequest> => ({ user: i });
  const made = traffic({ from: START, seconds: 0.2, rate: 200, each, canary, all });
  return [judge, feed(judge, seasoned(judge, share), { made, until: START + 200 })];
}

const FAILS = { status: 500 };
const fails =
  (one: number) =>
  (i: number): Partial<MadeRequest> =>
    i % one === 0 ? { status: 500 } : {};

describe("a glance", () => {
  it("counts what was told and is not final yet, and is not remembered", () => {
    const [judge, state] = soon({ share: 5000 });
    const before = JSON.stringify(state);
    expect(judge.verdict(state, instant(START + 200)).canary.requests).toBe(0);
    expect(judge.glance(state)).toEqual({
      requests: 20,
      hasUsers: true,
      isDoubted: false,
      alarm: null,
    });
    expect(JSON.stringify(state)).toBe(before);
  });

  it("counts nobody of before the canary had a share", () => {
    const [judge] = soon({ share: 5000 });
    const made = traffic({ from: START, seconds: 0.2, rate: 200, each: 2, all: (i) => ({ user: i }) });
    const testers = feed(judge, seasoned(judge, 0), { made, until: START + 200 });
    expect(judge.glance(testers)).toMatchObject({ requests: 0, hasUsers: true });
  });

  it.each([
    { what: "all of its requests", share: 5000, canary: fails(1), isDoubted: true },
    { what: "half of them", share: 5000, canary: fails(2), isDoubted: true },
    { what: "one of twenty", share: 5000, canary: fails(20), isDoubted: true },
    { what: "none", share: 5000, canary: fails(1000), isDoubted: false },
    { what: "all, and nobody is left to compare with", share: 10_000, canary: fails(1), isDoubted: true },
    {
      what: "none, and nobody is left to compare with",
      share: 10_000,
      canary: fails(1000),
      isDoubted: false,
    },
  ])("doubts a canary that fails $what: $isDoubted", ({ share, canary, isDoubted }) => {
    const units = ["request", "user"] as const;
    const seen = units.map((unit) => {
      const [judge, state] = soon({ share, unit, canary: (i) => (i === 0 ? {} : canary(i)) });
      return judge.glance(state).isDoubted;
    });
    expect(seen).toEqual([isDoubted, isDoubted]);
  });

  it.each([
    { what: "fails the first and only request", canary: () => FAILS, alarm: "failing" },
    {
      what: "failed one, and then answered one",
      canary: (i: number) => (i === 0 ? FAILS : {}),
      asked: 2,
      alarm: null,
    },
    { what: "answers", canary: () => ({}), alarm: null },
  ])("alarms where a canary $what, and nobody else is asked: $alarm", ({ canary, asked = 1, alarm }) => {
    const judge = createJudge(SETTINGS, { gateways: ONE, shares: [basisPoints(5000)], expected: minutes(1) });
    const made = traffic({
      from: START + 500,
      seconds: asked,
      rate: 1,
      each: 1,
      canary,
      all: () => ({ user: 7 }),
    });
    const until = START + 3000;
    expect(judge.glance(feed(judge, seasoned(judge, 5000, { calm: 1 }), { made, until })).alarm).toBe(alarm);
  });

  const HANGS = { took: 60_000 };
  const SLOW = { took: 800 };

  it.each([
    { what: "hangs", canary: HANGS, isMissing: true },
    { what: "hangs, of a small share", share: 500, each: 20, canary: HANGS, isMissing: true },
    { what: "answers", canary: {}, isMissing: false },
    { what: "is as slow as the stable", canary: SLOW, all: SLOW, isMissing: false },
    { what: "hangs as the stable does", canary: HANGS, all: HANGS, isMissing: true },
    { what: "hangs where all who come are its users", each: 1, canary: HANGS, isMissing: true },
    {
      what: "hangs where nobody is left to compare with",
      share: 10_000,
      each: 1,
      canary: HANGS,
      isMissing: true,
    },
    { what: "answers where all who come are its users", each: 1, canary: {}, isMissing: false },
    { what: "is not asked by those who keep the stable", pinned: true, canary: HANGS, isMissing: false },
    { what: "hangs, and one was asked", calm: 1, rate: 1.5, canary: HANGS, isMissing: false },
    {
      what: "nobody asks, as nobody asked the stable in the last second",
      calm: 1,
      each: 1,
      canary: HANGS,
      isMissing: false,
    },
  ])("misses the requests of a canary that $what: $isMissing", (given) => {
    const {
      share = 5000,
      each = 2,
      rate = 200,
      pinned = false,
      calm = 0,
      canary,
      all = {},
      isMissing,
    } = given;
    const units = ["request", "user"] as const;
    const seen = units.map((unit) => {
      const plan = { gateways: ONE, shares: [basisPoints(share)], expected: minutes(1), pinned };
      const judge = createJudge({ ...SETTINGS, unit }, plan);
      const until = START + 2000;
      const asked = traffic({
        from: START,
        seconds: 2,
        rate,
        each,
        canary: () => canary,
        all: (i) => ({ user: i, ...all }),
      });
      const made = asked.filter(({ arrived, took }) => arrived + took < until);
      return judge.glance(feed(judge, seasoned(judge, share, { calm }), { made, until })).alarm === "missing";
    });
    expect(seen).toEqual([isMissing, isMissing]);
  });

  it("alarms no more when the stable is asked beside it, nor of a second that is long over", () => {
    const judge = createJudge(SETTINGS, { gateways: ONE, shares: [basisPoints(5000)], expected: minutes(1) });
    const first = traffic({ from: START + 500, seconds: 1, rate: 1, each: 1, canary: () => FAILS });
    const both = traffic({ from: START + 3000, seconds: 9, rate: 100, each: 2 });
    const known = seasoned(judge, 5000, { calm: 1 });
    const until = START + 13_000;
    const told = feed(judge, known, { made: [...first, ...both], until });
    expect(judge.glance(told).alarm).toBeNull();
    // Nobody came after the first switch; an hour later there is another one.
    const gone = feed(judge, seasoned(judge, 5000), { made: [], until });
    const later = START + 3_600_000;
    const quiet = feed(judge, gone, { made: [], until: later });
    const begun = judge.shareChanged(quiet, instant(later + 100), null);
    const changed = judge.shareChanged(begun, instant(later + 400), basisPoints(10_000));
    expect(judge.glance(feed(judge, changed, { made: [], until: later + 5000 })).alarm).toBeNull();
  });
});

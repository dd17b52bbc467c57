import { describe, expect, it } from "vitest";
import { after, instant, millis, minutes, seconds } from "../base/time.ts";
import type { PlannedAnalysis, Rollout } from "../model/rollout.ts";
import type { Glance, Verdict, VerdictKind } from "../model/verdict.ts";
import { basisPoints } from "../model/share.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { decide } from "./decide.ts";
import { lookMayEnd } from "./look.ts";
import type { Seen } from "./seen.ts";

const NOW = instant(2_000_000);
const ACTS: PlannedAnalysis = { observe: false, early: true };

/** At 5 %, with `left` of its bake to go (or over for so long). */
function baking(left: number, analysis: PlannedAnalysis | null = ACTS): Rollout {
  const rollout = rolloutOf({ steps: [step(500, { bake: minutes(1) }), step(10_000)] });
  const [first, second] = rollout.plan.slots;
  return {
    ...rollout,
    plan: { ...rollout.plan, analysis },
    phase: { name: "baking", until: instant(NOW + left) },
    slots: {
      ...rollout.slots,
      [first!]: { at: "settled", release: rollout.release },
    },
    routing: { canary: [first!], stable: [second!], share: basisPoints(500) },
    progressAt: instant(NOW - minutes(1) + left),
    touched: true,
  };
}

const verdict = (kind: VerdictKind): Verdict => ({
  kind,
  at: NOW,
  share: basisPoints(500),
  sentence: `it is ${kind}`,
  by: "errors",
  alpha: 0.05,
  p: 0.01,
  canary: { requests: 40, failed: 9, rate: { value: 0.2, low: 0, high: 1 }, latency: [], cold: 0 },
  stable: { requests: 800, failed: 0, rate: { value: 0, low: 0, high: 1 }, latency: [], cold: 0 },
  difference: { low: 0, high: 1 },
  tests: [
    {
      name: "errors",
      question: "error rate",
      unit: "user",
      wealth: 2,
      limit: 1,
      p: 0.01,
      where: null,
      proof: null,
    },
  ],
  budget: { failed: 9, low: 3, high: 12, most: 200 },
  requestsMissing: null,
  gaps: [],
});

function seen(rollout: Rollout, kind: VerdictKind | null): Seen {
  const health = Object.fromEntries(
    rollout.plan.slots.map((slot) => [
      slot,
      { known: true, at: NOW, value: { healthy: true, answer: "200" } } as const,
    ]),
  );
  return {
    slots: {},
    health,
    gateways: {},
    outcomes: [],
    ...(kind === null ? {} : { verdict: verdict(kind) }),
  };
}

const OBSERVES: PlannedAnalysis = { observe: true, early: true };
const LATE: PlannedAnalysis = { observe: false, early: false };

describe("a verdict", () => {
  it.each([
    { id: "fail goes back at once", left: 30_000, kind: "fail", phase: "aborting" },
    { id: "continue goes on baking", left: 30_000, kind: "continue", phase: "baking" },
    { id: "proven ends a bake early", left: 30_000, kind: "proven", phase: "finishing" },
    {
      id: "proven ends no bake early where that is not wanted",
      left: 1,
      kind: "proven",
      by: LATE,
      phase: "baking",
    },
    { id: "inconclusive does not end a bake early", left: 30_000, kind: "inconclusive", phase: "baking" },
    { id: "continue lets a bake end", left: 0, kind: "continue", phase: "finishing" },
    { id: "inconclusive holds a bake that is over", left: 0, kind: "inconclusive", phase: "baking" },
    { id: "unknown holds a bake that is over", left: 0, kind: "unknown", phase: "baking" },
    { id: "that is not there yet holds a bake that is over", left: 0, kind: null, phase: "baking" },
    { id: "that is only observed neither goes back", left: 9, kind: "fail", by: OBSERVES, phase: "baking" },
    { id: "nor ends a bake early", left: 9, kind: "proven", by: OBSERVES, phase: "baking" },
    { id: "nor holds it", left: 0, kind: "unknown", by: OBSERVES, phase: "finishing" },
    { id: "is not asked for where nothing is judged", left: 0, kind: null, by: null, phase: "finishing" },
  ] as const)("$id", ({ left, kind, phase, ...rest }) => {
    const rollout = baking(left, "by" in rest ? rest.by : ACTS);
    expect(decide(rollout, seen(rollout, kind), NOW).rollout.phase.name).toBe(phase);
  });

  it("on a time in which the share was being changed holds a bake that is over", () => {
    const rollout = baking(0);
    const told = { ...seen(rollout, "continue"), verdict: { ...verdict("continue"), share: null } };
    const { because, rollout: next } = decide(rollout, told, NOW);
    expect(next.phase.name).toBe("baking");
    expect(because).toContain("it is continue");
  });

  it("of fail is heeded while it is paused, and says what was counted, by which test, at which level", () => {
    const rollout = { ...baking(30_000), paused: { by: "alice", at: NOW } };
    const { aborted, paused } = decide(rollout, seen(rollout, "fail"), NOW).rollout;
    expect(paused).toBeNull();
    expect(aborted).toMatchObject({
      by: "analysis",
      error: {
        code: "analysis.failed",
        message: "v2 is judged: it is fail",
        details: "by error rate; counted by user; p 0.010, at most 0.05 over the whole rollout",
      },
    });
  });

  it("that holds a bake says what is missing, and holds it no longer than the progress deadline", () => {
    const rollout = baking(0);
    const held = decide(rollout, seen(rollout, "inconclusive"), NOW);
    expect(held.because).toBe(
      "5 % has held for 1m; waiting: it is inconclusive; " +
        "`glidepath promote` goes on all the same, else it goes back in 10m",
    );
    const end = after(NOW, rollout.plan.progressDeadline);
    const ended = decide(rollout, seen(rollout, "inconclusive"), end).rollout;
    expect(ended.aborted).toMatchObject({
      by: "deadline",
      error: { code: "deadline", message: "nothing moved for 10m: it is inconclusive" },
    });
    expect(decide(rollout, seen(rollout, "unknown"), instant(end - 1)).rollout.aborted).toBeNull();
  });
});

describe("a bake over a canary that is not well", () => {
  it("ends at the progress deadline with the slot and its answer, whatever else is missing", () => {
    const rollout = baking(0);
    const [first] = rollout.plan.slots;
    const sick = { known: true, at: NOW, value: { healthy: false, answer: "refused", misses: 9 } } as const;
    const world = seen(rollout, "inconclusive");
    const ill: Seen = { ...world, health: { ...world.health, [first!]: sick } };
    const waiting = decide(rollout, ill, NOW).rollout;
    const ended = decide(waiting, ill, after(NOW, rollout.plan.progressDeadline)).rollout;
    expect(ended.aborted).toMatchObject({
      by: "deadline",
      error: { message: `nothing moved for 10m: waiting until ${first} (refused) can carry the traffic` },
    });
  });
});

describe("the first look", () => {
  const LOOK = { observe: false, early: true, look: { requests: 20, atMost: seconds(3) } } as const;

  /** One of two slots has the release and half of the users, and nothing holds the step. */
  function widening(analysis: PlannedAnalysis): Rollout {
    const rollout = rolloutOf({ steps: [step(10_000)] });
    const [first, second] = rollout.plan.slots;
    return {
      ...rollout,
      plan: { ...rollout.plan, analysis },
      phase: { name: "updating" },
      slots: { ...rollout.slots, [first!]: { at: "settled", release: rollout.release } },
      routing: { canary: [first!], stable: [second!], share: basisPoints(5000) },
      progressAt: NOW,
      touched: true,
    };
  }

  const told = (canary: number, stable: number, misgivings: Partial<Glance> = {}): Glance => ({
    requests: canary,
    hasUsers: canary + stable > 0,
    isDoubted: false,
    alarm: null,
    ...misgivings,
  });
  const DOUBTED = { isDoubted: true };
  const MISSING = { alarm: "missing" } as const;

  const isHeld = (analysis: PlannedAnalysis, about: Glance | undefined, later = 0): boolean => {
    const rollout = decide(widening(analysis), seen(widening(analysis), null), NOW).rollout;
    const known = { ...seen(rollout, null), ...(about === undefined ? {} : { glance: about }) };
    const next = decide(rollout, known, instant(NOW + later)).rollout;
    return Object.values(next.slots).every(({ at }) => at === "settled");
  };

  it.each([
    { id: "while nobody has looked the last slot waits", about: undefined, held: true },
    { id: "with too few requests it waits", about: told(19, 300), held: true },
    { id: "with enough it leaves", about: told(20, 300), held: false },
    { id: "with enough, and doubts, it waits", about: told(20, 300, DOUBTED), held: true },
    { id: "not for ever", about: told(20, 300, DOUBTED), later: 3000, held: false },
    {
      id: "while others are missing it waits for longer",
      about: told(0, 90, MISSING),
      later: 3000,
      held: true,
    },
    { id: "also with enough", about: told(20, 900, MISSING), later: 29_999, held: true },
    { id: "not for ever either", about: told(0, 90, MISSING), later: 30_000, held: false },
    { id: "where nobody comes it leaves after a second", about: told(0, 0), later: 1000, held: false },
    { id: "not before: nobody may have been told of", about: told(0, 0), later: 999, held: true },
    { id: "after its time it leaves, whatever was seen", about: told(1, 9), later: 3000, held: false },
    { id: "not before", about: told(1, 9), later: 2999, held: true },
  ])("$id", ({ about, later = 0, held }) => expect(isHeld(LOOK, about, later)).toBe(held));

  it.each([
    { id: "is only observed", analysis: { ...LOOK, observe: true } },
    { id: "is of an older plan", analysis: ACTS },
  ])("holds nobody where a release $id", ({ analysis }) => {
    const rollout = widening(analysis);
    const next = decide(rollout, seen(rollout, null), NOW).rollout;
    expect(Object.values(next.slots).map(({ at }) => at)).toEqual(["settled", "leaving"]);
  });

  it("says what it waits for, wakes when its time is over, and is counted from the first users on", () => {
    const rollout = widening(LOOK);
    const about = { ...seen(rollout, null), glance: told(7, 40) };
    const one = decide(rollout, about, NOW);
    expect(one.because).toBe("its first users are watched: 7 of 20 requests seen, 3s left at most");
    expect(one.wakeAt).toBe(after(NOW, seconds(1)));
    const later = decide(one.rollout, about, instant(NOW + 1000));
    expect(later.rollout.usersSince).toBe(NOW);
    expect(later.because).toMatch(/ 2s left at most$/);
    const missed = { ...seen(rollout, null), glance: told(0, 40, MISSING) };
    expect(decide(one.rollout, missed, instant(NOW + 5000))).toMatchObject({
      because:
        "its first users are watched: 0 of 20 requests seen, far fewer than it was asked, 25s left at most",
      wakeAt: instant(NOW + 30_000),
    });
  });

  it.each([
    {
      id: "as long as nginx waits for an answer",
      look: { ...LOOK.look, longest: seconds(65) },
      later: 64_999,
      held: true,
    },
    { id: "and no longer", look: { ...LOOK.look, longest: seconds(65) }, later: 65_000, held: false },
    {
      id: "not at all where nothing waits for the judge",
      look: { ...LOOK.look, atMost: millis(0) },
      later: 0,
      held: false,
    },
  ])("waits for who is missing $id", ({ look, later, held }) =>
    expect(isHeld({ ...LOOK, look }, told(0, 90, MISSING), later)).toBe(held),
  );

  it("ends at once with a release that is worse than tolerated", () => {
    const rollout = widening(LOOK);
    const next = decide(rollout, seen(rollout, "fail"), NOW).rollout;
    expect(next.aborted).toMatchObject({ by: "analysis" });
  });

  it.each([
    { id: "at once while nobody was told of", about: told(0, 0), later: 400, end: NOW + 400 },
    { id: "nor is anybody awaited so often after a second", about: told(0, 0), later: 1000, end: null },
    { id: "at once while only the others are asked", about: told(0, 9), later: 1000, end: NOW + 1000 },
    { id: "as requests come", about: told(5, 9), later: 200, end: NOW + 800 },
    { id: "not once there are enough", about: told(20, 9), later: 200, end: null },
    { id: "at once while there are doubts", about: told(20, 9, DOUBTED), later: 200, end: NOW + 200 },
    { id: "not once its time is over", about: told(5, 9), later: 3000, end: null },
    { id: "nor for those who are missing then", about: told(5, 9, MISSING), later: 3000, end: null },
  ])("may have seen enough: $id", ({ about, later, end }) => {
    const { rollout } = decide(widening(LOOK), seen(widening(LOOK), null), NOW);
    expect(lookMayEnd(rollout, about, instant(NOW + later))).toBe(end);
  });
});

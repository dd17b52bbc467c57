import { describe, expect, it } from "vitest";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { after, instant, millis, minutes, seconds } from "../base/time.ts";
import type { PlannedAnalysis, Rollout } from "../model/rollout.ts";
import { basisPoints } from "../model/share.ts";
import type { Glance } from "../model/verdict.ts";
import { isLastLooking, isWatched, lookWakes, lookWords } from "./look.ts";
import type { Seen } from "./seen.ts";

const NOW = instant(2_000_000);
const LONG_AGO = instant(NOW - minutes(5));
const LOOK = {
  observe: false,
  early: true,
  look: { requests: 20, atMost: seconds(2), longest: seconds(65) },
} as const;

/** The first of two slots has the release, and so many of the users; the other one left just now. */
function last(share: number, analysis: PlannedAnalysis | null = LOOK): Rollout {
  const rollout = rolloutOf({ steps: [step(10_000)] });
  const [first] = rollout.plan.slots;
  return {
    ...rollout,
    plan: { ...rollout.plan, analysis },
    routing: { canary: [first!], stable: [], share: basisPoints(share) },
    usersSince: LONG_AGO,
  };
}

const told = (requests: number, more: Partial<Glance> = {}): Glance => ({
  requests,
  hasUsers: true,
  isDoubted: false,
  alarm: null,
  ...more,
});
const seen = (glance?: Glance): Seen => ({
  slots: {},
  health: {},
  gateways: {},
  outcomes: [],
  ...(glance === undefined ? {} : { glance }),
});

describe("the last look, when all users have been led to the release", () => {
  it.each([
    {
      id: "holds the last slots that ran the other one while too few were seen",
      glance: told(19),
      held: true,
    },
    { id: "not once there are enough", glance: told(20), held: false },
    { id: "not for long", glance: told(0), later: 2000, held: false },
    { id: "not where nobody comes", glance: told(0, { hasUsers: false }), held: false },
    { id: "nor for what was only a doubt before", glance: told(20, { isDoubted: true }), held: false },
    { id: "while most fail, for longer", glance: told(90, { alarm: "failing" }), later: 64_999, held: true },
    { id: "while it hangs, too", glance: told(0, { alarm: "missing" }), later: 64_999, held: true },
    { id: "not for ever", glance: told(0, { alarm: "missing" }), later: 65_000, held: false },
    { id: "until somebody has looked", glance: undefined, held: true },
    { id: "not while others have the stable", share: 9999, glance: told(0), held: false },
    { id: "not where nothing is judged", analysis: null, glance: told(0), held: false },
    {
      id: "nor where it is only observed",
      analysis: { ...LOOK, observe: true },
      glance: told(0),
      held: false,
    },
    {
      id: "nor where nothing waits for the judge",
      analysis: { ...LOOK, look: { ...LOOK.look, atMost: millis(0) } },
      glance: told(0, { alarm: "failing" }),
      held: false,
    },
  ])("$id", ({ glance, later = 0, share = 10_000, analysis = LOOK, held }) => {
    const times = { since: NOW, now: instant(NOW + later) };
    expect(isLastLooking(last(share, analysis), seen(glance), times)).toBe(held);
  });

  it("is asked for, wakes when its time is over, and says what it waits for", () => {
    const rollout = last(10_000);
    expect(isWatched(rollout, NOW)).toBe(true);
    expect(isWatched(last(5000), NOW)).toBe(false);
    expect(lookWakes(rollout, [NOW])).toEqual(
      expect.arrayContaining([after(NOW, seconds(2)), after(NOW, seconds(65))]),
    );
    const words = lookWords(rollout, seen(told(3, { alarm: "failing" })), { now: NOW, since: NOW });
    expect(words).toBe(
      "its first users are watched: 3 of 20 requests seen, and most fail, 1m5s left at most",
    );
  });
});

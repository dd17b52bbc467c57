import { describe, expect, it } from "vitest";
import { seededRandom } from "../base/random.ts";
import { instant } from "../base/time.ts";
import type { EvidenceSlice } from "../model/evidence.ts";
import { basisPoints } from "../model/share.ts";
import { slicesOf, type MadeRequest } from "../../test/support/evidence.ts";
import { judgeOf, ONE, seasoned, START, traffic } from "../../test/support/judged.ts";
import type { Judge } from "./judge.ts";
import type { JudgeState } from "./state.ts";

interface Mirrored {
  readonly seconds: number;
  /** Copies a second. */
  readonly rate: number;
  readonly copy?: (i: number) => Partial<MadeRequest>;
  readonly twin?: (i: number) => Partial<MadeRequest>;
}

/** All users are with the stable release, and of some requests there are copies. */
function slices({ seconds, rate, copy = () => ({}), twin = () => ({}) }: Mirrored): readonly EvidenceSlice[] {
  const users = slicesOf(traffic({ from: START, seconds, rate: 200, each: Infinity }));
  const pairs = Array.from({ length: seconds * rate }, (_, i): readonly MadeRequest[] => {
    const base = { arrived: START + (i * 1000) / rate, took: 30 + ((i * 37) % 40) };
    return [
      { ...base, role: "canary", ...copy(i) },
      { ...base, role: "stable", ...twin(i) },
    ];
  });
  const copies = new Map(slicesOf(pairs.flat()).map((each) => [each.slice, each]));
  return users.map((each) => {
    const mirrored = copies.get(each.slice);
    return mirrored === undefined ? each : Object.assign(each, { mirrored });
  });
}

function mirroring(judge: Judge, given: Mirrored): { readonly state: JudgeState; readonly end: number } {
  const end = START + given.seconds * 1000;
  const begun = judge.shareChanged(seasoned(judge, 0), instant(START), "mirrored");
  const told = { gateway: ONE[0]!, through: instant(end), slices: slices(given), lost: 0 };
  return { state: judge.observe(begun, told, instant(end)), end };
}

function verdictOn(given: Mirrored, settings: Parameters<typeof judgeOf>[0] = {}) {
  const judge = judgeOf(settings, ONE);
  const { state, end } = mirroring(judge, given);
  return { state, verdict: judge.verdict(state, instant(end)) };
}

const GOOD: Mirrored = { seconds: 60, rate: 20 };

describe.each(["request", "user"] as const)("what is mirrored, where the unit is the %s,", (unit) => {
  it("says nothing against a release that is no worse", () => {
    const { verdict } = verdictOn(GOOD, { unit });
    expect(verdict.kind).toBe("continue");
    expect(verdict.sentence).toContain("failed of what is mirrored: canary 0 of 1200");
    expect(verdict.mirrored?.stable.requests).toBe(1200);
  });

  it("finds one that fails, and counts it as no harm to anybody", () => {
    const { verdict } = verdictOn({ ...GOOD, copy: (i) => (i % 4 === 0 ? { status: 500 } : {}) }, { unit });
    expect(verdict).toMatchObject({
      kind: "fail",
      by: unit === "user" ? "first requests" : "errors",
      canary: { requests: 0, failed: 0 },
      mirrored: { canary: { requests: 1200, failed: 300 }, stable: { failed: 0 } },
      budget: { failed: 0, low: 0, high: 0 },
    });
  });

  it("finds one that is slow", () => {
    const slow = (i: number): Partial<MadeRequest> => ({ took: 300 + ((i * 37) % 40) });
    const { verdict } = verdictOn({ ...GOOD, copy: slow }, { unit });
    expect(verdict).toMatchObject({ kind: "fail", by: "latency" });
    expect(verdict.sentence).toContain("mirrored; canary p50 3");
  });

  it("does not blame it for what fails of the stable release too", () => {
    const bad = (i: number): Partial<MadeRequest> => (i % 4 === 0 ? { status: 500 } : {});
    expect(verdictOn({ ...GOOD, copy: bad, twin: bad }, { unit }).verdict.kind).toBe("continue");
  });
});

describe("what is mirrored", () => {
  it("holds the step as long as it is too little, none at all included", () => {
    const few = verdictOn({ seconds: 10, rate: 4 }).verdict;
    expect(few).toMatchObject({ kind: "inconclusive", requestsMissing: 160 });
    expect(few.sentence).toBe("too few requests are mirrored to judge: 160 more are needed");
    expect(verdictOn({ seconds: 10, rate: 0 }).verdict.kind).toBe("inconclusive");
  });

  it("does not count for a step that leads users to the release", () => {
    const judge = judgeOf({}, ONE);
    const { state, end } = mirroring(judge, GOOD);
    const led = judge.shareChanged(state, instant(end), basisPoints(500));
    const through = instant(end + 1000);
    const later = judge.observe(led, { gateway: ONE[0]!, through, slices: [], lost: 0 }, through);
    expect(judge.verdict(later, through)).toMatchObject({ kind: "inconclusive", requestsMissing: 200 });
  });

  it("proves nothing of what changes something, and so never ends a bake early", () => {
    expect(verdictOn({ seconds: 120, rate: 100 }).verdict.kind).toBe("continue");
  });

  it("needs no share told: without a mirror in force there is nothing to compare", () => {
    const judge = judgeOf({}, ONE);
    const end = START + 10_000;
    const told = {
      gateway: ONE[0]!,
      through: instant(end),
      slices: slices({ seconds: 10, rate: 0 }),
      lost: 0,
    };
    const state = judge.observe(seasoned(judge, 0), told, instant(end));
    expect(judge.verdict(state, instant(end)).sentence).toContain("nothing to compare with");
  });

  it("goes on to the same numbers when it was put away as JSON in the middle", () => {
    const judge = judgeOf({}, ONE);
    const all = slices({ ...GOOD, copy: (i) => (i % 50 === 0 ? { status: 500 } : {}) });
    const begun = judge.shareChanged(seasoned(judge, 0), instant(START), "mirrored");
    const tell = (state: JudgeState, from: number, until: number): JudgeState => {
      const given = all.filter(({ slice }) => slice * 250 >= from && slice * 250 < until);
      const through = instant(until);
      return judge.observe(state, { gateway: ONE[0]!, through, slices: given, lost: 0 }, through);
    };
    const [middle, end] = [START + 20_125, START + 60_000];
    const kept = JSON.parse(JSON.stringify(tell(begun, 0, middle))) as JudgeState;
    expect(tell(kept, middle, end).mirror).toEqual(tell(tell(begun, 0, middle), middle, end).mirror);
    expect(tell(kept, middle, end).tests).toEqual(tell(begun, 0, end).tests);
  });

  it("raises a false alarm in not more than its part of the rollouts, whatever requests fail alike", () => {
    const random = seededRandom(7);
    let alarms = 0;
    for (let run = 0; run < 100; run += 1) {
      // A tenth of the requests fails nearly always, the others nearly never, of either release.
      const fails = (i: number): Partial<MadeRequest> =>
        random.chance(i % 10 === 0 ? 0.8 : 0.01) ? { status: 500 } : {};
      const judge = judgeOf({}, ONE);
      if (judge.hasFailed(mirroring(judge, { seconds: 30, rate: 20, copy: fails, twin: fails }).state))
        alarms += 1;
    }
    expect(alarms).toBeLessThanOrEqual(5);
  });
});

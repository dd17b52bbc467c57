import { describe, expect, it } from "vitest";
import { slicesOf, type MadeRequest } from "../../test/support/evidence.ts";
import { seededRandom } from "../base/random.ts";
import { instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { basisPoints } from "../model/share.ts";
import { NO_TRAFFIC } from "../model/traffic.ts";
import type { LogSlice } from "../ports/telemetry.ts";
import { SETTINGS } from "../../test/support/judged.ts";
import { levelsOf, timeOfDay } from "./levels.ts";
import { replay } from "./replay.ts";

const START = 1_700_000_000_000;
const LONG = 40;

interface Course {
  /** The canary's part of what arrives, 40 s each. */
  readonly parts: readonly number[];
  readonly rate?: number;
  readonly seed?: number;
  readonly request?: (second: number, role: "canary" | "stable") => Partial<MadeRequest>;
}

function recorded({ parts, rate = 50, seed = 1, request = () => ({}) }: Course): readonly LogSlice[] {
  const random = seededRandom(seed);
  const made = Array.from({ length: parts.length * LONG * rate }, (_, i): MadeRequest => {
    const second = i / rate;
    const role = random.next() < (parts[Math.floor(second / LONG)] ?? 0) ? "canary" : "stable";
    const took = 40 + random.int(0, 60);
    return { arrived: START + second * 1000, took, role, ...request(second, role) };
  });
  return slicesOf(made).map((slice) => Object.assign(slice, { traffic: NO_TRAFFIC }));
}

/** Percent to the nearest five, and seconds after the start to the nearest five. */
const found = (course: Course) =>
  levelsOf(recorded(course)).shares.map(({ at, share }) => [fives(share / 100), fives((at - START) / 1000)]);
const fives = (value: number): number => Math.round(value / 5) * 5;

describe("the shares of a rollout, as its log tells", () => {
  it.each([
    { id: "one step", parts: [0, 0.05, 0.05], expected: [[5, 40]] },
    {
      id: "every step",
      parts: [0, 0.05, 0.25, 0.5, 1],
      expected: [
        [5, 40],
        [25, 80],
        [50, 120],
        [100, 160],
      ],
    },
    {
      id: "a log that begins in the middle",
      parts: [0.25, 0.5],
      expected: [
        [25, 0],
        [50, 40],
      ],
    },
    {
      id: "the way back",
      parts: [0, 0.05, 0.25, 0],
      expected: [
        [5, 40],
        [25, 80],
        [0, 120],
      ],
    },
    {
      id: "a way back in two moves",
      parts: [0, 0.5, 0.2, 0],
      expected: [
        [50, 40],
        [20, 80],
        [0, 120],
      ],
    },
    { id: "none, as traffic that is missing", parts: [0, 0.25, 0.1, 0.1], expected: [[25, 40]] },
    { id: "none, as traffic that comes back", parts: [0, 0.25, 0.1, 0.25], expected: [[25, 40]] },
    { id: "nobody", parts: [0, 0], expected: [] },
  ])("$id", ({ parts, expected }) => {
    expect(found({ parts })).toEqual(expected);
  });

  it("one share stays one, whatever chance does", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      expect(found({ parts: [0, 0.1, 0.1, 0.1, 0.1], rate: 20, seed })).toHaveLength(1);
    }
  });

  it("another canary, after the first was gone, is of another rollout", () => {
    const { shares, next } = levelsOf(recorded({ parts: [0, 0.25, 0, 0.25] }));
    expect(shares.map(({ share }) => share > 0)).toEqual([true, false]);
    expect(Math.round((next! - START) / 5000) * 5).toBe(120);
  });
});

const FREE = { shares: [], pinned: false };
const settings: AnalysisSettings = { ...SETTINGS, minRequests: 50 };
const courseOf = (course: Course) => replay(settings, recorded(course), FREE)!;

describe("a rollout of several steps that is judged by its log", () => {
  it("is well where nothing is wrong with it", () => {
    const { course } = courseOf({ parts: [0, 0.05, 0.25, 0.5] });
    // For a while after each step there are too few requests to say so.
    const against = course.filter(
      ({ kind, by }) => kind === "fail" || (kind === "inconclusive" && by === "traffic"),
    );
    expect(against.map(({ sentence }) => sentence)).toEqual([]);
    expect(["continue", "proven"]).toContain(course.at(-1)!.kind);
  });
  it("control: held against one mean share it would be said to miss traffic", () => {
    const shares = [{ share: basisPoints(1800), time: null }];
    const { course } = replay(settings, recorded({ parts: [0, 0.05, 0.25, 0.5] }), {
      shares,
      pinned: false,
    })!;
    expect(course.at(-1)).toMatchObject({ kind: "fail", by: "traffic" });
  });
  it("is given up for traffic that is missing at its second step", () => {
    const { course } = courseOf({ parts: [0, 0.05, 0.25, 0.1] });
    expect(course.at(-1)).toMatchObject({ kind: "fail", by: "traffic" });
  });
  describe("and whose visitors stayed", () => {
    const shares = [{ share: basisPoints(6000), time: null }];
    const lags = recorded({ parts: [0, 0.1, 0.2, 0.3] });
    const kindOf = (given: Parameters<typeof replay>[2], slices = lags) =>
      replay(settings, slices, given)!.course.at(-1);

    it("is not said to miss those who stay elsewhere; the control is without pins", () => {
      expect(kindOf({ shares, pinned: false })).toMatchObject({ kind: "fail", by: "traffic" });
      const pinned = kindOf({ shares, pinned: true })!;
      expect(["continue", "proven"]).toContain(pinned.kind);
      expect(pinned.tests.map(({ name }) => name)).not.toContain("traffic");
    });
    it("nor where its share is read off the log, and falls for a while", () => {
      const falls = recorded({ parts: [0, 0.25, 0.1, 0.1] });
      expect(kindOf({ shares: [], pinned: false }, falls)).toMatchObject({ kind: "fail", by: "traffic" });
      expect(["continue", "proven"]).toContain(kindOf({ shares: [], pinned: true }, falls)!.kind);
    });
    it("is given up for what fails, as ever", () => {
      const request = (second: number, role: string) => ({
        status: second > 60 && role === "canary" ? 500 : 200,
      });
      const failing = recorded({ parts: [0, 0.1, 0.2], request });
      expect(kindOf({ shares, pinned: true }, failing)).toMatchObject({ kind: "fail", by: "errors" });
    });
  });
  it("inherits nothing from a rollout that was before in the same log", () => {
    const fails = (second: number, role: string) => ({
      status: second > 120 && role === "canary" ? 500 : 200,
    });
    const { course, next, until } = courseOf({ parts: [0, 0.25, 0, 0.25], request: fails });
    expect(course.some(({ kind }) => kind === "fail")).toBe(false);
    expect(until).toBe(next);
  });
});

it("a time of the day is that of the nearest day, also beyond midnight", () => {
  const around = instant(Date.UTC(2026, 10, 25, 23, 50));
  expect(timeOfDay(around, 23 * 3_600_000)).toBe(Date.UTC(2026, 10, 25, 23, 0));
  expect(timeOfDay(around, 60_000)).toBe(Date.UTC(2026, 10, 26, 0, 1));
});

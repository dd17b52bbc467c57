import { describe, expect, it } from "vitest";
import { createJudge, type Judge } from "../../src/analysis/judge.ts";
import type { JudgeState } from "../../src/analysis/state.ts";
import { instant, minutes } from "../../src/base/time.ts";
import { basisPoints } from "../../src/model/share.ts";
import { GATEWAY, evidenceOf, type MadeRequest } from "../support/evidence.ts";
import { SETTINGS, START } from "../support/judged.ts";

const PLAN = {
  gateways: [GATEWAY],
  shares: [100, 500, 1000, 2500, 5000, 10_000].map(basisPoints),
  expected: minutes(30),
};

/** So long before the canary comes the stable serves 200 requests a second; of a thousand, one fails. */
const BEFORE = 100_000;

const stableRequests = (from: number, count: number, every: number): MadeRequest[] =>
  Array.from({ length: count }, (_, i) => ({
    arrived: from + i * every,
    took: 50 + (i % 50),
    role: "stable",
  }));

const failing = (requests: readonly MadeRequest[], each: number): MadeRequest[] =>
  requests.map((request, i) => (i % each === 0 ? { ...request, status: 500 } : request));

/** A judge that has seen the stable for a while, and is told of the share. */
function seasoned(share: number) {
  const judge = createJudge(SETTINGS, PLAN);
  let state = judge.begin(instant(START - BEFORE));
  state = judge.shareChanged(state, instant(START - BEFORE), basisPoints(0));
  const through = instant(START);
  state = judge.observe(
    state,
    evidenceOf(failing(stableRequests(START - BEFORE, 20_000, 5), 1000), through),
    through,
  );
  return { judge, state: judge.shareChanged(state, through, basisPoints(share)) };
}

/** Blocks of one canary request, failed, with the stable requests that go with it; until it is a fail. */
function failuresUntilFail(judge: Judge, from: JudgeState, share: number): number {
  let state = from;
  for (let count = 1; count <= 20; count += 1) {
    const at = START + 3000 + count * 1000;
    const stable = Math.round((10_000 - share) / share);
    const requests: MadeRequest[] = [
      ...stableRequests(at, stable, 0),
      { arrived: at, took: 20, role: "canary", status: 500 },
    ];
    const through = instant(at + 1000);
    state = judge.observe(state, evidenceOf(requests, through), through);
    if (judge.verdict(state, through).kind === "fail") return count;
  }
  return Infinity;
}

describe("a canary that fails everything, beside a clean stable", () => {
  it.each([
    [100, 2],
    [500, 2],
    [1000, 2],
    [2500, 3],
    [5000, 5],
  ])("at %d basis points is given up at failed request %d", (share, expected) => {
    const { judge, state } = seasoned(share);
    expect(failuresUntilFail(judge, state, share)).toBe(expected);
  });
});

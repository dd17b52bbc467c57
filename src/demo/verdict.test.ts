import { describe, expect, it } from "vitest";
import type { LoadReport } from "./load/report.ts";
import { playOf } from "./play.ts";
import type { Act } from "./stagehand.ts";
import { type Played, judge, resultTable } from "./verdict.ts";

const play = playOf(false);
const act = (code: number | null, startedAt: number): Act => ({
  args: [],
  code,
  startedAt,
  endedAt: startedAt + 4200,
  reloads: startedAt === 0 ? 1 : 0,
  sameWorkers: startedAt !== 0,
});
const played = (codes: readonly (number | null)[]): readonly Played[] =>
  codes.map((code, at) => ({ planned: play[at]!, act: act(code, at * 5000) }));

/** One good request each 100 ms for 16 s; those at `bad` failed. */
function reportOf(bad: readonly number[]): LoadReport {
  const sentAt = Array.from({ length: 160 }, (_, n) => n * 100);
  const failures = bad.map((at) => ({
    kind: "reset" as const,
    sentAt: at,
    took: 1,
    method: "GET",
    path: "/",
    user: 0,
    status: null,
    answeredBy: null,
    message: "socket hang up",
  }));
  return {
    startedAt: 0,
    endedAt: 16_000,
    requests: sentAt.length,
    failed: bad.length,
    asked: {},
    byKind: { reset: bad.length },
    failures,
    seconds: [],
    answers: [],
    changes: [],
    samples: {
      names: ["v1@1"],
      sentAt,
      delay: sentAt.map(() => 2),
      asked: sentAt.map(() => 0),
      by: sentAt.map((at) => (bad.includes(at) ? -1 : 0)),
    },
  };
}

describe("the verdict of the demo", () => {
  it("is good when every release ended as planned and no request failed", () => {
    const verdict = judge(play, played([0, 0, 1]), reportOf([]));
    expect(verdict.code).toBe(0);
    expect(verdict.sentence).toBe("160 requests, none failed; the bad release went back by itself.");
    expect(resultTable(verdict)).toBe(
      [
        "release  outcome    took  requests  failed  p99 ms  reloads  nginx workers",
        "-------  ---------  ----  --------  ------  ------  -------  -------------",
        "v1       completed  4.2s         -       -       -        1  new ones",
        "v2       completed  4.2s        50       0       2        0  the same",
        "v4       went back  4.2s        60       0       2        0  the same",
      ].join("\n"),
    );
  });
  it.each([
    ["a request failed", [0, 0, 1], [7000], "1 of 160 requests failed, the first with: socket hang up."],
    ["the bad release was kept", [0, 0, 0], [], "release v4 ended with exit code 0, not 1."],
    ["the smooth release went back", [0, 1], [], "release v2 ended with exit code 1, not 0."],
  ])("is bad when %s", (_, codes, bad, sentence) => {
    const verdict = judge(play, played(codes), reportOf(bad));
    expect(verdict.code).toBe(1);
    expect(verdict.sentence).toBe(`Not as it should be: ${sentence}`);
  });
  it.each([
    ["between two releases", [0]],
    ["by the person who was asked", [0, 5]],
    ["by a signal", [0, null]],
  ])("is bad when it was ended %s", (_, codes) => {
    const sentence = "The demo was ended before its end.";
    expect(judge(play, played(codes), reportOf([]))).toMatchObject({ code: 1, sentence });
    expect(judge(play, played(codes), null)).toMatchObject({ code: 1, sentence });
  });
  it("counts a failed request for the release in whose time it was sent", () => {
    const { lines } = judge(play, played([0, 0, 1]), reportOf([7000, 9900, 10_000]));
    expect(lines.map(({ release, failed }) => [release, failed])).toEqual([
      ["v1", null],
      ["v2", 2],
      ["v4", 1],
    ]);
  });
});

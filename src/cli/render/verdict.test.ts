import { describe, expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import { basisPoints } from "../../model/share.ts";
import type { RoleSummary, Verdict, VerdictKind } from "../../model/verdict.ts";
import { print } from "./text.ts";
import { judgeLine, trailWith, verdictLines, type Point } from "./verdict.ts";

const role = (requests: number, failed: number, more: Partial<RoleSummary> = {}): RoleSummary => ({
  requests,
  failed,
  rate: { value: requests === 0 ? null : failed / requests, low: 0, high: 1 },
  latency: [
    { q: 0.5, value: 41, low: 38, high: 44 },
    { q: 0.99, value: 230.4, low: null, high: null },
  ],
  cold: 0,
  ...more,
});

const BAD: Verdict = {
  kind: "continue",
  at: instant(10_000),
  share: basisPoints(500),
  sentence: "nothing against it so far; failed: canary 6 of 120 (5 %), stable 2 of 2280 (0.1 %)",
  by: "errors",
  alpha: 0.05,
  p: 0.2,
  canary: role(120, 6),
  stable: role(2280, 2),
  difference: { low: -0.0012, high: 0.131 },
  tests: [
    {
      name: "errors",
      question: "more than 1.1 times the errors",
      unit: "user",
      wealth: 0.8,
      limit: 1.6,
      p: 0.16,
      where: null,
      proof: { wealth: 0.4, limit: 1.3 },
    },
    {
      name: "latency",
      question: "slower",
      unit: "user",
      wealth: 0.4,
      limit: 1.6,
      p: 0.4,
      where: "p99",
      proof: null,
    },
  ],
  budget: { failed: 5.9, low: 0, high: 12, most: 200 },
  requestsMissing: null,
  gaps: [],
};

const OPTIONS = { release: "v2", from: "v1", observe: false, columns: 80 };
const shown = (
  verdict: Partial<Verdict>,
  { trail = [], ...options }: Partial<typeof OPTIONS> & { trail?: readonly Point[] } = {},
  unicode = true,
): readonly string[] => {
  const all = { ...OPTIONS, ...options };
  const lines = verdictLines({ ...BAD, ...verdict }, trail, all);
  return print(lines, { columns: all.columns, color: false, unicode }).split("\n");
};

/** A canary of which more fails from second to second. */
const trailOf = (length: number): readonly Point[] =>
  Array.from({ length }, (_, i) => i).reduce<readonly Point[]>(
    (trail, i) =>
      trailWith(trail, {
        ...BAD,
        at: instant(10_000 + i * 1000),
        canary: role(20 * i, i * (i - 1)),
        stable: role(380 * i, 0),
        difference: { low: -0.3 / (i + 1), high: 0.7 / (i + 1) },
        tests: BAD.tests.map((one) => ({ ...one, wealth: (one.limit * i) / length })),
      }),
    [],
  );

describe("a verdict", () => {
  test("has both releases side by side, and how near a decision is", () => {
    expect(shown({}, { trail: trailOf(6) })).toEqual([
      "  judge  continue  nothing against it so far; failed: canary 6 of 120 (5 %),",
      "         stable 2 of 2280 (0.1 %)",
      "        requests  failed     p50    p99",
      "    v1  2,280     2 (0.1 %)  41 ms  230 ms  ▁▁▁▁▁",
      "    v2  120       6 (5 %)    41 ms  230 ms  ▁▃▅▆█",
      "    evidence  ▁▂▃▅▆▇",
      "    errors   ██████░░░░░░  50 % against         30.8 % proven",
      "    latency  ███░░░░░░░░░  25 % against at p99",
      "    errors less the stable's: −0.12 to +13.1 points  ██▇▇▇▆",
      "",
    ]);
  });

  test.each([40, 80, 120])("fits %i columns, also with long names and many requests", (columns) => {
    const release = "v2024.11.25-hotfix-3-rc1";
    const many = { canary: role(1_234_567, 12_345, { cold: 1204 }), stable: role(23_456_789, 9) };
    const lines = shown(many, { columns, release, trail: trailOf(40) });
    expect(lines.filter((text) => text.length > columns)).toEqual([]);
    expect(lines.join("\n")).toContain("1,234,567");
  });

  test.each([
    [80, "inconclusive", false],
    [80, "continue", true],
    [40, "unknown", false],
    [40, "inconclusive", true],
  ] as const)(
    "at %i columns keeps every word of its sentence: %s, observed only: %s",
    (columns, kind, observe) => {
      const sentence =
        "too little traffic to judge: 180 more requests of the canary are needed, and more words";
      const lines = shown({ kind, sentence }, { columns, observe });
      expect(
        lines
          .map((text) => text.trim())
          .join(" ")
          .replace(/^judge +[a-z]+( \(observed only\))? +/, ""),
      ).toContain(sentence);
    },
  );

  test("is only observed, says so", () => {
    expect(shown({ kind: "fail", sentence: "more fails" }, { observe: true })[0]).toBe(
      "  judge  fail (observed only)  more fails",
    );
  });

  test("without a request has no numbers that mean nothing", () => {
    const none = role(0, 0, { latency: [] });
    const lines = shown({ canary: none, stable: none, tests: [], difference: { low: -1, high: 1 } });
    expect(
      lines.filter((text) => /^ +v[12] /.test(text)).map((text) => text.trim().replaceAll(/ +/g, " ")),
    ).toEqual(["v1 0 0 – –", "v2 0 0 – –"]);
    expect(lines.join("\n")).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("on copies has both answers to the same requests", () => {
    const lines = shown({ mirrored: { canary: role(200, 9), stable: role(210, 0) } });
    const rows = lines.filter((text) => /cop(y|ies|ied) /.test(text));
    expect(rows.map((text) => text.trim().replaceAll(/ +/g, " "))).toEqual([
      "v1, copied 210 0 (0 %) 41 ms 230 ms",
      "v2, copies 200 9 (4.5 %) 41 ms 230 ms",
    ]);
  });

  test("draws nothing where it says 0 %", () => {
    const tests = BAD.tests.map((one) => ({ ...one, wealth: 1e-6, proof: null }));
    const lines = shown({ tests }).filter((text) => text.includes("% against"));
    expect(lines.map((text) => text.trim().replaceAll(/ +/g, " "))).toEqual([
      "errors ░░░░░░░░░░░░ 0 % against",
      "latency ░░░░░░░░░░░░ 0 % against at p99",
    ]);
  });

  test("tells slots that warm up", () => {
    expect(shown({ canary: role(120, 0, { cold: 31 }) }).find((text) => text.includes("v2"))).toMatch(
      / 31 warming up$/,
    );
  });

  test("is said in ASCII where the terminal has no more", () => {
    expect(shown({}, { trail: trailOf(6) }, false).join("\n")).toMatch(/^[\n -~]*$/);
  });

  test("cannot move the cursor by what it says", () => {
    expect(shown({ sentence: "a\u001b[2Jb\u0007" })[0]).toBe("  judge  continue  ab");
  });

  test.each<VerdictKind>(["continue", "fail", "proven", "inconclusive", "unknown"])(
    "%s is one line for a log",
    (kind) => {
      const text = print([judgeLine({ ...BAD, kind, sentence: "so it is" })], {
        columns: 80,
        color: false,
        unicode: true,
      });
      expect(text.trim()).toBe(`judge  ${kind}`.replace(`  ${kind}`, `  ${kind}: so it is`));
    },
  );
});

describe("the trail", () => {
  test("has one moment a second, and the newest twenty-one", () => {
    const first = trailWith([], BAD);
    expect(trailWith(first, { ...BAD, at: instant(10_999) })).toBe(first);
    expect(trailOf(40).map(({ at }) => at)).toEqual(Array.from({ length: 21 }, (_, i) => 29_000 + i * 1000));
  });
});

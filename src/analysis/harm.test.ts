import { describe, expect, it } from "vitest";
import { millis, seconds } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { basisPoints } from "../model/share.ts";
import { failuresToFail } from "./harm.ts";

const SETTINGS: AnalysisSettings = {
  observe: false,
  alpha: 0.05,
  errors: { ratio: 1.1, margin: 0.0005 },
  latency: { ratio: 1.1, margin: millis(2) },
  bad: [{ from: 500, to: 599 }],
  unit: "request",
  warmup: millis(0),
  minRequests: 200,
  early: true,
  look: seconds(3),
  maxFailedRequests: 200,
  metrics: [],
};

describe("a canary that fails everything", () => {
  it.each([
    ["request", 100, 0.05, 2],
    ["request", 500, 0.05, 2],
    ["request", 2500, 0.05, 4],
    ["request", 5000, 0.05, 7],
    ["request", 5000, 0.01, 9],
    ["user", 100, 0.05, 2],
    ["user", 500, 0.05, 3],
    ["user", 5000, 0.05, 10],
    ["request", 10_000, 0.05, null],
    ["user", 0, 0.05, null],
  ] as const)(
    "by %s, at %d basis points and alpha %d, is given up after at most %s failures in a row",
    (...row) => {
      const [unit, share, alpha, expected] = row;
      expect(failuresToFail({ ...SETTINGS, unit, alpha }, basisPoints(share))).toBe(expected);
    },
  );
});

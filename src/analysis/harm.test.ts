import { describe, expect, it } from "vitest";
import { SETTINGS } from "../../test/support/judged.ts";
import { basisPoints } from "../model/share.ts";
import { failuresToFail } from "./harm.ts";

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

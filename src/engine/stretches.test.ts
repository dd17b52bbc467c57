import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import { NO_EVIDENCE, sliceOf } from "../model/evidence.ts";
import { bucketOf, NO_TRAFFIC } from "../model/traffic.ts";
import type { LogSlice } from "../ports/telemetry.ts";
import { createStretches } from "./stretches.ts";

const T = 1_800_000_000_000;
const slice = (second: number, requests: number, ms = 10): LogSlice => ({
  slice: sliceOf(instant(T + second * 1000)),
  canary: NO_EVIDENCE,
  stable: NO_EVIDENCE,
  traffic: { ...NO_TRAFFIC, requests, failed: 1, latency: { [bucketOf(ms)]: requests } },
});
const sum = (all: readonly { readonly requests: number }[]): number =>
  all.reduce((total, { requests }) => total + requests, 0);

describe("the course of the traffic", () => {
  it("adds up what several gateways say of the same second", () => {
    const stretches = createStretches();
    stretches.add([slice(0, 5), slice(1, 7)], instant(T + 2000));
    stretches.add([slice(0, 4)], instant(T + 3000));
    expect(stretches.all()).toMatchObject([
      { from: T, to: T + 1000, requests: 9, failed: 2 },
      { from: T + 1000, requests: 7, failed: 1 },
    ]);
  });

  it("of hours is in at most 240 pieces, with nothing lost and the highest p99 kept", () => {
    const stretches = createStretches();
    const hours = 5 * 3600;
    for (let second = 0; second < hours; second += 1) {
      stretches.add([slice(second, 3, second === 1234 ? 900 : 10)], instant(T + second * 1000));
    }
    const all = stretches.all();
    expect(all.length).toBeLessThanOrEqual(240);
    expect(sum(all)).toBe(3 * hours);
    expect(Math.max(...all.map(({ p99 }) => p99 ?? 0))).toBeGreaterThan(890);
    expect(new Set(all.map(({ from, to }) => to - from)).size).toBe(1);
  });

  it("goes on where another process left", () => {
    const first = createStretches();
    first.add([slice(0, 5)], instant(T + 1000));
    const second = createStretches(first.all());
    second.add([slice(0, 2), slice(1, 1)], instant(T + 2000));
    expect(second.all().map(({ requests }) => requests)).toEqual([7, 1]);
  });
});

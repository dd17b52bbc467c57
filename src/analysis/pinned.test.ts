import { describe, expect, it } from "vitest";
import { instant, minutes } from "../base/time.ts";
import { basisPoints } from "../model/share.ts";
import type { MadeRequest } from "../../test/support/evidence.ts";
import { feed, ONE, seasoned, SETTINGS, START, traffic } from "../../test/support/judged.ts";
import { createJudge } from "./judge.ts";

const METRIC = { name: "orders", prometheus: "http://p:9090", query: "up", lower: 0.5, upper: 2 };
const settings = { ...SETTINGS, metrics: [{ ...METRIC, grows: true }] };

interface Given {
  readonly pinned: boolean;
  readonly unit: "user" | "request";
  /** Requests a second. */
  readonly rate?: number;
  readonly canary?: (i: number) => Partial<MadeRequest>;
}

/** The share is 60 %, and one in ten requests is the canary's: most users have a page of the stable one. */
function verdictOn({ pinned, unit, rate = 100, canary = () => ({}) }: Given) {
  const judge = createJudge(
    { ...settings, unit },
    { gateways: ONE, shares: [6000, 10_000].map(basisPoints), expected: minutes(30), pinned },
  );
  const until = START + 120_000;
  const all = (i: number): Partial<MadeRequest> => ({ user: i % 5000 });
  const made = traffic({ from: START, seconds: 120, rate, each: 10, canary, all });
  let state = feed(judge, seasoned(judge, 6000), { made, until });
  for (let minute = 1; minute <= 12; minute += 1) {
    const at = instant(START + minute * 60_000);
    // A tenth of the orders is the canary's as well.
    state = judge.observeMetric(state, { metric: "orders", at, canary: 1, stable: 9 });
  }
  return judge.verdict(state, instant(until));
}

describe.each(["request", "user"] as const)("where visitors stay, and the unit is the %s,", (unit) => {
  it("too little traffic speaks against nobody; the control is without", () => {
    const free = verdictOn({ pinned: false, unit });
    expect(free).toMatchObject({ kind: "fail" });
    expect(free.tests.map(({ name }) => name)).toContain("traffic");
    const pinned = verdictOn({ pinned: true, unit });
    expect(["continue", "proven"]).toContain(pinned.kind);
    expect(pinned.tests.map(({ name }) => name)).not.toContain("traffic");
    expect(pinned.tests.find(({ name }) => name === "metric orders")?.wealth ?? 0).toBeLessThanOrEqual(0);
  });

  it("too few requests to judge are told with the reason why they may stay few", () => {
    const { sentence } = verdictOn({ pinned: true, unit, rate: 1 });
    expect(sentence).toMatch(/^too little traffic to judge: \d+ more .*stays with it \(rollout\.pin\)$/);
    expect(verdictOn({ pinned: false, unit, rate: 1 }).sentence).not.toContain("rollout.pin");
  });

  it("what fails is found as ever", () => {
    const canary = (i: number): Partial<MadeRequest> => (i % 40 === 0 ? { status: 500 } : {});
    expect(verdictOn({ pinned: true, unit, canary })).toMatchObject({ kind: "fail" });
  });
});

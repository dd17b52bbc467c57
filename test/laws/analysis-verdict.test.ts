import { describe, expect, it } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { MetricPoint } from "../../src/model/evidence.ts";
import type { MadeRequest } from "../support/evidence.ts";
import { ONE, START, feed, judgeOf, seasoned, traffic } from "../support/judged.ts";

describe("a verdict", () => {
  const judge = judgeOf({}, ONE);
  const after = (made: readonly MadeRequest[], seconds: number, one = judge, share = 2000) =>
    one.verdict(
      feed(one, seasoned(one, share), { made, until: START + seconds * 1000 }),
      instant(START + seconds * 1000),
    );

  it("holds until there is enough traffic, and says how much is missing", () => {
    const verdict = after(traffic({ from: START, seconds: 3, rate: 50 }), 5);
    expect(verdict).toMatchObject({ kind: "inconclusive", requestsMissing: 170 });
    expect(verdict.sentence).toBe("too little traffic to judge: 170 more requests of the canary are needed");
  });
  it("goes on with a healthy canary, and in the end it is proven", () => {
    const early = after(traffic({ from: START, seconds: 10, rate: 200 }), 10);
    expect(early.kind).toBe("continue");
    expect(early.requestsMissing).toBeGreaterThan(0);
    const late = after(traffic({ from: START, seconds: 300, rate: 200 }), 300);
    expect(late.kind).toBe("proven");
    expect(late.p).toBeCloseTo(1, 9);
  });
  it("fails a canary that fails, with its evidence", () => {
    const verdict = after(
      traffic({ from: START, seconds: 3, rate: 200, canary: () => ({ status: 502 }) }),
      4,
    );
    expect(verdict).toMatchObject({ kind: "fail", by: "errors", alpha: 0.05 });
    expect(verdict.p).toBeLessThan(0.05);
    expect(verdict.canary.failed).toBe(verdict.canary.requests);
    expect(verdict.sentence).toMatch(
      /^more requests fail than is tolerated; failed: canary \d+ of \d+ \(100 %\)/,
    );
    expect(verdict.difference.low).toBeGreaterThan(0.5);
  });
  it("fails a canary that another slot has to repair: its first attempt counts", () => {
    const repaired = traffic({ from: START, seconds: 3, rate: 200, canary: () => ({ status: 502 }) });
    expect(after(repaired, 4).kind).toBe("fail");
  });
  it("fails a slow canary, and says where", () => {
    const slow = traffic({
      from: START,
      seconds: 30,
      rate: 200,
      canary: (i) => ({ took: 100 + ((i * 37) % 60) }),
    });
    expect(after(slow, 31)).toMatchObject({ kind: "fail", by: "latency" });
    expect(after(slow, 31).sentence).toMatch(/^slower than is tolerated, most at p\d+; canary p50 \d+ms/);
  });
  it("never minds a faster one", () => {
    const fast = traffic({ from: START, seconds: 60, rate: 200, canary: () => ({ took: 5 }) });
    expect(["continue", "proven"]).toContain(after(fast, 61).kind);
  });
  it("fails a canary whose requests never end", () => {
    const hanging = traffic({ from: START, seconds: 40, rate: 200, canary: () => ({ took: 60_000 }) });
    const ended = hanging.filter(({ arrived, took }) => arrived + took < START + 40_000);
    expect(after(ended, 40)).toMatchObject({ kind: "fail", by: "traffic" });
  });
  it("fails where clients of the canary give up, and not where they leave soon", () => {
    const left = (took: number) =>
      traffic({ from: START, seconds: 20, rate: 200, canary: () => ({ status: 499, took }) });
    expect(after(left(4000), 25)).toMatchObject({ kind: "fail", by: "errors" });
    expect(after(left(50), 25).kind).not.toBe("fail");
  });
  it("holds when the canary gets much more than its share", () => {
    const crowd = traffic({ from: START, seconds: 60, rate: 200, each: 3 });
    expect(after(crowd, 61, judge, 1000)).toMatchObject({ kind: "inconclusive", by: "traffic" });
  });
  it("counts 4xx only where they are listed, and tolerates more of them", () => {
    const listed = judgeOf(
      {
        bad: [
          { from: 500, to: 599 },
          { from: 400, to: 499 },
        ],
      },
      ONE,
    );
    const refused = traffic({
      from: START,
      seconds: 20,
      rate: 200,
      canary: (i) => (i % 4 === 0 ? { status: 403 } : {}),
    });
    expect(after(refused, 21).kind).not.toBe("fail");
    expect(after(refused, 21, listed)).toMatchObject({ kind: "fail", by: "refused" });
  });
  it("compares nothing where all have the canary, and watches the budget still", () => {
    const all = traffic({ from: START, seconds: 10, rate: 100, each: 1 });
    expect(after(all, 11, judge, 10_000).kind).toBe("continue");
    const failing = traffic({
      from: START,
      seconds: 10,
      rate: 100,
      each: 1,
      canary: (i) => (i % 4 === 0 ? { status: 500 } : {}),
    });
    const verdict = after(failing, 11, judge, 10_000);
    expect(verdict).toMatchObject({ kind: "fail", by: "budget" });
    expect(verdict.sentence).toBe(
      "250 requests of the canary failed beyond the stable's rate, more than the 200 that are borne",
    );
  });
});

describe("users that keep to their role", () => {
  const judge = judgeOf({ unit: "user" }, ONE);
  const verdictOn = (canary: (i: number) => Partial<MadeRequest>, users: number) => {
    const made = traffic({
      from: START + 2500,
      seconds: 30,
      rate: 200,
      all: (i) => ({ user: 1_000_000 + ((i * 5) % users) + (i % 5) }),
      canary,
    });
    const until = START + 33_000;
    return judge.verdict(feed(judge, seasoned(judge, 2000), { made, until }), instant(until));
  };

  it("are counted once, however often they fail", () => {
    // One user of the canary fails in one of ten of the canary's requests.
    const made = (i: number): Partial<MadeRequest> => (i % 50 === 0 ? { user: 5, status: 500 } : {});
    expect(verdictOn(made, 2000).kind).not.toBe("fail");
  });
  it("fail a canary that fails many of them", () => {
    expect(verdictOn((i) => (i % 20 === 0 ? { status: 500 } : {}), 2000)).toMatchObject({
      kind: "fail",
      by: "errors",
    });
  });
});

it("a test by user that decides before its block is compared tells what it saw", () => {
  const judge = judgeOf({ unit: "user" }, ONE);
  // Nobody has the stable in this second, so that the block stays open.
  const made = traffic({
    from: START + 2500,
    seconds: 1,
    rate: 100,
    each: 1,
    all: (i) => ({ user: 1_000_000 + i, status: 500, took: 5 }),
  });
  const until = START + 5000;
  const verdict = judge.verdict(feed(judge, seasoned(judge, 2000), { made, until }), instant(until));
  expect(verdict).toMatchObject({ kind: "fail", by: "errors", canary: { requests: 100, failed: 100 } });
  expect(verdict.sentence).toMatch(
    /^more requests fail than is tolerated; failed: canary 100 of 100 \(100 %\), stable 0 of \d+ /,
  );
});

describe("a metric of Prometheus", () => {
  const metric = { name: "orders", prometheus: "http://p", query: "x", grows: true, lower: 0.9, upper: null };
  const judge = judgeOf({ metrics: [metric] }, ONE);
  const after = (points: readonly Partial<MetricPoint>[], every = 60_000) => {
    let state = seasoned(judge, 2000);
    for (const [i, point] of points.entries()) {
      const at = instant(START + 5000 + i * every);
      state = judge.observeMetric(state, { metric: "orders", at, canary: null, stable: null, ...point });
    }
    return judge.verdict(state, instant(START));
  };
  const many = (count: number, point: Partial<MetricPoint>) => Array.from({ length: count }, () => point);

  it("fails when it is typically out of its bounds for its share", () => {
    expect(after(many(15, { canary: 10, stable: 80 }))).toMatchObject({ kind: "fail", by: "metric orders" });
  });
  it.each([
    ["it is within", many(100, { canary: 20, stable: 80 })],
    [
      "it is as often within as out",
      many(100, {}).map((_, i) => ({ canary: i % 2 === 0 ? 10 : 20, stable: 80 })),
    ],
    ["there are no values", many(100, { canary: null, stable: 80 })],
    ["the stable has none", many(100, { canary: 1, stable: 0 })],
  ])("does not fail when %s", (_, points) => {
    expect(after(points).kind).not.toBe("fail");
  });
  it("counts one pair a minute, however often it is looked at", () => {
    expect(after(many(60, { canary: 10, stable: 80 }), 1000).kind).not.toBe("fail");
  });
});

describe.each(["request", "user"] as const)("clients with little patience, by %s", (unit) => {
  const judge = judgeOf({ unit }, ONE);
  const gone = { status: 499, took: 1000 };
  /** Every other request of the canary hangs, and its client is gone after a second; or of both releases. */
  const told = (both: boolean) => {
    const made = traffic({
      from: START,
      seconds: 60,
      rate: 200,
      canary: (i) => (i % 10 === 0 ? gone : {}),
      all: (i) => ({ user: i, ...(both && i % 5 !== 0 && i % 2 === 1 ? gone : {}) }),
    });
    const until = START + 60_000;
    return judge.verdict(feed(judge, seasoned(judge, 2000), { made, until }), instant(until));
  };
  it("do not hide a canary that hangs", () => {
    expect(told(false)).toMatchObject({ kind: "fail", by: "latency" });
  });
  it("speak against nobody where they leave either release", () => {
    expect(told(true).kind).not.toBe("fail");
  });
});

describe("how near a decision is", () => {
  const judge = judgeOf({}, ONE);
  /** One canary request of so many fails; one stable request of 500. */
  const told = (each: number, length: number) => {
    const failing = (every: number) => (i: number) => ({ status: (i + 1) % every === 0 ? 500 : 200 });
    const made = traffic({
      from: START,
      seconds: length,
      rate: 200,
      all: failing(501),
      canary: (i) => failing(each)(i / 5),
    });
    const until = START + length * 1000;
    return judge.verdict(feed(judge, seasoned(judge, 2000), { made, until }), instant(until));
  };
  it("is not told where chance explains all", () => {
    expect(told(500, 60).sentence).toMatch(/^nothing against it so far/);
  });
  it("is told by how much of the way the evidence has come, and by the chance of a false alarm", () => {
    const near = [5, 6, 7, 8, 9, 10, 11, 12, 14, 16]
      .map((length) => told(60, length))
      .filter(({ kind, p }) => kind === "continue" && p < 0.3);
    const chance = String.raw`\(p 0\.\d+; at 0\.05 it goes back\)`;
    const now = new RegExp(String.raw`^errors against it: \d+ % of what it takes ${chance}`);
    const before = new RegExp(String.raw`^little against it now, after \d+ % of what it takes ${chance}`);
    expect(near.filter(({ sentence }) => now.test(sentence))).not.toEqual([]);
    for (const { sentence, p } of near) {
      expect(now.test(sentence) || before.test(sentence)).toBe(true);
      expect(sentence).toContain(`p ${Number(p.toPrecision(2))};`);
    }
  });
});

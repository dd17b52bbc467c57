import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Judge } from "../../src/analysis/judge.ts";
import type { JudgeState } from "../../src/analysis/state.ts";
import { instant } from "../../src/base/time.ts";
import type { HostName } from "../../src/model/ids.ts";
import { basisPoints } from "../../src/model/share.ts";
import type { MadeRequest } from "../support/evidence.ts";
import { ONE, START, WEBS, evidence, feed, judgeOf, seasoned, traffic } from "../support/judged.ts";

const THERE = "see that it is there (`nginx -s reopen`)";

describe("evidence", () => {
  const made = traffic({
    from: START + 3000,
    seconds: 12,
    rate: 40,
    all: (i) => ({ user: (i * 7919) % 97, gateway: WEBS[i % 3]!, ...(i % 11 === 0 ? { status: 503 } : {}) }),
    canary: (i) => (i % 3 === 0 ? { status: 500 } : i % 7 === 0 ? { status: 499, took: 2500 } : {}),
  });
  const END = START + 20_000;

  /** What gateways say, cut in pieces that need not be whole slices; in the end all are through. */
  const told = (
    judge: Judge,
    pieces: readonly { readonly web: HostName; readonly part: readonly MadeRequest[] }[],
  ) => {
    let state = seasoned(judge, 2000);
    for (const { web, part } of pieces)
      state = judge.observe(state, evidence(web, part, START), instant(START));
    for (const web of WEBS) state = judge.observe(state, evidence(web, [], END), instant(END));
    return {
      tests: state.tests,
      proofs: state.proofs,
      totals: state.totals,
      harm: state.harm,
      users: state.users,
    };
  };
  const whole = (judge: Judge) =>
    told(
      judge,
      WEBS.map((web) => ({ web, part: made.filter(({ gateway }) => gateway === web) })),
    );

  it.each(["request", "user"] as const)(
    "by %s says the same in any pieces, in any order, and whichever gateway saw what",
    (unit) => {
      const judge = judgeOf({ unit });
      const expected = whole(judge);
      fc.assert(
        fc.property(
          fc.array(fc.record({ web: fc.constantFrom(...WEBS), key: fc.nat() }), {
            minLength: made.length,
            maxLength: made.length,
          }),
          fc.integer({ min: 1, max: 100 }),
          (seen, size) => {
            const shuffled = made
              .map((request, i) => ({ request, ...seen[i]! }))
              .toSorted((a, b) => a.key - b.key);
            const pieces = WEBS.flatMap((web) => {
              const own = shuffled.filter((one) => one.web === web).map(({ request }) => request);
              const count = Math.ceil(own.length / size);
              return Array.from({ length: count }, (_, i) => ({
                web,
                part: own.slice(i * size, (i + 1) * size),
              }));
            });
            expect(told(judge, pieces)).toEqual(expected);
          },
        ),
        { numRuns: 12 },
      );
    },
  );

  it.each(["request", "user"] as const)(
    "by %s comes to the same with a state that was put away in between",
    (unit) => {
      const judge = judgeOf({ unit }, ONE);
      const step = (from: JudgeState, second: number): JudgeState => {
        const at = START + second * 1000;
        const part = made.filter(({ arrived, took }) => {
          const ended = arrived + took;
          return ended >= at - 1000 && ended < at;
        });
        return judge.observe(from, evidence(WEBS[0]!, part, at), instant(at));
      };
      let kept = seasoned(judge, 2000);
      let restarted = kept;
      for (let second = 1; second <= 20; second += 1) {
        kept = step(kept, second);
        restarted = step(JSON.parse(JSON.stringify(restarted)) as JudgeState, second);
      }
      expect(JSON.stringify(restarted)).toBe(JSON.stringify(kept));
      expect(JSON.stringify(kept).length).toBeLessThan(40_000);
    },
  );

  it("stays sound at a thousand million requests", () => {
    const judge = judgeOf({}, ONE);
    let state = seasoned(judge, 5000);
    for (let i = 1; i <= 400; i += 1) {
      const at = START + 3000 + i * 250;
      const role = {
        requests: 1_250_000,
        failures: { 500: 1250 },
        latency: { 200: 700_000, 220: 548_750 },
        left: {},
        arrived: { [Math.floor(at / 250) - 1]: 1_250_000 },
        users: [],
        failedUsers: [],
        cold: 0,
      };
      const slice = { slice: Math.floor(at / 250) - 1, canary: role, stable: role };
      const one = { gateway: WEBS[0]!, through: instant(at), slices: [slice], lost: 0 };
      state = judge.observe(state, one, instant(at));
    }
    const verdict = judge.verdict(state, instant(START + 103_000));
    expect(verdict.canary.requests).toBe(500_000_000);
    expect(verdict.kind).toBe("proven");
    expect(JSON.stringify(verdict)).not.toMatch(/NaN|null,"high"/);
    expect(verdict.difference.low).toBeLessThan(0);
    expect(verdict.difference.high).toBeLessThan(0.0001);
  });
});

describe("missing evidence", () => {
  const judge = judgeOf();
  const healthy = traffic({ from: START, seconds: 60, rate: 200 });
  const END = START + 60_000;
  const heard = (webs: readonly HostName[], made = healthy) => {
    let state = seasoned(judge, 2000);
    for (const web of webs) {
      const own = web === WEBS[0] ? made : [];
      for (let at = START + 1000; at <= END; at += 1000) {
        const part = own.filter(({ arrived, took }) => arrived + took >= at - 1000 && arrived + took < at);
        state = judge.observe(state, evidence(web, part, at), instant(at));
      }
    }
    return state;
  };

  it("is unknown, never good: a gateway that is silent", () => {
    const verdict = judge.verdict(heard([WEBS[0]!]), instant(END));
    expect(verdict.kind).toBe("unknown");
    expect(verdict.gaps).toEqual([
      `web2: its log has not been read for 1m: ${THERE}`,
      `web3: its log has not been read for 1m: ${THERE}`,
    ]);
    expect(judge.verdict(heard(WEBS), instant(END)).kind).not.toBe("unknown");
  });
  it("does not hide a failure", () => {
    const failing = traffic({ from: START, seconds: 60, rate: 200, canary: () => ({ status: 500 }) });
    const state = judge.observe(
      heard([WEBS[0]!], failing),
      evidence(WEBS[0]!, [], END + 250),
      instant(END + 250),
    );
    expect(judge.verdict(state, instant(END + 250)).kind).toBe("fail");
  });
  it.each([
    [
      "everything is silent",
      (state: JudgeState) => state,
      20_000,
      `web1: its log has not been read for 20s: ${THERE}`,
    ],
    [
      "a part of a log was lost",
      (state: JudgeState) => judge.observe(state, { ...evidence(WEBS[1]!, [], END), lost: 1 }, instant(END)),
      0,
      "web2: a part of its log was lost",
    ],
    [
      "a log finds no room, which is said",
      (state: JudgeState) =>
        judge.observe(state, { ...evidence(WEBS[1]!, [], END), lost: 1, why: "web2: no room" }, instant(END)),
      0,
      "web2: no room",
    ],
    [
      "a gateway's clock is ahead",
      (state: JudgeState) => judge.observe(state, evidence(WEBS[2]!, [], END + 60_000), instant(END)),
      0,
      "web3: its clock is ahead of ours",
    ],
    [
      "a gateway's clock is behind",
      (state: JudgeState) => judge.observe(state, evidence(WEBS[0]!, [], END), instant(END + 9000)),
      9000,
      "web1: its clock or its log is behind",
    ],
  ])("is unknown when %s", (_, change, later, gap) => {
    const verdict = judge.verdict(change(heard(WEBS)), instant(END + later));
    expect(verdict.kind).toBe("unknown");
    expect(verdict.gaps).toContain(gap);
  });
});

describe("a change of share", () => {
  const judge = judgeOf({}, ONE);
  /** Requests of the stable take 5 s, so that many of before the switch end after it. */
  const slow = (from: number, seconds: number, each: number) =>
    traffic({ from, seconds, rate: 200, each, all: () => ({ took: 5000 }) });
  const switched = [...slow(START, 30, 20), ...slow(START + 30_000, 60, 2)];
  const wealthOfTraffic = (told: boolean) => {
    let state = seasoned(judge, 500);
    if (told) {
      state = judge.shareChanged(state, instant(START + 29_900), null);
      state = judge.shareChanged(state, instant(START + 30_100), basisPoints(5000));
    }
    state = feed(judge, state, { made: switched, until: START + 95_000 });
    return judge.verdict(state, instant(START + 95_000)).tests;
  };

  it("raises no alarm for requests that are still on their way", () => {
    for (const { wealth } of wealthOfTraffic(true)) expect(wealth).toBeLessThan(0.3);
  });
  it("control: a share that is not told is seen as a crowd", () => {
    let state = seasoned(judge, 500);
    state = feed(judge, state, { made: switched, until: START + 95_000 });
    expect(judge.verdict(state, instant(START + 95_000)).kind).toBe("inconclusive");
  });
  it("by steps of a smooth release judges each against the slots that are left", () => {
    let state = seasoned(judge, 2500);
    const steps = [
      [2500, 4],
      [5000, 2],
      [7500, 4 / 3],
    ] as const;
    let from = START;
    for (const [share, each] of steps) {
      state = judge.shareChanged(state, instant(from), basisPoints(share));
      const made = traffic({ from, seconds: 5, rate: 200, each: Math.max(2, Math.round(each)) });
      state = feed(judge, state, { made, until: from + 5000 });
      expect(judge.verdict(state, instant(from + 5000)).kind).not.toBe("fail");
      from += 5000;
    }
    const bad = traffic({ from, seconds: 3, rate: 200, each: 2, canary: () => ({ status: 500 }) });
    state = feed(judge, state, { made: bad, until: from + 4000 });
    expect(judge.verdict(state, instant(from + 4000)).kind).toBe("fail");
  });
});

import { describe, expect, test } from "vitest";
import { appError } from "../../base/errors.ts";
import { instant } from "../../base/time.ts";
import { generation, type SlotKey } from "../../model/ids.ts";
import { reachOf, type Rollout, type SlotCourse } from "../../model/rollout.ts";
import { basisPoints } from "../../model/share.ts";
import { A, B, C, D, NOW, rollout, settled, traffic, V1, V2 } from "../testing/records.ts";
import { advance, liveLines, newsLine, NOTHING_YET, stageSpan, type LiveState } from "./live.ts";
import { print, textOf } from "./text.ts";

const view = (state: Partial<LiveState>, columns = 80, rows = 20): readonly string[] =>
  print(liveLines({ ...NOTHING_YET, ...state }, { now: NOW, columns, rows }), {
    columns,
    color: false,
    unicode: true,
  }).split("\n");

const underway = (at: string, more: object = {}): SlotCourse =>
  ({ at, target: V2, since: NOW, attempt: 1, ...more }) as SlotCourse;

describe("the live view", () => {
  test("shows what runs where, the share, the traffic, and because of what", () => {
    const state = { rollout: rollout(), traffic: traffic(1204, 12), inFlight: { [A]: 3, [B]: 41 } };
    expect(view(state)).toEqual([
      "shop  v1 → v2  baking · step 1 of 3 · 7m",
      "  share  █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  5 %",
      "",
      "  web1:8001  v2  canary  3 in flight   ● serving",
      "  web2:8001  v1  stable  41 in flight  ● serving",
      "  web1:8002  v1  stable                ● serving",
      "  web2:8002  v1  stable                ● serving",
      "  gateway web1  confirmed, table 17",
      "",
      "  1,204 requests · 0 failed",
      "  baking 5 % for 10m: 3m12s left",
      "",
    ]);
  });

  test("fits a terminal of 40 columns", () => {
    const because = "draining web1:8001: 3 requests in flight, at most 30s more";
    const lines = view({ rollout: rollout({ because }), inFlight: { [A]: 3 } }, 40);
    expect(lines.every((text) => text.length <= 40)).toBe(true);
    expect(lines.slice(-4)).toEqual([
      "",
      "  draining web1:8001: 3 requests in",
      "  flight, at most 30s more",
      "",
    ]);
  });

  test("of a large pool shows the slots that are on their way, and how many it does not", () => {
    const slots = { ...rollout().slots, [D]: underway("draining") };
    const lines = view({ rollout: rollout({ slots }) }, 80, 2);
    expect(lines.slice(3, 6).map((text) => text.trim().split(/ {2}/)[0])).toEqual([D, A, "and 2 more slots"]);
  });

  test("shows the download while it is fetched", () => {
    const phase = { name: "staging", fetched: false, staged: [] } as const;
    const download = { received: 30_000_000, total: 120_000_000 };
    expect(view({ rollout: rollout({ phase }), download })[1]).toBe(
      "  fetch  ███████░░░░░░░░░░░░░░░░░░░░░░░  25 % of 120 MB",
    );
    expect(view({ rollout: rollout({ phase }), download: { received: 2000, total: null } })[1]).toBe(
      "  fetch  2 kB",
    );
    expect(view({ rollout: rollout(), download })[1]).toContain("share");
  });

  test.each([
    [
      "being written",
      {
        change: {
          generation: generation(18),
          routing: rollout().routing,
          since: NOW,
          stage: "preparing",
          back: false,
          prepared: [],
          down: [],
          refusals: {},
        },
      },
      "  gateway web1  table 18, writing: 0 of 1 done",
    ],
    ["not seen everywhere", { unsettled: true }, "  gateway web1  being asked"],
  ] as const)("says of a table that it is %s", (_, overrides, expected) => {
    expect(view({ rollout: rollout(overrides as Partial<Rollout>) })).toContain(expected);
  });

  test("says who paused it, and what a gate waits for", () => {
    const paused = { by: "bob@build1", at: NOW };
    const phase = { name: "approval", since: NOW } as const;
    const lines = view({ rollout: rollout({ paused, phase }) });
    expect(lines[0]).toBe("shop  v1 → v2  waiting for approval · step 1 of 3 · 7m · PAUSED by bob@build1");
    expect(lines).toContain(
      "  → `glidepath promote` in another terminal goes on, `glidepath abort` goes back",
    );
  });

  test("keeps trouble in sight until something moves", () => {
    const error = appError("host.unreachable", "web2 does not answer");
    const seen = advance({ ...NOTHING_YET, rollout: rollout() }, { kind: "trouble", at: NOW, error });
    expect(view(seen)).toContain("  ! web2 does not answer");
    const same = advance(seen, { kind: "decided", at: NOW, rollout: rollout() });
    expect(same.trouble).toBe(error);
    const moved = advance(seen, {
      kind: "decided",
      at: NOW,
      rollout: rollout({ progressAt: instant(NOW + 1) }),
    });
    expect(moved.trouble).toBeNull();
  });

  test("of a share that is on its way says where to", () => {
    const routing = { canary: [A], stable: [B, C, D], share: basisPoints(200) };
    expect(view({ rollout: rollout({ routing }) })[1]).toMatch(/2 % of 5 %$/);
  });

  test.each([80, 40])("shows what is mirrored in place of a share, in %d columns", (columns) => {
    const routing = { canary: [A], stable: [B, C, D], share: basisPoints(0), mirror: basisPoints(1000) };
    const line = view({ rollout: rollout({ routing }) }, columns)[1] ?? "";
    expect(line).toMatch(/^ {2}mirror {2}█.*░ {2}10 %, seen by nobody$/);
    expect(line.length).toBeLessThanOrEqual(columns);
  });
});

test.each([
  [settled(V1), B, "● serving"],
  [settled(V1), "web9:1", "○ out of rotation"],
  [settled(null), "web9:1", "○ empty"],
  [underway("leaving"), A, "◐ leaving rotation"],
  [underway("draining"), A, "◐ draining"],
  [underway("stopping"), A, "○ stopping"],
  [underway("switching"), A, "○ switching"],
  [underway("starting"), A, "○ starting"],
  [underway("checking", { answer: "connection refused" }), A, "○ checking health: connection refused"],
  [underway("checking", { answer: "" }), A, "○ checking health"],
  [underway("smoking", { passed: 1 }), A, "○ smoke checks: 1 of 2 passed"],
  [underway("joining"), A, "◐ joining rotation"],
  [underway("failed", { error: appError("slot.start", "it ended with 1") }), A, "✗ failed: it ended with 1"],
] as const)("a slot that is %o shows as words", (course, slot, expected) => {
  expect(textOf([stageSpan(rollout(), slot as SlotKey, course)])).toBe(expected);
});

test.each([
  ["nobody", { canary: [], stable: [A, B, C, D], share: 0 }, V1, 0],
  ["everybody, when it has become the stable release", { canary: [], stable: [A, B], share: 0 }, V2, 10_000],
  ["the share, while both serve", { canary: [A], stable: [B], share: 500 }, V2, 500],
] as const)("the new release reaches %s", (_, routing, runs, reach) => {
  const slots = { [A]: settled(runs), [B]: settled(runs), [C]: settled(V1), [D]: settled(V1) };
  const given = rollout({ routing: { ...routing, share: basisPoints(routing.share) }, slots });
  expect(reachOf(given)).toBe(reach);
});

test("it reaches everybody until users are led back, also when it had become the stable release", () => {
  const leaving: SlotCourse = { at: "leaving", target: V1, since: NOW, attempt: 1 };
  const routing = { canary: [], stable: [A, B], share: basisPoints(0) };
  const aborted = { at: NOW, by: "slot", slot: B, error: appError("slot.exited", "it ended") } as const;
  expect(reachOf(rollout({ routing, slots: { [A]: settled(V2), [B]: leaving }, aborted }))).toBe(10_000);
  expect(reachOf(rollout({ routing, slots: { [A]: settled(V1), [B]: settled(V1) }, aborted }))).toBe(0);
});

test("a line of news has the time since the start, the share, and because of what", () => {
  expect(textOf(newsLine(rollout(), NOW))).toBe("     7m     5 %  baking 5 % for 10m: 3m12s left");
  const paused = { by: "bob", at: NOW };
  for (const because of ["stops", "paused by bob; stops"]) {
    const told = textOf(newsLine(rollout({ paused, because }), NOW));
    expect(told).toMatch(/^ {5}7m {5}5 % {2}paused by bob[:;] stops$/);
  }
});

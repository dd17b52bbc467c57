import { describe, expect, test } from "vitest";
import { appError } from "../../base/errors.ts";
import { instant, millis } from "../../base/time.ts";
import { NO_TRAFFIC } from "../../model/traffic.ts";
import { NOW, receipt, rollout, traffic } from "../testing/records.ts";
import { endLines, receiptLines } from "./receipt.ts";
import { errorLines } from "./error.ts";
import { textOf } from "./text.ts";

const ended = { endedAt: instant(NOW), startedAt: instant(NOW - 41_000) };

describe("the receipt", () => {
  test("of a release that went well", () => {
    const done = rollout({ ...ended, phase: { name: "completed" } });
    expect(endLines(done, receipt()).map(textOf)).toEqual([
      "✓ v2 serves everybody, in place of v1: done in 41s",
      "",
      "  48,112 requests · 0 failed · 0 cut",
      "  latency  before  during  after",
      "    p50    12 ms   13 ms   12 ms",
      "    p99    12 ms   13 ms   12 ms",
      "  9 switches of traffic, the longest took 38ms",
      "  staging 8s · updating 1m2s · baking 20m",
    ]);
  });

  test("tells failures, cuts of both kinds, second tries, and what could not be measured", () => {
    const during = traffic(100, 5, { failed: 3, cut: 1, retried: 2 });
    const told = receiptLines(receipt({ during, cut: 1, missing: ["web2: its log is not readable"] })).map(
      textOf,
    );
    expect(told[0]).toBe("  100 requests seen · 3 failed · 2 cut · 2 answered by a second slot");
    const back = receiptLines(receipt({ during: { ...during, fellBack: 1 }, skew: millis(12) })).map(textOf);
    expect(back[0]).toContain("2 answered by a second slot, 1 of them of the other release");
    expect(back.join()).toContain("the gateways were at most 12ms apart");
    expect(told.at(-1)).toBe("  not measured: web2: its log is not readable");
  });

  test("does not say that nothing failed where not all was seen", () => {
    const told = receiptLines(receipt({ missing: ["web2: no room on the disk"] })).map(textOf);
    expect(told[0]).toBe("  48,112 requests seen · 0 of them failed · 0 cut");
  });

  test("says that nothing was counted, and not that nothing failed", () => {
    const none = traffic(0, 0);
    const told = receiptLines(
      receipt({ before: none, during: none, after: none, uncounted: true, switches: 0 }),
    );
    expect(textOf(told[0]!)).toBe("  requests were not counted");
    expect(told.map(textOf).join("\n")).not.toMatch(/failed|switch/);
  });

  test.each([
    { cutKinds: { websockets: 1 }, expected: "1 WebSocket" },
    { cutKinds: { events: 2, requests: 1 }, expected: "1 request, 2 event streams" },
    {
      cutKinds: { requests: 3, uploads: 1, events: 1, websockets: 1200 },
      expected: "3 requests, 1 upload, 1 event stream, 1,200 WebSockets",
    },
    { cutKinds: { grpc: 2, requests: 1 }, expected: "1 request, 2 gRPC calls" },
  ])("says how many of which kind were cut: $expected", ({ cutKinds, expected }) => {
    const told = receiptLines(receipt({ cut: 1, cutKinds })).map(textOf);
    expect(told.at(-1)).toBe(`  at the end of their drain were cut: ${expected}`);
  });

  test.each([
    { failed: 0, said: "  1,204 requests mirrored · 0 failed · seen by nobody" },
    { failed: 37, said: "  1,204 requests mirrored · 37 failed · seen by nobody" },
  ])("tells copies apart from the users' requests: $failed failed", ({ failed, said }) => {
    const told = receiptLines(receipt({ mirrored: { requests: 1204, failed } })).map(textOf);
    expect(told.slice(0, 2)).toEqual(["  48,112 requests · 0 failed · 0 cut", said]);
  });

  test("without traffic shows no latency", () => {
    const quiet = receipt({
      before: NO_TRAFFIC,
      during: NO_TRAFFIC,
      after: NO_TRAFFIC,
      switches: 0,
      phases: [],
    });
    expect(receiptLines({ ...quiet, longestSwitch: millis(0) }).map(textOf)).toEqual([
      "  0 requests · 0 failed · 0 cut",
      "  no switch of traffic",
    ]);
  });
});

describe("the end of a release", () => {
  test("that failed says what failed in the other program's words, and what to do", () => {
    const error = appError("slot.smoke", "web1:8001: GET /login answered 500, expected 200", {
      details: "Error: no database\n  at connect\u001B[0m\n",
      hint: "look at `glidepath history`",
    });
    const back = rollout({
      ...ended,
      phase: { name: "rolled-back" },
      aborted: { at: NOW, by: "slot", slot: null, error },
    });
    expect(endLines(back, null).map(textOf)).toEqual([
      "✗ v2 was rolled back after 41s: everybody gets v1, as before",
      "  because web1:8001: GET /login answered 500, expected 200",
      "    Error: no database",
      "      at connect",
      "  → look at `glidepath history`",
    ]);
  });

  test.each([
    [
      "stuck",
      rollout({
        phase: { name: "stuck", error: appError("slot.fenced", "web1:8001 refuses", { hint: "look" }) },
      }),
      false,
      [
        "✗ web1:8001 refuses",
        "  → look",
        "  → put that right, then `glidepath abort` goes on with the way back to v1",
      ],
    ],
    [
      "paused and left",
      rollout({ paused: { by: "alice", at: NOW } }),
      false,
      [
        "… v2 is paused: baking at 5 %, step 1 of 3. Traffic stays as it is now",
        "  → `glidepath resume` goes on from here, `glidepath abort` goes back",
      ],
    ],
    [
      "left to another process",
      rollout(),
      true,
      ["… v2: baking at 5 %, step 1 of 3; it goes on without this terminal"],
    ],
    [
      "superseded",
      rollout({ phase: { name: "superseded" } }),
      false,
      ["… v2 gave way: everybody gets v1, as before"],
    ],
    [
      "the first one ever",
      rollout({ ...ended, from: null, phase: { name: "rolled-back" } }),
      false,
      ["✗ v2 was rolled back after 41s: nothing is served, as before"],
    ],
  ])("%s", (_, given, carried, expected) => {
    expect(endLines(given, null, { carried }).map(textOf)).toEqual(expected);
  });
});

test("an error of several lines keeps its lines", () => {
  expect(errorLines(appError("usage", "one\ntwo")).map(textOf)).toEqual(["✗ one", "  two"]);
});

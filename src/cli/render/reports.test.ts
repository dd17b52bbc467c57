import { describe, expect, test } from "vitest";
import { appError } from "../../base/errors.ts";
import { instant, seconds } from "../../base/time.ts";
import type { AnalysisSettings } from "../../model/analysis.ts";
import { generation, slotKey, type HostName, type RolloutId } from "../../model/ids.ts";
import type { PlannedStep } from "../../model/planned.ts";
import type { SlotStatus } from "../../ports/control.ts";
import type { JournalEntry } from "../../ports/journal.ts";
import {
  A,
  application,
  gatewayStatus,
  holder,
  NOW,
  receipt,
  rollout,
  slotStatus,
  SLOTS,
} from "../testing/records.ts";
import { status, story, traffic, V1, WEB1 } from "../testing/records.ts";
import { planLines } from "./plan.ts";
import { checkLines, historyLines, recordLines } from "./reports.ts";
import { statusLines } from "./status.ts";
import { textOf } from "./text.ts";

describe("plan", () => {
  test("tells a release from its start to its end", () => {
    expect(planLines(story(), application, 90).map(textOf)).toEqual([
      "shop  v1 → v2  this changes nothing yet",
      "",
      "  pool       4 slots on 2 hosts; at most 1 out of rotation at once",
      "  fetch      once, verify, and unpack on web1, web2; no traffic is touched",
      "  5 %        update web1:8001; then 5 % of the users get v2 on 1 slot (5 % each), the rest",
      "             v1 on 3 (31.7 % each); hold for 10m and watch",
      "  25 %       no further slot; then 25 % of the users get v2 on 1 slot (25 % each), the",
      "             rest v1 on 3 (25 % each); hold for 10m and watch; wait until somebody says",
      "             `glidepath promote`",
      "  100 %      update web2:8001, then web1:8002; then everybody gets v2 on 3 slots, 33.3 %",
      "             of the traffic each",
      "  finish     update web2:8002, which nobody uses any more",
      "",
      "  each slot  leave rotation on every gateway → drain for at most 30s → stop, switch,",
      "             start, wait until healthy → pass 1 smoke check → join as canary",
      "  capacity   before each switch 3 of 4 slots must be healthy, and each that gets more",
      "             traffic",
      "  worst      one slot carries 33.3 % of the traffic (25 % when even): while 1 slot is",
      "             updated",
      "  way back   up to 25 % all users get v1 again in one switch, at most 33.3 % of the",
      "             traffic on one slot; at 100 % 50 % of the users return at once, the rest as",
      "             slots return, at most 50 % of the traffic on one slot",
      "  judged     not at all",
      "  time       at least 20m of holding, and 1 approval",
      "",
      "  gateway",
      "    web1  /etc/nginx/conf.d/shop.conf stays as it is: no reload",
    ]);
  });

  test("promises no way back by itself where the judge only observes", () => {
    const settings = { observe: true, look: seconds(2), minRequests: 200 };
    const observing = { ...application, analysis: settings as AnalysisSettings };
    const harm = { allFailing: 7, unit: "user", most: 200 } as const;
    const lines = planLines(story({ harm }), observing, 90).map(textOf);
    expect(lines.filter((text) => text.includes("judged"))).toEqual([
      "  judged     it tells, and never acts",
    ]);
  });

  test("promises nothing in the passive form that only a switch of ours can keep", () => {
    const passive = { ...application, gateway: { ...application.gateway, passive: true } };
    const steps = [story().steps.at(-1) as PlannedStep];
    const lines = planLines(story({ steps }), passive, 90).map(textOf);
    expect(lines.slice(4, 18)).toEqual([
      "  100 %      update web1:8001, then web2:8001, then web1:8002; then v2 runs in 3 of 4",
      "             slots",
      "  finish     update web2:8002",
      "",
      "  each slot  stop, switch, start, wait until healthy → pass 1 smoke check → wait until",
      "             nginx asks it again",
      "  capacity   before each switch 3 of 4 slots must be healthy, and each that gets more",
      "             traffic",
      "  worst      one slot carries 33.3 % of the traffic (25 % when even): while 1 slot is",
      "             updated",
      "  way back   the slots get v1 again, in the same way",
      "  loses      nothing is drained: requests to a slot that stops can fail where they cannot",
      "             be repeated (POST)",
      "  judged     not at all",
    ]);
    expect(lines.at(-1)).toContain("web1  nginx's config is left alone");
  });

  test("says of a step that mirrors who sees what", () => {
    const [first] = story().steps;
    const mirror = { ...(first as PlannedStep), share: 0, mirror: 1000, bake: seconds(120) };
    const lines = planLines(story({ steps: [mirror, ...story().steps] }), application, 90).map(textOf);
    expect(lines.slice(4, 7)).toEqual([
      "  mirror     update web1:8001; then 10 % of the GET and HEAD requests are copied to v2 on",
      "             1 slot, whose answers nobody gets; hold for 2m and watch",
      "  5 %        no further slot; then 5 % of the users get v2 on 1 slot (5 % each), the rest",
    ]);
  });

  test.each([
    ["a new file", null, "a\nb\n", ["+a", "+b"], "is written for the first time, with one reload"],
    [
      "another topology",
      "a\nb\nc\n",
      "a\nB\nc\n",
      [" a", "-b", "+B", " c"],
      "is brought up to date, with one reload",
    ],
  ])("shows what changes in the config: %s", (_, current, wanted, diff, words) => {
    const config = { path: "/etc/shop.conf", current, wanted, reload: true, lack: null };
    const lines = planLines(story({ gateways: [{ name: WEB1, config }] }), application, 80).map(textOf);
    const at = lines.findIndex((text) => text.includes("/etc/shop.conf"));
    expect(lines[at]).toBe(`    web1  /etc/shop.conf ${words}`);
    expect(lines.slice(at + 1)).toEqual(diff.map((text) => `        ${text}`));
  });

  test("of the first release has no steps", () => {
    const lines = planLines(story({ from: null }), application, 90).map(textOf);
    expect(lines.slice(4, 6)).toEqual([
      "  start      nothing runs yet: start v2 on web1:8001, web2:8001, web1:8002, web2:8002 at",
      "             once; when all are well everybody gets it",
    ]);
    expect(lines.join(" ")).not.toContain("25 %  ");
  });

  test("shows the beginning of a long change", () => {
    const wanted = Array.from({ length: 100 }, (_, i) => `${i}\n`).join("");
    const config = { path: "/etc/shop.conf", current: null, wanted, reload: true, lack: null };
    const lines = planLines(story({ gateways: [{ name: WEB1, config }] }), application, 80).map(textOf);
    expect(lines.slice(-2)).toEqual(["        +39", "        … and 60 more lines: all of it with --json"]);
  });

  test("shows a gateway that could not be asked", () => {
    const config = appError("host.unreachable", "web1 does not answer", { hint: "try ssh web1" });
    const lines = planLines(story({ gateways: [{ name: WEB1, config }] }), application, 80).map(textOf);
    expect(lines.slice(-3)).toEqual(["    web1", "      ✗ web1 does not answer", "        → try ssh web1"]);
  });
});

describe("status", () => {
  const slots = [
    slotStatus(A, { role: "canary" }),
    slotStatus(SLOTS[1]!, {
      state: { known: false, at: NOW, why: "ssh: timed out" },
      health: { known: false, at: NOW, why: "ssh: timed out" },
      inFlight: null,
    }),
  ];

  test("shows the rollout, who carries it, slots and gateways", () => {
    expect(statusLines(status({ slots }), "shop", { columns: 80 }).map(textOf)).toEqual([
      "shop  stable v1",
      "  → v2  baking · step 1 of 3 · 5 % · 7m",
      "  baking 5 % for 10m: 3m12s left",
      "  carried by alice@build1, process 4711",
      "",
      "  slot       release  role    rotation       process                  in flight  health",
      "  web1:8001  v1       canary  ● in rotation  running                  4          healthy",
      "  web2:8001  ?        stable  ● in rotation  unknown: ssh: timed out  ?          unknown",
      "",
      "  gateway web1  table 17 confirmed",
    ]);
  });

  /** Six hosts with three slots each: the first is being updated, one slot of the last is down. */
  function large(): readonly SlotStatus[] {
    const slots = [1, 2, 3, 4, 5, 6].flatMap((host) =>
      [8001, 8002, 8003].map((port) => slotStatus(slotKey(`web${host}` as HostName, port))),
    );
    const down = { generation: generation(3), release: V1, process: "stopped", restarts: 0 } as const;
    const changed: Readonly<Record<number, Partial<SlotStatus>>> = {
      0: { role: "canary" },
      1: { role: "none", inRotation: false },
      17: { state: { known: true, at: NOW, value: down } },
    };
    return slots.map((slot, i) => Object.assign(slot, changed[i]));
  }

  test("of many slots is told host by host, within 80 columns; slots that are alike are one line", () => {
    const lines = statusLines(status({ slots: large(), rollout: null }), "shop", { columns: 80 }).map(textOf);
    expect(lines.slice(2, -2)).toEqual([
      "  slot          release  role    rotation           process  in flight  health",
      "  web1:8001     v1       canary  ● in rotation      running  4          healthy",
      "  web1:8002     v1       –       ○ out of rotation  running  4          healthy",
      "  web1:8003     v1       stable  ● in rotation      running  4          healthy",
      "  web2 3 slots  v1       stable  ● in rotation      running  12         healthy",
      "  web3 3 slots  v1       stable  ● in rotation      running  12         healthy",
      "  web4 3 slots  v1       stable  ● in rotation      running  12         healthy",
      "  web5 3 slots  v1       stable  ● in rotation      running  12         healthy",
      "  web6:8001     v1       stable  ● in rotation      running  4          healthy",
      "  web6:8002     v1       stable  ● in rotation      running  4          healthy",
      "  web6:8003     v1       stable  ● in rotation      stopped  4          –",
    ]);
    expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(80);
  });

  test("says so when nobody carries it", () => {
    const lines = statusLines(status({ holder: holder(false) }), "shop", { columns: 80 }).map(textOf);
    expect(lines[3]).toBe("  no process carries it: `glidepath resume` goes on, `glidepath abort` goes back");
  });

  test("is silent about a rollout that has ended, but not about one that is stuck", () => {
    const ended = status({ rollout: rollout({ phase: { name: "completed" } }), holder: null });
    expect(statusLines(ended, "shop", { columns: 80 }).map(textOf)[1]).toBe("");
    const error = appError("slot.fenced", "refused");
    const stuck = status({ rollout: rollout({ phase: { name: "stuck", error } }), holder: null });
    const lines = statusLines(stuck, "shop", { columns: 80 }).map(textOf);
    expect(lines[1]).toBe("  → v2  stuck · step 1 of 3 · 5 % · 7m");
    expect(lines[3]).toContain("then `glidepath abort` goes on with the way back to v1");
  });

  test("names the order that goes on with a first release that is stuck", () => {
    const error = appError("hook.failed", "afterRelease ended with 1");
    const first = rollout({ phase: { name: "stuck", error }, from: null });
    const lines = statusLines(status({ rollout: first, holder: null }), "shop", { columns: 80 });
    expect(lines.map(textOf)[3]).toContain("then `glidepath resume` goes on");
  });

  test.each([
    [gatewayStatus({ confirmed: false }), "table 17 not confirmed yet"],
    [gatewayStatus({ state: { known: false, at: NOW, why: "ssh: refused" } }), "unknown: ssh: refused"],
  ])("a gateway %#", (gateway, expected) => {
    expect(
      statusLines(status({ gateways: [gateway] }), "shop", { columns: 80 })
        .map(textOf)
        .at(-1),
    ).toBe(`  gateway web1  ${expected}`);
  });

  test("on a narrow terminal leaves out the columns that matter least", () => {
    const head = statusLines(status(), "shop", { columns: 60 }).map(textOf)[5];
    expect(head).toBe("  slot       release  role    rotation");
  });
});

test("check tells faults last, each with what to do, and a verdict", () => {
  const lines = checkLines([
    { severity: "fault", subject: "web1: nginx", found: "1.9 is too old, 1.15 is needed", todo: "update it" },
    { severity: "fine", subject: "web1", found: "reached in 3ms", todo: null },
    { severity: "warning", subject: "web1: disk", found: "82 % full", todo: null },
  ]).map(textOf);
  expect(lines).toEqual([
    "✓ web1  reached in 3ms",
    "! web1: disk  82 % full",
    "✗ web1: nginx  1.9 is too old, 1.15 is needed",
    "  → update it",
    "",
    "not ready to release · 1 check fine, 1 warning, 1 fault",
  ]);
});

describe("history", () => {
  const done = rollout({ phase: { name: "completed" }, startedAt: instant(NOW - 62_000), endedAt: NOW });

  test("is a table", () => {
    const lines = historyLines([
      { rollout: rollout({ id: "01S" as RolloutId }), receipt: null },
      { rollout: done, receipt: receipt() },
    ]).map(textOf);
    expect(lines.map((text) => text.trimEnd())).toEqual([
      "id   release  from  outcome    requests  failed  started              took",
      "01S  v2       v1    under way  –         –       2026-03-14 09:19:53  –",
      "01R  v2       v1    completed  48,112    0       2026-03-14 09:25:51  1m2s",
    ]);
  });

  test.each([
    ["not all was seen has what failed of it", { during: traffic(9, 5, { failed: 2 }) }, ["9", "2"]],
    ["not all was seen does not say that nothing failed", {}, ["48,112", "–"]],
    ["nothing was counted has no number", { uncounted: true as const }, ["–", "–"]],
  ])("of a rollout of which %s", (_, more, expected) => {
    const lines = historyLines([
      { rollout: done, receipt: receipt({ missing: ["web1: no room"], ...more }) },
    ]);
    expect(textOf(lines[1]!).split(/ +/).slice(4, 6)).toEqual(expected);
  });

  test("of one rollout has its journal, with what hooks said and who ordered what", () => {
    const hook = { name: "beforeRelease", state: "running", since: done.startedAt, attempt: 1 };
    const lines: readonly Partial<JournalEntry>[] = [
      { at: done.startedAt, kind: "started", because: "fetching v2" },
      {
        at: instant(NOW - 50_000),
        kind: "outcome",
        because: "hook beforeRelease: done in 3s",
        data: { hook, outcome: "done", output: "adding a column\ndone" },
      },
      { at: instant(NOW - 40_000), kind: "order", because: "ann@build1: promote" },
      { at: NOW, kind: "ended", because: "v2 runs in all 4 slots" },
    ];
    const entries = lines.map((entry, sequence) =>
      Object.assign({ sequence, rollout: done.id, data: null }, entry),
    ) as readonly JournalEntry[];
    expect(recordLines({ rollout: done, receipt: null }, entries).map(textOf)).toEqual([
      "shop release 01R  v1 → v2",
      "  started 2026-03-14 09:25:51 UTC, ended 2026-03-14 09:26:53 UTC",
      "  steps 5 % (10m), 25 % (10m, approval), 100 %",
      "",
      "  0ms   started  fetching v2",
      "  12s   outcome  hook beforeRelease: done in 3s",
      "                 adding a column",
      "                 done",
      "  22s   order    ann@build1: promote",
      "  1m2s  ended    v2 runs in all 4 slots",
      "",
      "✓ v2 serves everybody, in place of v1: done in 1m2s",
    ]);
  });
});

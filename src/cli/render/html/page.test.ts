import { describe, expect, it } from "vitest";
import { appError } from "../../../base/errors.ts";
import { instant, millis } from "../../../base/time.ts";
import type { ReleaseId, RolloutId } from "../../../model/ids.ts";
import type { ProbeReport } from "../../../model/probing.ts";
import type { JournalEntry } from "../../../ports/journal.ts";
import { A, NOW, receipt, rollout, WEB1 } from "../../testing/records.ts";
import { receiptPage } from "./page.ts";
import { html } from "./safe.ts";
import { ticks } from "./scale.ts";

const HOSTILE = `</title><script>alert("1")</script><img src='x' onerror="alert(1)">`;

const probe: ProbeReport = {
  counts: [
    {
      gateway: WEB1,
      kind: "websocket",
      sent: 40,
      declined: 0,
      failed: 0,
      cut: 1,
      gaps: { 300: 38 },
      longestGap: millis(900),
      latency: { 300: 39 },
    },
  ],
  slots: { [A]: 39 },
  losses: [
    {
      gateway: WEB1,
      kind: "websocket",
      begun: instant(NOW - 60_000),
      ended: instant(NOW - 59_000),
      end: "cut",
      said: HOSTILE,
      slot: A,
      action: `stop/${A}/7`,
      during: `${A} was stopping`,
    },
  ],
  untold: 0,
  lastOld: millis(0),
  late: 0,
  blind: [`web2: ${HOSTILE}`],
};

const entry = (at: number, data: object, because: string): JournalEntry => ({
  at: instant(at),
  kind: "decided",
  because,
  data: { step: 0, generation: 1, change: null, slots: {}, ...data },
  sequence: 1,
  rollout: "01R" as RolloutId,
});

const ended = rollout({
  phase: { name: "rolled-back" },
  startedAt: instant(NOW - 100_000),
  endedAt: instant(NOW),
  from: HOSTILE as ReleaseId,
  aborted: { at: NOW, by: "slot", slot: null, error: appError("slot.smoke", HOSTILE) },
});
const told = receipt({
  probe,
  cut: 3,
  cutKinds: { uploads: 1, websockets: 2 },
  missing: [HOSTILE],
  course: [
    { from: instant(NOW - 61_000), to: instant(NOW - 60_000), requests: 100, failed: 2, cut: 1, p99: 12 },
    { from: instant(NOW - 900_000), to: instant(NOW - 899_000), requests: 7, failed: 7, cut: 0, p99: 3 },
  ],
});
const entries = [
  entry(NOW - 100_000, { phase: "staging", share: 0 }, HOSTILE),
  entry(NOW - 80_000, { phase: "baking", share: 500 }, "baking"),
  entry(NOW, { phase: "rolled-back", share: 0 }, "back"),
];

describe("the receipt as a page", () => {
  const page = receiptPage({ rollout: ended, receipt: told }, entries);

  it("says what was cut, by kind", () => {
    expect(page).toContain("At the end of their drain were cut: 1 upload, 2 WebSockets.");
  });

  it("has nobody's markup but its own", () => {
    expect(page).not.toContain("<script");
    expect(page).not.toContain("<img");
    expect(page).toContain("&lt;script&gt;");
    expect(page.match(/<\/title>/g)).toHaveLength(page.split("<title>").length - 1);
  });

  it("fetches nothing: no address in it but one of its own words", () => {
    expect(page.replaceAll(/&lt;.*?&gt;/g, "")).not.toMatch(
      /(?:src|href|srcset|action)=|url\(|@import|https?:/,
    );
    expect(page).toContain("default-src 'none'");
  });

  it("shows the course: phases, the share, failures in their place, and what the probe lost", () => {
    expect(page).toContain("<title>baking</title>");
    expect(page).toContain("<title>2 failed, 1 cut</title>");
    expect(page).not.toContain("7 failed, 0 cut");
    expect(page).toMatch(/WebSocket was cut at .* while web1:8001 was stopping \(stop\/web1:8001\/7\)/);
  });

  it("says of requests that nobody counted no number, and not that none failed", () => {
    const pageOf = (more: Parameters<typeof receipt>[0]): string =>
      receiptPage({ rollout: ended, receipt: receipt(more) }, []).replaceAll(/<[^>]*>/g, " ");
    expect(pageOf({ uncounted: true, course: [] })).toMatch(
      /requests were not counted .*failed, cut\s+not counted/s,
    );
    expect(pageOf({ uncounted: true, course: [] })).not.toMatch(/failed, cut\s+none|0\s+failed/);
    expect(pageOf({ course: [] })).toMatch(/failed, cut\s+none/);
    expect(pageOf({ uncounted: true, switches: 0, course: [] })).not.toContain("switches of traffic");
    expect(pageOf({ uncounted: true, course: [] })).toContain("9 switches of traffic");
    expect(pageOf({ course: [] })).toContain("switches of traffic");
    expect(pageOf({ missing: ["web2: no room"] })).toMatch(
      /requests of users were seen\s+0\s+of them failed/,
    );
    expect(pageOf({})).toMatch(/requests of users\s+0\s+failed/);
  });

  it("of a rollout without a receipt says so", () => {
    expect(receiptPage({ rollout: ended, receipt: null }, [])).toContain("There is no receipt");
  });
});

describe("markup", () => {
  it.each([
    ["text is escaped", html`<p>${`<b>&"'`}</p>`, "<p>&lt;b&gt;&amp;&quot;&#39;</p>"],
    ["markup is not escaped again", html`<p>${html`<b>${"<"}</b>`}</p>`, "<p><b>&lt;</b></p>"],
    ["control characters are left out", html`${"a\u0000\u001B[1mb"}`, "a[1mb"],
    ["lists are joined", html`${["<", html`<br />`]}`, "&lt;<br />"],
  ])("%s", (_, made, expected) => {
    expect(made.text).toBe(expected);
  });
});

describe("marks of the axis", () => {
  it.each([
    [6000, [0, 1, 2, 3, 4, 5, 6]],
    [100_000, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].slice(0, 11)],
    [7_200_000, [0, 900, 1800, 2700, 3600, 4500, 5400, 6300, 7200]],
  ])("in %d ms are round", (took, seconds) => {
    expect(ticks(took, 10).map((at) => at / 1000)).toEqual(seconds);
  });
});

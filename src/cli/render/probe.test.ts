import { describe, expect, it } from "vitest";
import { instant, millis } from "../../base/time.ts";
import type { HostName } from "../../model/ids.ts";
import type { ProbeCount, ProbeLoss, ProbeReport } from "../../model/probing.ts";
import { bucketOf } from "../../model/traffic.ts";
import { A, NOW, receipt, WEB1, WEB2 } from "../testing/records.ts";
import { backWords, commitWords, probeLines } from "./probe.ts";
import { receiptLines } from "./receipt.ts";
import { textOf } from "./text.ts";

const counts = (gateway: HostName, more: Partial<ProbeCount> = {}): ProbeCount => ({
  gateway,
  kind: "get",
  sent: 50,
  declined: 0,
  failed: 0,
  cut: 0,
  gaps: { [bucketOf(200)]: 49 },
  longestGap: millis(900),
  latency: {},
  ...more,
});

const loss: ProbeLoss = {
  gateway: WEB1,
  kind: "post",
  begun: instant(NOW + 200),
  ended: instant(NOW + 231),
  end: "failed",
  said: "502\u001B[1m",
  slot: A,
  action: `stop/${A}/17`,
  during: `${A} was stopping`,
};

const report = (more: Partial<ProbeReport> = {}): ProbeReport => ({
  counts: [counts(WEB1), counts(WEB2, { longestGap: millis(300) })],
  slots: { [A]: 99 },
  losses: [],
  untold: 0,
  lastOld: millis(0),
  late: 0,
  blind: [],
  ...more,
});

const told = (given: ProbeReport, inFull = false): readonly string[] => probeLines(given, inFull).map(textOf);

describe("what the probe saw", () => {
  it("is one row a kind, and in full one for each gateway", () => {
    expect(told(report())).toEqual([
      "probe  sent  failed  cut  longest gap            ",
      "  GET  100   0       0    900ms (usually 200ms)  ",
      "no request came to a slot that had left by a switch",
    ]);
    expect(told(report(), true).slice(1, 3)).toEqual([
      "  web1 GET  50    0       0    900ms (usually 200ms)  ",
      "  web2 GET  50    0       0    300ms (usually 200ms)  ",
    ]);
  });

  it("names each loss with its slot and its action, and cuts a long list short", () => {
    const line =
      "✗ web1: POST failed at 09:26:53.2 after 31ms: 502, from web1:8001, " +
      "while web1:8001 was stopping (stop/web1:8001/17)";
    expect(told(report({ losses: [loss] }))).toContain(line);
    const many = report({ losses: [loss, loss, loss, loss, loss], untold: 7 });
    expect(told(many).filter((text) => text.startsWith("✗"))).toHaveLength(3);
    expect(told(many).at(-1)).toBe("and 9 more losses");
    expect(told(many, true).at(-1)).toBe("and 7 more losses");
  });

  it.each<readonly [string, Partial<ProbeReport>, string]>([
    [
      "answers that prove nothing",
      { counts: [counts(WEB1, { declined: 50 })] },
      "50 prove nothing: not what was asked for",
    ],
    ["a gateway that was not reached", { counts: [], blind: ["web2: refused"] }, "not probed: web2: refused"],
    [
      "gateways that do not tell who answered",
      { slots: {} },
      "which slot answered was not told (`probe` in the file",
    ],
    [
      "a slot that was asked late",
      { late: 1 },
      "1 request came to a slot after it had left by a finished switch",
    ],
    ["a slot that was asked while it left", { lastOld: millis(4) }, "began 4ms after the switch was called"],
  ])("says of %s what that means", (_, more, expected) => {
    expect(told(report(more)).join("\n")).toContain(expected);
  });

  it("is a part of the receipt, where there was one", () => {
    const words = (given: ReturnType<typeof receipt>) => receiptLines(given).map(textOf).join("\n");
    expect(words(receipt({ probe: report() }))).toContain("GET  100");
    expect(words(receipt({ probe: null }))).not.toContain("probe");
  });
});

describe("times of the receipt", () => {
  it.each([
    [
      "measured",
      { how: "measured", users: 80, whole: 4000, waiting: 0 },
      "going back: users in 80ms, everything in 4s",
    ],
    [
      "estimated",
      { how: "estimated", users: 80, whole: 4000, waiting: 0 },
      "going back would have taken 80ms for all users, 4s for everything (estimated)",
    ],
    [
      "with users who wait",
      { how: "estimated", users: 80, whole: 4000, waiting: 0.25 },
      "25 % of the traffic had waited for slots, up to 4s (estimated)",
    ],
  ] as const)("going back, %s", (_, back, expected) => {
    expect(backWords({ ...back, users: millis(back.users), whole: millis(back.whole) })).toContain(expected);
  });
  it("a gateway's switch: as a rule, and the longest; nothing where none was made", () => {
    expect(commitWords({ times: { [bucketOf(10)]: 9, [bucketOf(40)]: 1 }, longest: millis(40) })).toBe(
      "a gateway switches in 10ms, in 40ms at most, from call to answer",
    );
    expect(commitWords({ times: {}, longest: millis(0) })).toBeNull();
  });
});

import { expect, it } from "vitest";
import { instant, millis } from "../base/time.ts";
import type { ProbeReport } from "../model/probing.ts";
import { bucketOf } from "../model/traffic.ts";
import { receiptJson } from "./receipt-json.ts";
import { A, NOW, receipt, WEB1 } from "./testing/records.ts";

const probe: ProbeReport = {
  counts: [
    {
      gateway: WEB1,
      kind: "events",
      sent: 10,
      declined: 1,
      failed: 2,
      cut: 3,
      gaps: { [bucketOf(400)]: 5 },
      longestGap: millis(900),
      latency: { [bucketOf(30)]: 4 },
    },
  ],
  slots: { [A]: 4 },
  losses: [
    {
      gateway: WEB1,
      kind: "events",
      begun: instant(NOW - 40),
      ended: instant(NOW),
      end: "cut",
      said: "connection reset",
      slot: A,
      action: null,
      during: "nothing was under way",
    },
  ],
  untold: 0,
  lastOld: millis(4),
  late: 0,
  blind: ["web2: it is not reached"],
};

it("the receipt as JSON has the fields that the guide promises, and no histogram", () => {
  const told = receiptJson(
    receipt({
      probe,
      commits: { times: { [bucketOf(10)]: 2 }, longest: millis(12) },
      back: { how: "estimated", users: millis(80), whole: millis(900), waiting: 0.5 },
      course: [{ from: instant(NOW), to: instant(NOW + 1000), requests: 9, failed: 1, cut: 0, p99: 12 }],
    }),
  );
  expect(told).toMatchObject({
    commits: { count: 2, usual: expect.closeTo(10, 0), longest: 12 },
    back: { how: "estimated", users: 80, whole: 900, waiting: 0.5 },
    course: [{ from: "2026-03-14T09:26:53.000Z", to: "2026-03-14T09:26:54.000Z", requests: 9, p99: 12 }],
  });
  expect((told as { probe: unknown }).probe).toEqual({
    sent: 10,
    failed: 2,
    cut: 3,
    declined: 1,
    kinds: [
      {
        gateway: "web1",
        kind: "events",
        sent: 10,
        declined: 1,
        failed: 2,
        cut: 3,
        longestGap: 900,
        usualGap: expect.closeTo(400, -1),
        p50: expect.closeTo(30, -1),
        p99: expect.closeTo(30, -1),
      },
    ],
    slots: { [A]: 4 },
    losses: [
      {
        gateway: "web1",
        kind: "events",
        at: "2026-03-14T09:26:52.960Z",
        took: 40,
        end: "cut",
        said: "connection reset",
        slot: A,
        action: null,
        during: "nothing was under way",
      },
    ],
    untold: 0,
    lastOld: 4,
    late: 0,
    notProbed: ["web2: it is not reached"],
  });
});

it("what a former version did not measure is null, not missing", () => {
  expect(receiptJson(receipt())).toMatchObject({ commits: null, back: null, probe: null, course: [] });
});

it("what nobody counted is null, and not zero", () => {
  const none = {
    requests: null,
    failed: null,
    cut: null,
    retried: null,
    fellBack: null,
    p50: null,
    p99: null,
  };
  const told = receiptJson(receipt({ uncounted: true }));
  expect(told).toMatchObject({ before: none, during: none, after: none, cut: null });
  expect(told).not.toHaveProperty("uncounted");
});

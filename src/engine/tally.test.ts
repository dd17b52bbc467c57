import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import { usualGap, type Shot } from "../model/probing.ts";
import { basisPoints } from "../model/share.ts";
import { createTally } from "./tally.ts";

const WEB1 = "web1" as HostName;
const A = "web1:8001" as SlotKey;
const B = "web1:8002" as SlotKey;

const shot = (from: number, to: number, more: Partial<Shot> = {}): Shot => ({
  gateway: WEB1,
  kind: "get",
  begun: instant(from),
  ended: instant(to),
  end: "answered",
  said: "200",
  slot: A,
  ...more,
});

describe("the probe's sums", () => {
  it("count each end by itself, and gaps from good answer to good answer", () => {
    const tally = createTally(null);
    tally.take(shot(0, 10), []);
    tally.take(shot(200, 210), []);
    tally.take(shot(400, 410, { end: "failed", said: "502" }), []);
    tally.take(shot(600, 610, { end: "declined", said: "404" }), []);
    tally.take(shot(800, 830, { end: "cut" }), []);
    tally.take(shot(1000, 1010), []);
    const { counts, slots, losses } = tally.report();
    expect(counts).toMatchObject([{ kind: "get", sent: 6, failed: 1, declined: 1, cut: 1, longestGap: 800 }]);
    expect(slots).toEqual({ [A]: 3 });
    expect(losses.map(({ end, during, action }) => [end, during, action])).toEqual([
      ["failed", "nothing was under way", null],
      ["cut", "nothing was under way", null],
    ]);
  });

  it("know no gap where only one answer was good", () => {
    const tally = createTally(null);
    tally.take(shot(0, 10), []);
    const [count] = tally.report().counts;
    expect(count && usualGap(count)).toBeNull();
  });

  it("tell fifty losses and count the others", () => {
    const tally = createTally(null);
    for (let i = 0; i < 60; i += 1) tally.take(shot(i, i + 1, { end: "failed" }), []);
    const { losses, untold } = tally.report();
    expect([losses.length, untold]).toEqual([50, 10]);
  });

  it("go on where another process left", () => {
    const first = createTally(null);
    first.take(shot(0, 10), []);
    const second = createTally(JSON.parse(JSON.stringify(first.report())) as ReturnType<typeof first.report>);
    second.take(shot(20, 30, { end: "cut" }), []);
    expect(second.report()).toMatchObject({
      counts: [{ sent: 2, cut: 1 }],
      slots: { [A]: 1 },
      blind: ["the time in which no process carried the rollout"],
    });
  });

  it("forget that a gateway was not reached, once it is", () => {
    const tally = createTally(null);
    tally.blind({ gateway: WEB1, kind: null }, "web1: connection refused");
    expect(tally.report().blind).toEqual(["web1: connection refused"]);
    tally.blind({ gateway: WEB1, kind: null }, null);
    expect(tally.report().blind).toEqual([]);
  });
});

describe("a slot that has left by a switch", () => {
  const routing = { canary: [], stable: [B], share: basisPoints(0) };
  it.each([
    ["asked before the switch was called: no news", 90, { lastOld: 0, late: 0 }],
    ["asked while it was under way: how long after the call", 104, { lastOld: 4, late: 0 }],
    ["asked after it was done: late", 120, { lastOld: 20, late: 1 }],
  ])("%s", (_, begun, expected) => {
    const tally = createTally(null);
    tally.switched(WEB1, { routing, called: instant(100), done: instant(110) });
    tally.take(shot(begun, begun + 1), []);
    expect(tally.report()).toMatchObject(expected);
  });
  it("one that is still routed to is no news", () => {
    const tally = createTally(null);
    tally.switched(WEB1, { routing, called: instant(100), done: instant(110) });
    tally.take(shot(120, 121, { slot: B }), []);
    expect(tally.report()).toMatchObject({ lastOld: 0, late: 0 });
  });
});

import { describe, expect, it } from "vitest";
import { rolloutOf } from "../../test/support/rollouts.ts";
import { appError } from "../base/errors.ts";
import { err, ok } from "../base/result.ts";
import { after, seconds } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import { NO_EVIDENCE, sliceOf } from "../model/evidence.ts";
import type { HostName } from "../model/ids.ts";
import { NO_TRAFFIC } from "../model/traffic.ts";
import type { JournalEntry } from "../ports/journal.ts";
import type { LogReading } from "../ports/telemetry.ts";
import type { Read } from "./gauge.ts";
import { createMeter, type Counted } from "./meter.ts";

const web = (n: number): HostName => `web${n}` as HostName;
const application = {
  gateway: { passive: false },
  gateways: [1, 2].map((n) => ({ name: web(n), log: "/var/log/shop.log" })),
} as unknown as Application;
const rollout = rolloutOf();
const NOW = after(rollout.startedAt, seconds(1));

/** So many requests, one of which failed. */
function reading(requests: number, more: Partial<LogReading> = {}): Read["reading"] {
  const traffic = { ...NO_TRAFFIC, requests, failed: 1 };
  const slice = { slice: sliceOf(NOW), canary: NO_EVIDENCE, stable: NO_EVIDENCE, traffic };
  const slices = requests === 0 ? [] : [slice];
  return ok({ cursor: "", slices, losses: 0, clock: NOW, through: NOW, exists: true, ...more });
}

const FULL = appError("host.disk", "web1: no room on the disk", { hint: "free some space there" });
const full = reading(0, { losses: 1, full: FULL });
const gone = reading(0, { losses: 1 });
const silent = err(appError("host.unreachable", "web1: no answer"));

function metered(readings: readonly Read["reading"][], before: Counted | null = null) {
  const meter = createMeter(application, rollout, before);
  const add = (n: number, given: Read["reading"]): void =>
    meter.add({ gateway: web(n), askedAt: NOW, answeredAt: NOW, reading: given });
  for (const given of readings) add(1, given);
  return { meter, add, receipt: () => meter.receipt({ ...rollout, endedAt: NOW }, []) };
}

const decided = (change: "committing" | null): JournalEntry =>
  ({ at: NOW, kind: "decided", because: "", data: { phase: "updating", change } }) as unknown as JournalEntry;

describe("a receipt", () => {
  it("counts what was read, and no request where there was none", () => {
    expect(metered([reading(0)]).receipt()).toMatchObject({ during: { requests: 0 }, missing: [] });
    expect(metered([reading(0)]).receipt()).not.toHaveProperty("uncounted");
    expect(metered([reading(7)]).receipt()).toMatchObject({
      during: { requests: 7, failed: 1 },
      missing: [],
    });
  });

  it.each([
    ["whose log has no room", full, "web1: no room on the disk; free some space there"],
    ["whose log is gone in part", gone, expect.stringMatching(/^web1: a part of the log was gone/)],
    ["whose log cannot be read", silent, "web1: no answer"],
    ["that has no log", reading(0, { exists: false }), "web1: there is no /var/log/shop.log"],
  ])("of a gateway %s knows of no request, not of none", (_, given, why) => {
    const { meter, receipt } = metered([given]);
    expect(receipt()).toMatchObject({ uncounted: true, missing: [why] });
    expect(meter.during()).toBeNull();
  });

  it("in which another gateway was read has these requests, and says that they are not all", () => {
    const { meter, add, receipt } = metered([full]);
    add(2, reading(5));
    expect(receipt()).toMatchObject({
      during: { requests: 5 },
      missing: [expect.stringContaining("no room")],
    });
    expect(receipt()).not.toHaveProperty("uncounted");
    expect(meter.during()).toMatchObject({ requests: 5 });
  });

  it("of a first release that came to no gateway needs no log; of one that did it does", () => {
    const first = rolloutOf({ from: null });
    const meter = createMeter(application, first, null);
    const given = reading(0, { exists: false });
    meter.add({ gateway: web(1), askedAt: NOW, answeredAt: NOW, reading: given });
    const receipt = (...entries: readonly JournalEntry[]) =>
      meter.receipt({ ...first, endedAt: NOW }, entries);
    expect(receipt()).toMatchObject({ during: { requests: 0 }, missing: [] });
    expect(receipt()).not.toHaveProperty("uncounted");
    expect(meter.during()).toMatchObject({ requests: 0 });
    expect(receipt(decided("committing"), decided(null))).toMatchObject({
      uncounted: true,
      missing: ["web1: there is no /var/log/shop.log"],
    });
  });

  it("lacks nothing when a silent gateway's log is read in the end", () => {
    expect(metered([silent, reading(7)]).receipt().missing).toEqual([]);
  });

  it("lacks for good what was not logged, also when another process goes on", () => {
    const { meter, receipt } = metered([full, gone, reading(7)]);
    expect(receipt().missing).toEqual(["web1: no room on the disk; free some space there"]);
    const kept = JSON.parse(JSON.stringify(meter.counted())) as Counted;
    expect(metered([reading(1)], kept).receipt()).toMatchObject({
      during: { requests: 8 },
      missing: ["web1: no room on the disk; free some space there"],
    });
    expect(metered([reading(7)]).meter.counted()).not.toHaveProperty("lost");
  });
});

import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { RolloutId } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import type { JournalEntry } from "../ports/journal.ts";
import { largeApplication } from "../../test/support/large-application.ts";
import { goingBack } from "./going-back.ts";

/** Six slots, one of which may be out at once: at the last step five carry the release. */
const large = largeApplication({ hosts: 2, gateways: 1 });
const application: Application = { ...large, policy: { ...large.policy, maxLoad: 100 } };
/** The stable slots may carry no more than they do now. */
const tight: Application = { ...application, policy: { ...application.policy, maxLoad: 1 } };

const rollout = (more: Partial<Rollout>): Rollout =>
  ({
    release: "v2",
    from: "v1",
    touched: true,
    plan: { passive: false },
    aborted: null,
    phase: { name: "completed" },
    endedAt: instant(9000),
    progressAt: instant(9000),
    ...more,
  }) as unknown as Rollout;

interface State {
  readonly share?: number;
  readonly change?: "preparing" | "committing";
  readonly slot?: string;
}

const journal = (states: Readonly<Record<number, State>>): readonly JournalEntry[] =>
  Object.entries(states).map(([at, { share = 0, change = null, slot = "settled" }], i) => ({
    at: instant(Number(at)),
    kind: "decided",
    because: "",
    data: { phase: "updating", step: 0, share, generation: 1, change, slots: { "web1:8001": slot } },
    sequence: i,
    rollout: "r" as RolloutId,
  }));

const FORWARD = journal({
  100: { slot: "leaving", change: "preparing" },
  140: { slot: "draining" },
  1000: { slot: "joining", change: "preparing" },
  1060: { slot: "joining", change: "committing" },
  1100: { share: 5000 },
});

describe("going back that was not needed is estimated", () => {
  it("from the longest switch, and for everything from the longest update of a slot besides", () => {
    expect(goingBack(application, rollout({}), FORWARD)).toEqual({
      how: "estimated",
      users: 100,
      whole: 5100,
      waiting: 0,
    });
  });
  it("and says which part of the traffic would have waited", () => {
    expect(goingBack(tight, rollout({}), FORWARD)?.waiting).toBeGreaterThan(0);
  });
  it.each<[string, Partial<Rollout>, readonly JournalEntry[]]>([
    ["there was nothing to go back to", { from: null }, FORWARD],
    ["nothing was touched", { touched: false }, FORWARD],
    ["nothing was switched", {}, []],
  ])("not where %s", (_, more, entries) => {
    expect(goingBack(application, rollout(more), entries)).toBeNull();
  });
});

describe("going back that happened is measured", () => {
  const back = { aborted: { at: instant(2000) }, phase: { name: "rolled-back" } } as Partial<Rollout>;
  it("until the users were seen to be back, and until everything was", () => {
    const entries = journal({
      1100: { share: 5000 },
      2010: { share: 5000, change: "committing" },
      2090: { share: 0 },
      8000: {},
    });
    expect(goingBack(application, rollout(back), entries)).toMatchObject({
      how: "measured",
      users: 90,
      whole: 7000,
    });
  });
  it("and where nobody had gone over, nobody came back", () => {
    const entries = journal({ 100: { change: "committing" }, 140: {}, 2010: {} });
    expect(goingBack(application, rollout(back), entries)).toMatchObject({ users: 0, whole: 7000 });
  });
  it("and in the passive form they are back when the slots are", () => {
    const passive = { ...back, plan: { passive: true } as Rollout["plan"] };
    const entries = journal({ 100: { slot: "stopping" }, 1900: {}, 2010: {} });
    expect(goingBack(application, rollout(passive), entries)).toMatchObject({ users: 7000, whole: 7000 });
  });
  it("in the passive form nobody knows how long it would have taken: no switch leads anybody", () => {
    const entries = journal({ 100: { change: "committing" }, 140: {}, 200: { slot: "stopping" }, 1900: {} });
    const done = { plan: { passive: true } as Rollout["plan"] };
    expect(goingBack(application, rollout(done), entries)).toBeNull();
    expect(goingBack(application, rollout({}), entries)).toMatchObject({ how: "estimated" });
  });
  it("not before it is over", () => {
    const stuck = { ...back, phase: { name: "stuck" } } as unknown as Partial<Rollout>;
    expect(goingBack(application, rollout(stuck), [])).toBeNull();
  });
});

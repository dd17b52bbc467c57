import { describe, expect, it } from "vitest";
import { millis, seconds } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { basisPoints } from "../model/share.ts";
import { heaviestOf, type Routing } from "../model/routing.ts";
import { command } from "./command.ts";
import { rampSteps } from "./ramp.ts";
import { wantedBack } from "./wanted.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { runPerfectly, type World } from "../../test/support/perfect-world.ts";

const ramped = { plan: { ramp: seconds(3) } };
const switches = ({ log }: World): readonly string[] => log.filter((line) => line.startsWith("canary"));

describe("a ramp", () => {
  it("takes a step a second, and ten at most", () => {
    const steps = [1, 900, 3000, 3999, 30_000, 600_000].map((ms) => rampSteps(millis(ms)));
    expect(steps).toEqual([1, 1, 3, 3, 10, 10]);
  });

  it("widens the share for a release's first slot, and lets its last one take its part by and by", () => {
    const world = runPerfectly(rolloutOf(ramped));
    expect(world.rollout.phase.name).toBe("completed");
    expect(world.broken).toEqual([]);
    expect(switches(world)).toEqual([
      "canary [] stable [2] 0",
      "canary [1] stable [2] 1250",
      "canary [1] stable [2] 2500",
      "canary [1] stable [2] 3750",
      "canary [1] stable [] 10000",
      "canary [1,2] stable [] 10000 ramp [2] 2500",
      "canary [1,2] stable [] 10000 ramp [2] 5000",
      "canary [1,2] stable [] 10000 ramp [2] 7500",
      "canary [] stable [1,2] 0",
    ]);
  });

  it("gives a second slot a part of what the first has, and widens the share after that", () => {
    const world = runPerfectly(rolloutOf({ n: 4, ...ramped }));
    expect(world.rollout.phase.name).toBe("completed");
    const from = switches(world).findIndex((line) => line.startsWith("canary [1,2]"));
    expect(switches(world).slice(from - 1, from + 5)).toEqual([
      "canary [1] stable [3,4] 3333",
      "canary [1,2] stable [3,4] 3333 ramp [2] 3750",
      "canary [1,2] stable [3,4] 3333 ramp [2] 7500",
      "canary [1,2] stable [3,4] 3750",
      "canary [1,2] stable [4] 6666",
      "canary [1,2,3] stable [4] 6666 ramp [3] 2812",
    ]);
  });

  it("never gives a slot more than it had before one joined, or has when all of its traffic is there", () => {
    for (const [n, u] of [
      [2, 1],
      [5, 1],
      [6, 2],
      [10, 3],
    ] as const) {
      const steps = [step(500), step(4000), step(10_000)];
      const world = runPerfectly(rolloutOf({ n, u, steps, ...ramped }));
      expect([world.rollout.phase.name, world.broken]).toEqual(["completed", []]);
    }
  });

  it("does not hold up users who go back, and the slots that come back ramp", () => {
    const world = runPerfectly(rolloutOf({ n: 3, steps: [step(3000), step(10_000)], ...ramped }), {
      before: (at, turn) => {
        if (turn === 0 || at.rollout.aborted !== null) return;
        if (at.rollout.slots["h:1" as keyof typeof at.rollout.slots]?.at !== "ramping") return;
        const ordered = command(
          at.rollout,
          { order: { kind: "abort", reason: "asked" }, by: "test" },
          at.now,
        );
        if (ordered.ok) at.rollout = ordered.value;
      },
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.broken).toEqual([]);
    expect(switches(world)).toEqual([
      "canary [] stable [2,3] 0",
      "canary [1] stable [2,3] 750",
      "canary [] stable [2,3] 0",
      "canary [] stable [1,2,3] 0 ramp [1] 2500",
      "canary [] stable [1,2,3] 0 ramp [1] 5000",
      "canary [] stable [1,2,3] 0 ramp [1] 7500",
      "canary [] stable [1,2,3] 0",
    ]);
  });

  it("is not there for a first release, which nobody used before", () => {
    const world = runPerfectly(rolloutOf({ from: null, ...ramped }));
    expect(switches(world)).toEqual(["canary [] stable [1,2] 0"]);
  });
});

describe("a slot that waits for its turn to come back", () => {
  const start = rolloutOf({ n: 5, ...ramped });
  const to = { target: start.from, attempt: 1, since: start.startedAt };
  const [h1, h2, h3, ...old] = start.plan.slots as [SlotKey, SlotKey, SlotKey, ...SlotKey[]];
  const aborted = { by: "operator", at: start.startedAt } as Rollout["aborted"];
  const slots: Rollout["slots"] = {
    [h1]: { at: "joining", ...to },
    [h2]: { at: "checking", ...to, answer: "" },
    [h3]: { at: "joining", ...to },
    ...Object.fromEntries(old.map((slot) => [slot, { at: "settled", release: start.from }])),
  };
  const well = { known: true, at: start.startedAt, value: { healthy: true, answer: "200" } } as const;
  const health = Object.fromEntries(old.map((slot) => [slot, well]));

  it("is not among those that ramp", () => {
    const rollout = { ...start, aborted, slots, routing: { ...start.routing, stable: old } };
    const wanted = wantedBack(rollout, { slots: {}, gateways: {}, health }, rollout.startedAt);
    expect(wanted.stable).toEqual([h3, ...old]);
    expect(wanted.ramp?.newcomers).toEqual([h3]);
  });

  it("joins beside one that ramps, and the others get no more than they have", () => {
    const ramp = { newcomers: [h2], part: basisPoints(7500) };
    const routing = { ...start.routing, stable: [h2, ...old], ramp };
    const joins = {
      ...slots,
      [h1]: { at: "settled", release: start.release },
      [h2]: { at: "ramping", ...to, done: 2 },
    } as Rollout["slots"];
    const rollout = { ...start, aborted, slots: joins, routing };
    const before = heaviestOf(routing, "stable");
    const wanted = wantedBack(rollout, { slots: {}, gateways: {}, health }, rollout.startedAt);
    expect(wanted.ramp?.newcomers).toEqual([h2, h3]);
    expect(heaviestOf(wanted, "stable")).toBeCloseTo(before, 4);
  });
});

describe("the most that a slot gets", () => {
  const slots = ["a", "b", "c"] as readonly string[] as Routing["canary"];
  it("counts what the old slots of a role still carry", () => {
    const routing = { canary: slots, stable: [], share: 10_000 } as unknown as Routing;
    expect(heaviestOf(routing, "canary")).toBeCloseTo(1 / 3);
    const ramp = { newcomers: slots.slice(2), part: 5000 } as unknown as NonNullable<Routing["ramp"]>;
    expect(heaviestOf({ ...routing, ramp }, "canary")).toBeCloseTo(0.5 / 3 + 0.5 / 2);
  });
});

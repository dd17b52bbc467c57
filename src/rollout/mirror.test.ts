import { describe, expect, it } from "vitest";
import { minutes } from "../base/time.ts";
import type { Step } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";
import { basisPoints } from "../model/share.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { runPerfectly, type World } from "../../test/support/perfect-world.ts";
import { command } from "./command.ts";
import { brokenLaws } from "./laws.ts";

const mirror = (part: number, extra: Partial<Step> = {}): Step =>
  step(0, { mirror: basisPoints(part), bake: minutes(2), ...extra });

const switches = ({ log }: World): readonly string[] => log.filter((line) => line.startsWith("canary"));

/** Gives an order once the rollout bakes with a mirror. */
function during(rollout: Rollout, order: Parameters<typeof command>[1]["order"]): World {
  let isGiven = false;
  return runPerfectly(rollout, {
    before: (world) => {
      if (isGiven || world.rollout.phase.name !== "baking") return;
      if (world.rollout.routing.mirror === undefined) return;
      isGiven = true;
      const answer = command(world.rollout, { order, by: "test" }, world.now);
      if (!answer.ok) throw new Error(answer.error.message);
      world.rollout = answer.value;
    },
  });
}

describe("a step that mirrors", () => {
  it("updates a slot, copies requests to it, and ends in the switch that leads users there", () => {
    const world = runPerfectly(rolloutOf({ steps: [mirror(1000), step(500), step(10_000)] }));
    expect(world.rollout.phase.name).toBe("completed");
    expect(switches(world)).toEqual([
      "canary [] stable [2] 0",
      "canary [1] stable [2] 0",
      "canary [1] stable [2] 0 mirror 1000",
      "canary [1] stable [2] 500",
      "canary [1] stable [] 10000",
      "canary [] stable [1,2] 0",
    ]);
    expect(world.broken).toEqual([]);
  });

  it("copies no more while further slots are updated for the next step", () => {
    const world = runPerfectly(rolloutOf({ n: 4, u: 2, steps: [mirror(1000), step(8000), step(10_000)] }));
    const all = switches(world);
    const mirrored = all.findIndex((line) => line.endsWith("mirror 1000"));
    expect(all[mirrored]).toBe("canary [1] stable [2,3,4] 0 mirror 1000");
    expect(all[mirrored + 1]).toBe("canary [1] stable [3,4] 3333");
    expect(all.filter((line) => line.includes("mirror"))).toHaveLength(1);
    expect(world.broken).toEqual([]);
  });

  it.each([
    { part: 5000, n: 6, u: 2, canary: "1,2" },
    { part: 2500, n: 6, u: 2, canary: "1" },
    { part: 10_000, n: 2, u: 1, canary: "1" },
  ])("of $part of 10000 is carried by slots $canary of $n", ({ part, n, u, canary }) => {
    const world = runPerfectly(rolloutOf({ n, u, steps: [mirror(part), step(10_000)] }));
    expect(switches(world).find((line) => line.endsWith(`mirror ${part}`))).toContain(`canary [${canary}] `);
    expect(world.broken).toEqual([]);
  });

  it("mirrors more in the next one", () => {
    const world = runPerfectly(rolloutOf({ steps: [mirror(100), mirror(5000), step(10_000)] }));
    expect(switches(world).slice(1, 4)).toEqual([
      "canary [1] stable [2] 0",
      "canary [1] stable [2] 0 mirror 100",
      "canary [1] stable [2] 0 mirror 5000",
    ]);
  });

  it("says so while it holds", () => {
    const said = new Set<string>();
    runPerfectly(rolloutOf({ steps: [mirror(1000, { approve: true }), step(10_000)] }), {
      before: ({ rollout }, turn) => {
        if (turn > 100) said.add(rollout.because.replace(/: .*/, ""));
      },
    });
    expect([...said]).toEqual(
      expect.arrayContaining([
        "baking a mirror of 10 % for 2m",
        "a mirror of 10 % holds until somebody approves",
      ]),
    );
  });
});

describe("while requests are mirrored", () => {
  const start = rolloutOf({ steps: [mirror(1000), step(500), step(10_000)] });

  it("an abort ends the copies in its first switch, and nobody has seen the release", () => {
    const world = during(start, { kind: "abort", reason: "asked" });
    expect(world.rollout.phase.name).toBe("rolled-back");
    const all = switches(world);
    expect(all.slice(all.findIndex((line) => line.includes("mirror")) + 1)).toEqual([
      "canary [] stable [2] 0",
      "canary [] stable [1,2] 0",
    ]);
    expect(world.broken).toEqual([]);
  });

  it("a jump leads users there and copies no more", () => {
    const world = during(start, { kind: "promote", to: { share: 5000 } });
    const all = switches(world);
    expect(all[all.findIndex((line) => line.includes("mirror")) + 1]).toBe("canary [1] stable [2] 5000");
    expect(world.broken).toEqual([]);
  });
});

describe("the law that copies go where nobody is", () => {
  const slots = rolloutOf().plan.slots;
  const routing = { canary: slots.slice(0, 1), stable: slots.slice(1), share: basisPoints(0) };

  it.each([
    { what: "keeps a mirror beside a share of nothing", given: { mirror: basisPoints(10) }, broken: [] },
    {
      what: "is broken by one beside users",
      given: { mirror: basisPoints(10), share: basisPoints(5) },
      broken: ["law 4: requests are mirrored while users get the release"],
    },
    {
      what: "is broken by one to nobody",
      given: { mirror: basisPoints(10), canary: [], stable: slots },
      broken: ["law 4: requests are mirrored to nobody"],
    },
  ])("$what", ({ given, broken }) => {
    expect(brokenLaws({ ...rolloutOf(), routing: { ...routing, ...given } })).toEqual(broken);
  });
});

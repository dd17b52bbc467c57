import { describe, expect, it } from "vitest";
import { minutes } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Action } from "./actions.ts";
import { command } from "./command.ts";
import { passedOver } from "./passed-over.ts";
import { refusal, runPerfectly, type World } from "../../test/support/perfect-world.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";

const THIRD = "h:3" as SlotKey;
const steps = [step(10_000, { bake: minutes(1) })];

/** Four slots with everybody at the new release, when somebody says abort; `refuse` from then on. */
function abortedAtAll(refuse: (action: Action) => boolean): World {
  let isBack = false;
  return runPerfectly(rolloutOf({ n: 4, steps }), {
    refuse: (action) => (isBack && refuse(action) ? refusal("the port is taken") : null),
    before: (world) => {
      if (isBack || world.rollout.phase.name !== "baking") return;
      const order = { order: { kind: "abort", reason: "asked" }, by: "test" } as const;
      const ordered = command(world.rollout, order, world.now);
      if (ordered.ok) world.rollout = ordered.value;
      world.log.length = 0;
      isBack = true;
    },
  });
}

const switches = ({ log }: World): readonly string[] => log.filter((line) => line.startsWith("canary"));

describe("going back from all users, a slot that does not come up", () => {
  it("holds up nobody: the others take its users, and only then the rollout needs somebody", () => {
    const world = abortedAtAll((action) => action.kind === "start" && action.slot === THIRD);
    expect(world.broken).toEqual([]);
    expect(world.rollout.phase).toMatchObject({ name: "stuck", error: { message: "the port is taken" } });
    expect(switches(world)).toEqual([
      "canary [1] stable [4] 5000",
      "canary [] stable [2,4] 0",
      "canary [] stable [1,2,4] 0",
    ]);
  });

  it("joins when it does, and takes nobody out for that", () => {
    let tries = 0;
    const world = abortedAtAll((action) => {
      if (action.kind !== "start" || action.slot !== THIRD) return false;
      tries += 1;
      return tries < 3;
    });
    expect([world.rollout.phase.name, world.broken]).toEqual(["rolled-back", []]);
    expect(switches(world).at(-1)).toBe("canary [] stable [1,2,3,4] 0");
    expect(switches(world)).not.toContain("canary [] stable [4] 0");
    expect(switches(world)).toContain("canary [] stable [2,4] 0");
  });

  it("control: one that does comes back with the others", () => {
    const world = abortedAtAll(() => false);
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(switches(world)).toEqual([
      "canary [1] stable [4] 5000",
      "canary [] stable [2,3,4] 0",
      "canary [] stable [1,2,3,4] 0",
    ]);
  });
});

describe("a slot on a silent host", () => {
  const start = rolloutOf({ n: 2 });
  const [first] = start.plan.slots as [SlotKey, ...SlotKey[]];
  const slots = {
    ...start.slots,
    [first]: { at: "stopping", target: start.from, attempt: 1, generation: 1 },
  };
  const back = {
    ...start,
    slots,
    aborted: { by: "operator", at: start.startedAt },
  } as unknown as typeof start;
  const silence = (lasts: number) => ({
    slots: {},
    health: {},
    gateways: {},
    silent: { ["h" as HostName]: { since: start.startedAt, lastAt: start.startedAt + lasts } },
  });
  it.each([
    { rollout: back, title: "is passed over going back", lasts: 30_000, is: true },
    { rollout: back, title: "is waited for as long as hostLostAfter", lasts: 29_999, is: false },
    { rollout: { ...back, aborted: null }, title: "is waited for going forward", lasts: 30_000, is: false },
  ])("$title", ({ rollout, lasts, is }) => {
    const seen = silence(lasts) as unknown as Parameters<typeof passedOver>[1];
    expect(passedOver(rollout, seen)(first, 0)).toBe(is);
  });
});

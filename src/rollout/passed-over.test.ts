import { describe, expect, it } from "vitest";
import { after, instant, millis, minutes, type Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Action } from "./actions.ts";
import { command } from "./command.ts";
import { passedOver } from "./passed-over.ts";
import { refusal, runPerfectly, type World } from "../../test/support/perfect-world.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";

const THIRD = "h:3" as SlotKey;
const steps = [step(10_000, { bake: minutes(1) })];

/** How long slots boot on the way back, in ms. */
type Boots = Readonly<Record<SlotKey, number>>;

/** Four slots with everybody at the new release, when somebody says abort; `refuse` from then on. */
function abortedAtAll(refuse: (action: Action) => boolean, boots: Boots = {}, maxLoad = 2): World {
  let isBack = false;
  let now = instant(0);
  const started = new Map<SlotKey, Instant>();
  return runPerfectly(rolloutOf({ n: 4, steps, plan: { maxLoad } }), {
    refuse: (action) => {
      if (isBack && action.kind === "start") started.set(action.slot, now);
      return isBack && refuse(action) ? refusal("the port is taken") : null;
    },
    healthy: (slot) => now >= after(started.get(slot) ?? instant(0), millis(boots[slot] ?? 0)),
    before: (world) => {
      now = world.now;
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

const boots = (...ms: readonly number[]): Boots =>
  Object.fromEntries(ms.map((each, i) => [`h:${i + 1}`, each]));
const first = "canary [1] stable [4] 5000";

describe("going back from all users, a slot that boots slowly", () => {
  it.each<[string, Boots, readonly string[]]>([
    [
      "is waited for as long as that is short: one switch for all",
      boots(0, 0, 2500),
      [first, "canary [] stable [2,3,4] 0", "canary [] stable [1,2,3,4] 0"],
    ],
    [
      "is passed over after a while, and joins when it is ready",
      boots(0, 0, 20_000),
      [first, "canary [] stable [2,4] 0", "canary [] stable [1,2,4] 0", "canary [] stable [1,2,3,4] 0"],
    ],
    [
      "is the first of the pool: nobody is before it, and nobody waits",
      boots(20_000),
      [first, "canary [] stable [2,3,4] 0", "canary [] stable [1,2,3,4] 0"],
    ],
  ])("%s", (_, slow, expected) => {
    const world = abortedAtAll(() => false, slow);
    expect([world.rollout.phase.name, world.broken]).toEqual(["rolled-back", []]);
    expect(switches(world)).toEqual(expected);
  });
});

describe("going back, two slots that boot slowly and are put aside", () => {
  it.each<[string, Boots, readonly string[]]>([
    [
      "join together when they are ready soon after each other",
      boots(0, 20_000, 22_000),
      ["canary [] stable [1,4] 0", "canary [] stable [1,2,3,4] 0"],
    ],
    [
      "do not wait for each other for long",
      boots(0, 20_000, 30_000),
      ["canary [] stable [1,4] 0", "canary [] stable [1,2,4] 0", "canary [] stable [1,2,3,4] 0"],
    ],
  ])("%s", (_, slow, expected) => {
    const world = abortedAtAll(() => false, slow, 4);
    expect([world.rollout.phase.name, world.broken]).toEqual(["rolled-back", []]);
    expect(switches(world)).toEqual(["canary [] stable [4] 0", ...expected]);
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
    expect(passedOver(rollout, seen, rollout.startedAt)(first, 0)).toBe(is);
  });
});

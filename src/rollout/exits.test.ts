import { describe, expect, it } from "vitest";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { runPerfectly, type Circumstances, type World } from "../../test/support/perfect-world.ts";
import { between, minutes, seconds } from "../base/time.ts";
import type { RunSpec } from "../model/application.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { inRotation } from "../model/routing.ts";
import { command } from "./command.ts";

const [FIRST, LAST] = ["h:1", "h:2"] as [SlotKey, SlotKey];
const BAKE = [step(5000, { bake: minutes(3) }), step(10_000)];

/** How long the first slot has had users with the release, in ms; null: it has none. */
function served({ slots, release }: Rollout, { now }: Pick<World, "now">): number | null {
  const course = slots[FIRST];
  if (course?.at !== "settled" || course.release !== release || course.since === undefined) return null;
  return between(course.since, now);
}

interface Illness {
  readonly from: number;
  readonly to: number;
  readonly restarts: number;
  /** How often its process had ended before. */
  readonly stumbled?: number;
}

/** A world in which the first slot is not well for a while; by then it was restarted so often. */
function fallingIll({ from, to, restarts, stumbled = 0 }: Illness): Circumstances {
  let now: World | null = null;
  const age = (rollout: Rollout): number => (now === null ? -1 : (served(rollout, now) ?? -1));
  return {
    before: (world) => {
      now = world;
    },
    healthy: (one, rollout) => one !== FIRST || age(rollout) < from || age(rollout) >= to,
    restarts: (one, { rollout }) => (one !== FIRST ? 0 : age(rollout) >= from ? restarts : stumbled),
  };
}

const run = (illness: Illness): World => runPerfectly(rolloutOf({ steps: BAKE }), fallingIll(illness));

describe("a slot of the release that is not well soon after users came", () => {
  it("turns the rollout round when its process has ended by itself", () => {
    const { rollout, broken } = run({ from: 1500, to: 2000, restarts: 1 });
    expect(broken).toEqual([]);
    expect(rollout.phase.name).toBe("rolled-back");
    expect(rollout.aborted).toMatchObject({ by: "slot", slot: FIRST, error: { code: "slot.exited" } });
    expect(rollout.aborted?.error.message).toBe(
      "h:1: the process of v2 has ended by itself once, 1.5s after users came",
    );
  });

  it("does so in the last slot too, before the release is complete", () => {
    let log: readonly string[] = [];
    const isIll = (slot: SlotKey): boolean =>
      slot === LAST && log.some((line) => line.startsWith("canary [] stable [1,2]"));
    const { rollout } = runPerfectly(rolloutOf(), {
      before: (world) => {
        ({ log } = world);
      },
      healthy: (slot, { aborted }) => aborted !== null || !isIll(slot),
      restarts: (slot) => (isIll(slot) ? 2 : 0),
    });
    expect(rollout.phase.name).toBe("rolled-back");
    expect(rollout.aborted?.error.message).toMatch(/^h:2: .* 2 times, /);
  });

  it("does so in the passive form while nginx may still avoid it, and no other slot is stopped", () => {
    let ill = 0;
    let isOver = false;
    const { rollout, log } = runPerfectly(rolloutOf({ plan: { passive: true } }), {
      before: ({ rollout: { slots, routing } }) => {
        const joins = slots[FIRST]?.at === "joining" && inRotation(routing, FIRST);
        if (joins) ill += 1;
        // Well again long before it is settled.
        isOver = !joins || ill > 3;
      },
      healthy: (slot) => slot !== FIRST || isOver,
      restarts: (slot) => (slot === FIRST && ill > 0 ? 1 : 0),
    });
    expect(rollout.aborted?.error.code).toBe("slot.exited");
    expect(log).not.toContain("stop h:2");
  });

  it("is waited for when its process is the same, and nothing goes on meanwhile", () => {
    const { rollout } = run({ from: 0, to: 240_000, restarts: 0 });
    expect(rollout.phase.name).toBe("completed");
    expect(between(rollout.startedAt, rollout.endedAt!)).toBeGreaterThan(minutes(4));
    expect(rollout.faltering).toEqual({});
  });

  it("does so while somebody is asked", () => {
    const approve = [step(5000, { approve: true }), step(10_000)];
    const illness = fallingIll({ from: 30_000, to: 31_000, restarts: 1 });
    const { rollout } = runPerfectly(rolloutOf({ steps: approve }), illness);
    expect(rollout.aborted?.error.code).toBe("slot.exited");
  });

  it.each([
    { restarts: 1, ends: "rolled-back", code: "slot.exited" },
    { restarts: 0, ends: "baking", code: undefined },
  ])("does so in a pause, which lasts else: $restarts restarts", ({ restarts, ends, code }) => {
    const illness = fallingIll({ from: 30_000, to: 31_000, restarts });
    const { rollout } = runPerfectly(rolloutOf({ steps: BAKE }), {
      ...illness,
      before: (world, turn) => {
        illness.before?.(world, turn);
        if ((served(world.rollout, world) ?? 0) < 1000 || world.rollout.paused !== null) return;
        if (world.rollout.aborted !== null) return;
        const paused = command(world.rollout, { order: { kind: "pause" }, by: "alice" }, world.now);
        if (paused.ok) world.rollout = paused.value;
      },
    });
    expect(rollout.phase.name).toBe(ends);
    expect(rollout.aborted?.error.code).toBe(code);
  });
});

describe("a slot of commands of the user's own, which count no restarts", () => {
  const COMMON = { env: {}, user: null, stop: { signal: "SIGTERM", timeout: seconds(9) } } as const;
  const OWN: RunSpec = { ...COMMON, kind: "own", start: "up", stopCommand: "down", status: "isup" };
  const COMMAND: RunSpec = { ...COMMON, kind: "command", command: "node server.js" };
  const runs = (run: RunSpec): Rollout["runs"] => ({ ["v2" as ReleaseId]: run });

  interface Gone {
    readonly from: number;
    readonly to?: number;
    readonly isGone: boolean;
  }
  const isWithin = (at: number, { from, to }: { readonly from: number; readonly to: number }): boolean =>
    at >= from && at < to;

  /** From so long after users came it is not well, and its status says so or not. */
  function ran(run: RunSpec, { from, to = Infinity, isGone }: Gone): World {
    let now: World | null = null;
    const isIll = (slot: SlotKey, rollout: Rollout): boolean =>
      slot === FIRST && now !== null && isWithin(served(rollout, now) ?? -1, { from, to });
    return runPerfectly(
      { ...rolloutOf({ steps: BAKE }), runs: runs(run) },
      {
        before: (world) => {
          now = world;
        },
        healthy: (slot, rollout) => !isIll(slot, rollout),
        gone: (slot, rollout) => isGone && isIll(slot, rollout),
      },
    );
  }

  it("turns the rollout round when its status says that it has stopped", () => {
    const { rollout, broken } = ran(OWN, { from: 1500, isGone: true });
    expect(broken).toEqual([]);
    expect(rollout.phase.name).toBe("rolled-back");
    expect(rollout.aborted).toMatchObject({ by: "slot", slot: FIRST, error: { code: "slot.exited" } });
    expect(rollout.aborted?.error.message).toBe(
      "h:1: the process of v2 has ended by itself, as run.status says, 1.5s after users came",
    );
  });

  it.each([
    { name: "not when it runs and is not well", run: OWN, from: 1500, isGone: false },
    { name: "not when both say so for a moment", run: OWN, from: 1500, to: 3000, isGone: true },
    { name: "not when it has served for more than a minute", run: OWN, from: 61_000, isGone: true },
    { name: "not where it is started again by whoever counts", run: COMMAND, from: 1500, isGone: true },
  ])("$name", ({ run, ...gone }) => {
    expect(ran(run, gone).rollout.aborted?.error.code).not.toBe("slot.exited");
  });
});

describe("a process that ends by itself is none of the release's", () => {
  it("when it has served for more than a minute", () => {
    const { rollout } = run({ from: seconds(61), to: seconds(63), restarts: 1 });
    expect(rollout.phase.name).toBe("completed");
  });

  it("when it is the other one's", () => {
    const { rollout } = runPerfectly(rolloutOf({ steps: BAKE }), {
      healthy: (slot, { phase }) => slot !== LAST || phase.name !== "baking",
      restarts: (slot, world) => (slot === LAST && world.rollout.phase.name === "baking" ? 1 : 0),
    });
    expect(rollout.aborted).toBeNull();
  });

  it("when it ended before anybody could be led to it, and is only not well later", () => {
    const { rollout } = run({ from: 1500, to: 2500, restarts: 2, stumbled: 2 });
    expect(rollout.phase.name).toBe("completed");
    expect(rollout.stumbled).toEqual({ [FIRST]: 2 });
  });

  it("but for what ends once more when users came", () => {
    const { rollout } = run({ from: 1500, to: 2500, restarts: 3, stumbled: 2 });
    expect(rollout.aborted?.error.message).toMatch(/^h:1: the process of v2 has ended by itself once, /);
  });

  it("when it was restarted before, and is well", () => {
    const { rollout } = run({ from: 1000, to: 1000, restarts: 3 });
    expect(rollout.phase.name).toBe("completed");
  });
});

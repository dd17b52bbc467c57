import { describe, expect, it } from "vitest";
import { HOOKS, type HookName } from "../model/application.ts";
import { refused, unknown } from "../model/outcome.ts";
import type { Order, Rollout } from "../model/rollout.ts";
import { millis } from "../base/time.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { runPerfectly, type Circumstances, type World } from "../../test/support/perfect-world.ts";
import { command } from "./command.ts";
import { seekHook } from "./hooks.ts";

const withHooks = (rollout: Rollout, hooks: readonly HookName[] = HOOKS): Rollout => ({
  ...rollout,
  plan: { ...rollout.plan, hooks },
});
const gray = (hooks: readonly HookName[] = HOOKS) =>
  withHooks(rolloutOf({ steps: [step(500, { bake: millis(300) }), step(10_000)] }), hooks);

const hooksOf = ({ log }: World): readonly string[] =>
  log.filter((line) => line.startsWith("hook/")).map((line) => line.split("/").slice(1, -2).join(" "));

/** What becomes of one hook. */
const when =
  (name: HookName, outcome: "fails" | "unknown"): NonNullable<Circumstances["refuse"]> =>
  (action) => {
    if (action.kind !== "hook" || action.hook.name !== name) return null;
    const error = { code: "hook.failed", message: `${name} failed` } as const;
    return outcome === "fails" ? refused(error) : unknown(error);
  };

describe("hooks", () => {
  it("run once each, at their places", () => {
    const world = runPerfectly(gray());
    expect(world.rollout.phase.name).toBe("completed");
    const kept = world.log.filter((line) => /^(hook|canary|stop)/.test(line));
    expect(kept.map((line) => line.replace(/\/1\/running$/, ""))).toEqual([
      "hook/beforeRelease",
      "hook/beforeSlot/h:1",
      "canary [] stable [2] 0",
      "stop h:1",
      "hook/beforeShift/500",
      "canary [1] stable [2] 500",
      "hook/afterSlot/h:1",
      "hook/afterShift/500",
      "hook/beforeShift/10000",
      "canary [1] stable [2] 10000",
      "hook/afterShift/10000",
      "hook/beforeSlot/h:2",
      "canary [1] stable [] 10000",
      "stop h:2",
      "canary [] stable [1,2] 0",
      "hook/afterSlot/h:2",
      "hook/afterRelease",
    ]);
    expect(world.broken).toEqual([]);
  });

  it("of a first release have no traffic to shift", () => {
    const world = runPerfectly(withHooks(rolloutOf({ from: null })));
    expect(world.rollout.phase.name).toBe("completed");
    expect(hooksOf(world)).toEqual([
      "beforeRelease",
      "beforeSlot h:1",
      "beforeSlot h:2",
      "afterSlot h:1",
      "afterSlot h:2",
      "afterRelease",
    ]);
  });

  it.each<{ name: HookName; hooked: Rollout["hooked"] }>([
    { name: "beforeRelease", hooked: { beforeRelease: "failed", onAbort: "done" } },
    {
      name: "beforeSlot",
      hooked: { beforeRelease: "done", "beforeSlot/h:1": "failed", onAbort: "done" },
    },
    {
      name: "beforeShift",
      hooked: {
        beforeRelease: "done",
        "beforeSlot/h:1": "done",
        "beforeShift/500": "failed",
        onAbort: "done",
      },
    },
  ])("that fail before something, here $name, go back, and are not run again", ({ name, hooked }) => {
    const world = runPerfectly(gray(), { refuse: when(name, "fails") });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.aborted).toMatchObject({ by: "hook", error: { message: `${name} failed` } });
    expect(world.rollout.hooked).toEqual(hooked);
  });

  it.each<HookName>(["afterSlot", "afterShift", "afterRelease"])(
    "that fail after something, here %s, are told and change nothing",
    (name) => {
      const world = runPerfectly(gray(), { refuse: when(name, "fails") });
      expect(world.rollout.phase.name).toBe("completed");
      const ends = Object.entries(world.rollout.hooked).filter(([key]) => key.startsWith(name));
      expect(ends.length).toBeGreaterThan(0);
      expect(ends.every(([, end]) => end === "failed")).toBe(true);
    },
  );

  it("onAbort that fails is told; the rollout has gone back all the same", () => {
    const refuse: Circumstances["refuse"] = (action) =>
      when("beforeShift", "fails")(action) ?? when("onAbort", "fails")(action);
    const world = runPerfectly(gray(), { refuse });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.hooked["onAbort"]).toBe("failed");
  });

  it("nobody who goes back waits for a hook that runs; the end does", () => {
    const world = runPerfectly(gray(["beforeRelease", "afterShift", "onAbort"]), {
      before: (w, turn) => {
        if (w.rollout.hook?.name !== "afterShift" || turn > 200) return;
        const answer = command(w.rollout, { order: { kind: "abort", reason: "no" }, by: "ann" }, w.now);
        if (answer.ok) w.rollout = answer.value;
      },
      refuse: (action) =>
        action.kind === "hook" && action.hook.name === "afterShift"
          ? unknown({ code: "hook.unknown", message: "gone" })
          : null,
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.hooked).toEqual({
      beforeRelease: "done",
      "afterShift/500": "unknown",
      onAbort: "done",
    });
  });
});

interface Said {
  readonly order: Order;
  readonly end: string;
  readonly ran: number;
}

describe("a hook of which nobody knows whether it did its work", () => {
  /** The process that ran beforeRelease is gone without a trace; then somebody says something, or nobody. */
  function lost(order: Order | null): World {
    let isGone = false;
    return runPerfectly(gray(["beforeRelease", "onAbort"]), {
      refuse: (action) => {
        if (action.kind !== "hook" || action.hook.name !== "beforeRelease") return null;
        return action.hook.attempt === 1 ? unknown({ code: "hook.unknown", message: "gone" }) : null;
      },
      before: (w) => {
        if (w.rollout.hook?.state === "running" && !isGone) {
          isGone = true;
          w.rollout = seekHook(w.rollout);
        }
        if (w.rollout.hook?.state !== "unknown" || order === null) return;
        const answer = command(w.rollout, { order, by: "ann" }, w.now);
        if (answer.ok) w.rollout = answer.value;
      },
    });
  }

  it("waits for an operator's word, however long, and says so", () => {
    const { rollout } = lost(null);
    expect(rollout.phase.name).toBe("staging");
    expect(rollout.because).toBe(
      "nobody knows whether the hook beforeRelease did its work: look, then `glidepath resume " +
        "--hook done`, or `--hook again` to run it once more, or `glidepath abort`",
    );
  });

  it.each<Said>([
    { order: { kind: "resume" }, end: "staging", ran: 0 },
    { order: { kind: "promote", to: "next" }, end: "staging", ran: 0 },
    { order: { kind: "resume", hook: "done" }, end: "completed", ran: 0 },
    { order: { kind: "resume", hook: "again" }, end: "completed", ran: 1 },
    { order: { kind: "abort", reason: "no" }, end: "rolled-back", ran: 0 },
  ])("$order: $end, run again $ran times", ({ order, end, ran }) => {
    const world = lost(order);
    expect(world.rollout.phase.name).toBe(end);
    expect(hooksOf(world).filter((name) => name === "beforeRelease")).toHaveLength(ran);
  });

  it("is the only thing that takes a word", () => {
    const order: Order = { kind: "resume", hook: "again" };
    const answer = command(gray(), { order, by: "ann" }, gray().startedAt);
    expect(answer).toMatchObject({ error: { message: "rollout r1 of v2: no hook waits for a word" } });
  });
});

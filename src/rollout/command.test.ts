import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instant, minutes, type Instant } from "../base/time.ts";
import type { Order, Rollout } from "../model/rollout.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { runPerfectly } from "../../test/support/perfect-world.ts";
import { command } from "./command.ts";

const now: Instant = instant(2_000_000);
const give = (rollout: Rollout, order: Order) => command(rollout, { order, by: "ann" }, now);

/** A rollout at the moment its phase is `name` for the first time, reached by legal moves only. */
function at(name: Rollout["phase"]["name"], start: Rollout = rolloutOf({ steps: STEPS })): Rollout {
  let found: Rollout | null = null;
  runPerfectly(start, {
    before: (world) => {
      if (world.rollout.phase.name === name) found ??= world.rollout;
    },
  });
  if (found === null) throw new Error(`never ${name}`);
  return found;
}

const STEPS = [step(500, { bake: minutes(1), approve: true }), step(2_500), step(10_000)];
const ABORT: Order = { kind: "abort", reason: "asked" };
const NEXT: Order = { kind: "promote", to: "next" };

describe("an order", () => {
  it("pauses and resumes, and says who paused", () => {
    const paused = give(at("updating"), { kind: "pause" });
    expect(paused.ok && paused.value.paused).toEqual({ by: "ann", at: now });
    const resumed = paused.ok ? give(paused.value, { kind: "resume" }) : paused;
    expect(resumed.ok && resumed.value.paused).toBeNull();
  });

  it("given twice is the same as once", () => {
    const once = give(at("updating"), ABORT);
    const twice = once.ok ? give(once.value, ABORT) : once;
    expect(twice.ok && once.ok && twice.value).toBe(once.ok && once.value);
  });

  it("to promote ends the bake and passes its gate", () => {
    const promoted = give(at("baking"), NEXT);
    expect(promoted.ok && [promoted.value.phase.name, promoted.value.step]).toEqual(["updating", 1]);
  });

  it("to promote is refused where there is no gate, with the way to jump", () => {
    const answer = give(at("updating"), NEXT);
    expect(!answer.ok && [answer.error.code, answer.error.hint]).toEqual([
      "rollout.no-gate",
      "`promote --to SHARE` and `promote --full` jump from anywhere",
    ]);
  });

  it.each([
    { id: "to everything leaves one step of 100 %", to: "full" as const, shares: [10_000] },
    {
      id: "to a share between leaves that and what is above it",
      to: { share: 5_000 },
      shares: [5_000, 10_000],
    },
  ])("to jump $id", ({ to, shares }) => {
    const jumped = give(at("baking"), { kind: "promote", to });
    const steps = jumped.ok ? jumped.value.plan.steps.slice(jumped.value.step) : [];
    expect(steps.map(({ share }) => share)).toEqual(shares);
  });

  it("to everything during a bake still shifts all traffic before it finishes", () => {
    const jumped = give(at("baking"), { kind: "promote", to: "full" });
    expect(jumped.ok && jumped.value.phase.name).toBe("updating");
  });

  it("to jump back is refused: the way back is abort", () => {
    const answer = give(at("finishing", rolloutOf()), { kind: "promote", to: { share: 100 } });
    expect(!answer.ok && answer.error.code).toBe("rollout.refused");
  });

  it("to abort before anything was touched ends the rollout at once", () => {
    const answer = give(rolloutOf(), ABORT);
    expect(answer.ok && answer.value.phase.name).toBe("rolled-back");
  });

  it.each(["pause", "resume", "abort", "promote"] as const)(
    "to %s changes nothing when it is over (law 6)",
    (kind) => {
      const over = runPerfectly(rolloutOf()).rollout;
      const order: Order = kind === "abort" ? ABORT : kind === "promote" ? NEXT : { kind };
      expect(give(over, order).ok).toBe(false);
    },
  );
});

describe("a third release that takes the place of the one under way", () => {
  const SUPERSEDE: Order = { kind: "supersede", release: "v3" as Rollout["release"] };

  it.each(["staging", "updating", "baking", "approval"] as const)(
    "%s: users go back first, then the slots, and the end is superseded",
    (name) => {
      const answer = give(at(name), SUPERSEDE);
      if (!answer.ok) throw new Error(answer.error.message);
      const end = runPerfectly(answer.value);
      expect(end.rollout.phase.name).toBe("superseded");
      expect(end.rollout.aborted?.error.message).toBe("v3 takes its place");
      expect(end.rollout.routing).toEqual({ canary: [], stable: ["h:1", "h:2"], share: 0 });
      expect(end.rollout.endedAt).not.toBeNull();
      expect(end.broken).toEqual([]);
    },
  );

  it.each<{ title: string; rollout: Rollout; told: string }>([
    {
      title: "that has all traffic",
      rollout: at("finishing", rolloutOf()),
      told: "it has all traffic and is about to complete: wait for its end",
    },
    {
      title: "of the same release",
      rollout: { ...at("updating"), release: "v3" as Rollout["release"] },
      told: "it cannot take its own place",
    },
  ])("is refused by a rollout $title", ({ rollout, told }) => {
    const answer = give(rollout, SUPERSEDE);
    expect(answer.ok ? "" : answer.error.message).toContain(told);
  });

  it("changes nothing where it goes back already", () => {
    const back = give(at("updating"), ABORT);
    if (!back.ok) throw new Error(back.error.message);
    const answer = give(back.value, SUPERSEDE);
    expect(answer.ok && answer.value.aborted).toEqual(back.value.aborted);
  });
});

describe("a jump where slots are split", () => {
  it.each([
    { to: 1, slots: 1, share: 2500 },
    { to: 2500, slots: 1, share: 2500 },
    { to: 2600, slots: 2, share: 5000 },
    { to: 9999, slots: 3, share: 7500 },
    { to: 10_000, slots: undefined, share: 10_000 },
  ])("to $to of 10000 of four slots takes $slots of them", ({ to, slots, share }) => {
    const start = rolloutOf({ n: 4, steps: [step(0), step(10_000)] });
    const rollout: Rollout = { ...start, plan: { ...start.plan, split: "servers" } };
    const answer = give(rollout, { kind: "promote", to: { share: to } });
    expect(answer.ok && answer.value.plan.steps[answer.value.step]).toMatchObject({
      share,
      ...(slots === undefined ? {} : { slots }),
    });
  });
});

describe("a paused rollout", () => {
  it("finishes the slot that is on its way and begins no other", () => {
    const world = runPerfectly(rolloutOf({ n: 4 }), {
      before: (w, turn) => {
        if (turn !== 8) return;
        const paused = give(w.rollout, { kind: "pause" });
        if (paused.ok) w.rollout = paused.value;
      },
    });
    expect(world.rollout.phase.name).toBe("updating");
    const stages = Object.values(world.rollout.slots).map((course) =>
      course.at === "settled" ? course.release : course.at,
    );
    expect(stages).toEqual(["v2", "v1", "v1", "v1"]);
  });
});

describe("whatever is refused and ordered", () => {
  it("keeps the laws and ends completed, rolled back, or stuck with a reason", () => {
    const orders = fc.array(
      fc.record({ turn: fc.nat(80), kind: fc.constantFrom("pause", "resume", "abort", "promote") }),
      {
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.nat(60), orders, (n, refused, given) => {
        let asked = 0;
        const world = runPerfectly(rolloutOf({ n, steps: STEPS.slice(1), smokeChecks: 1 }), {
          refuse: () =>
            (asked += 1) === refused ? { kind: "refused", error: { code: "usage", message: "no" } } : null,
          before: (w, turn) => {
            const due = given.filter((each) => each.turn === turn);
            const all = turn === 200 ? [...due, { turn, kind: "resume" as const }] : due;
            for (const { kind } of all) {
              const order: Order = kind === "abort" ? ABORT : kind === "promote" ? NEXT : { kind };
              const answer = command(w.rollout, { order, by: "ann" }, w.now);
              if (answer.ok) w.rollout = answer.value;
            }
          },
        });
        expect(world.broken).toEqual([]);
        expect(["completed", "rolled-back", "stuck"]).toContain(world.rollout.phase.name);
      }),
    );
  });
});

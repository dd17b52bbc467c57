import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { appError } from "../base/errors.ts";
import { instant, minutes, type Instant } from "../base/time.ts";
import { generation, type SlotKey } from "../model/ids.ts";
import { DONE, refused } from "../model/outcome.ts";
import type { Rollout } from "../model/rollout.ts";
import { actionsOf, type Action } from "./actions.ts";
import { because } from "./because.ts";
import { command } from "./command.ts";
import { withNewcomers } from "./create.ts";
import { decide } from "./decide.ts";
import { absorb } from "./outcomes.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { refusal, runPerfectly, type World } from "../../test/support/perfect-world.ts";

const order = (world: World, kind: "pause" | "resume" | "abort" | "promote"): void => {
  const given =
    kind === "abort"
      ? { kind, reason: "asked" }
      : kind === "promote"
        ? { kind, to: "next" as const }
        : { kind };
  const answer = command(world.rollout, { order: given, by: "test" }, world.now);
  if (answer.ok) world.rollout = answer.value;
};

const BLIND = { slots: {}, gateways: {}, outcomes: [] };
/** The first slot is not healthy, the second is. */
const unwell = (at: Instant) => ({
  health: Object.fromEntries(
    [
      ["h:1", false],
      ["h:2", true],
    ].map(([slot, healthy]) => [
      slot,
      {
        known: true as const,
        at,
        value: { healthy: healthy === true, answer: healthy === true ? "200" : "503" },
      },
    ]),
  ),
});

const courseAt = (rollout: Rollout): string => rollout.slots["h:1" as SlotKey]?.at ?? "";

describe("a smooth release", () => {
  it("of two slots is the hand procedure's seven steps, in order", () => {
    const world = runPerfectly(rolloutOf());
    expect(world.rollout.phase.name).toBe("completed");
    expect(world.log).toEqual([
      "canary [] stable [2] 0",
      "stop h:1",
      "switch h:1",
      "start h:1",
      "canary [1] stable [2] 5000",
      "canary [1] stable [] 10000",
      "stop h:2",
      "switch h:2",
      "start h:2",
      "canary [] stable [1,2] 0",
    ]);
    expect(world.broken).toEqual([]);
  });

  it("of an empty host starts all slots at once and routes to all in one switch", () => {
    const world = runPerfectly(rolloutOf({ from: null }));
    expect(world.log.slice(0, 4)).toEqual(["stop h:1", "stop h:2", "switch h:1", "switch h:2"]);
    expect(world.log.slice(6)).toEqual(["canary [] stable [1,2] 0"]);
    expect(world.rollout.phase.name).toBe("completed");
  });

  it("warms up every slot after it is healthy and before its smoke checks", () => {
    const world = runPerfectly(rolloutOf({ smokeChecks: 1, plan: { warmUps: 2 } }));
    expect(world.rollout.phase.name).toBe("completed");
    expect(world.log.filter((line) => /^(start|warm|smoke)/.test(line))).toEqual(
      ["h:1", "h:2"].flatMap((slot) => [`start ${slot}`, `warm ${slot}`, `warm ${slot}`, `smoke ${slot}`]),
    );
  });

  it("goes back when a slot's warm-up fails, and there takes a cold slot over none", () => {
    const failing = appError("slot.warm", "h:1: ./warm.sh ended with 1");
    const world = runPerfectly(rolloutOf({ plan: { warmUps: 1 } }), {
      refuse: ({ kind }) => (kind === "warm" ? refused(failing) : null),
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.aborted?.error).toEqual(failing);
    expect(world.log.at(-1)).toBe("canary [] stable [1,2] 0");
  });

  it("asks every smoke check of every slot before the slot joins", () => {
    const world = runPerfectly(rolloutOf({ smokeChecks: 2 }));
    expect(world.log.filter((line) => line.startsWith("smoke"))).toEqual([
      "smoke h:1",
      "smoke h:1",
      "smoke h:2",
      "smoke h:2",
    ]);
  });
});

describe("steps that say how many slots", () => {
  it("bring the release to as many, whatever the share; the rest follow as ever", () => {
    const steps = [step(2500, { slots: 2 }), step(5000, { slots: 3 }), step(10_000)];
    const world = runPerfectly(rolloutOf({ n: 5, u: 2, steps }));
    expect(world.log.filter((line) => line.startsWith("canary"))).toEqual([
      "canary [] stable [3,4,5] 0",
      "canary [1,2] stable [3,4,5] 2500",
      "canary [1,2] stable [4,5] 5000",
      "canary [1,2,3] stable [4,5] 5000",
      "canary [1,2,3] stable [] 10000",
      "canary [] stable [1,2,3,4,5] 0",
    ]);
    expect(world.broken).toEqual([]);
    expect(world.rollout.phase.name).toBe("completed");
  });
});

test("slots that do the same are told together, whatever the size of the pool", () => {
  const told = new Set<string>();
  runPerfectly(rolloutOf({ n: 8, u: 5 }), { before: ({ rollout }) => void told.add(rollout.because) });
  expect([...told]).toContain("h:1 leaves rotation (and 2 more); writing the routing on h");
  expect([...told]).toContain("h:1 stops (and 2 more)");
});

describe("capacity", () => {
  it("is looked at before traffic is moved; where it is not seen the switch waits, and says for whom", () => {
    const told = new Set<string>();
    const world = runPerfectly(rolloutOf(), {
      healthy: (slot, { slots }) => slots[slot]?.at !== "joining",
      before: ({ rollout, now }) => void told.add(because(rollout, { ...BLIND, ...unwell(now) }, now)),
    });
    expect([...told]).toContain("h:1 joins rotation; waiting until h:1 (503) can carry the traffic");
    expect(world.log.filter((line) => line.startsWith("canary"))).not.toContain("canary [1] stable [2] 5000");
  });
});

describe("a pool that has grown", () => {
  it("serves the stable release in its new slots before the release begins", () => {
    const newcomers = ["h:3", "h:4"] as SlotKey[];
    const world = runPerfectly(withNewcomers(rolloutOf({ n: 4, smokeChecks: 1 }), newcomers, []));
    expect(world.log.slice(0, 8)).toEqual([
      "stop h:3",
      "stop h:4",
      "switch h:3",
      "switch h:4",
      "start h:3",
      "start h:4",
      "canary [] stable [1,2,3,4] 0",
      "canary [] stable [2,3,4] 0",
    ]);
    expect(world.rollout.phase.name).toBe("completed");
  });

  it("goes back to where it was when a new slot does not come up", () => {
    const world = runPerfectly(withNewcomers(rolloutOf({ n: 3 }), ["h:3" as SlotKey], []), {
      refuse: ({ kind }) => (kind === "start" ? refusal("no such file") : null),
    });
    expect(world.log.filter((line) => /h:[12]/.test(line))).toEqual([]);
    expect(world.rollout.aborted?.error.message).toBe("no such file");
    expect(world.rollout.phase.name).toBe("rolled-back");
  });

  it("asks no gateway for anything on its way back from a config that one of them refuses", () => {
    const newcomers = ["h:3", "h:4"] as SlotKey[];
    const world = runPerfectly(withNewcomers(rolloutOf({ n: 4, smokeChecks: 1 }), newcomers, []), {
      refuse: ({ kind }) => (kind === "prepare" ? refusal("unknown directive") : null),
    });
    expect(world.rollout).toMatchObject({ phase: { name: "rolled-back" }, change: null });
    expect(world.rollout.routing.stable).toEqual(["h:1", "h:2"]);
    expect(world.log.slice(6)).toEqual(["stop h:3", "stop h:4", "switch h:3", "switch h:4"]);
  });

  it("keeps the new slots when it goes back after they have joined", () => {
    const world = runPerfectly(withNewcomers(rolloutOf({ n: 3 }), ["h:3" as SlotKey], []), {
      before: (w) => {
        if (w.rollout.slots["h:3" as SlotKey]?.at === "settled") order(w, "abort");
      },
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.routing.stable).toEqual(["h:1", "h:2", "h:3"]);
  });
});

describe("a gray release", () => {
  it("updates as few slots as carry the share, bakes, and waits at its gate", () => {
    const steps = [step(500, { bake: minutes(1) }), step(2500, { approve: true }), step(10_000)];
    const world = runPerfectly(rolloutOf({ n: 2, steps }), {
      before: (w) => {
        if (w.rollout.phase.name === "approval") order(w, "promote");
      },
    });
    expect(world.rollout.phase.name).toBe("completed");
    expect(world.log.filter((line) => line.startsWith("canary"))).toEqual([
      "canary [] stable [2] 0",
      "canary [1] stable [2] 500",
      "canary [1] stable [2] 2500",
      "canary [1] stable [] 10000",
      "canary [] stable [1,2] 0",
    ]);
    expect(world.rollout.endedAt ?? 0).toBeGreaterThan(world.rollout.startedAt + 60_000);
  });
});

describe("a release that fails", () => {
  it("in its first slot leaves the others as they were and restores that slot", () => {
    const world = runPerfectly(rolloutOf(), {
      healthy: (_, rollout) =>
        rollout.aborted !== null || !["starting", "checking"].includes(courseAt(rollout)),
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.aborted?.error.message).toContain("h:1: not healthy within 1m");
    expect(world.rollout.aborted?.error.message).toContain("503");
    expect(world.log.filter((line) => line.endsWith("h:2"))).toEqual([]);
    expect(world.log.at(-1)).toBe("canary [] stable [1,2] 0");
  });

  it("when its artifact is refused has touched nothing", () => {
    const world = runPerfectly(rolloutOf(), {
      refuse: ({ kind }) => (kind === "fetch" ? refusal("404") : null),
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.log).toEqual([]);
  });

  it("when the gateway refuses the routing goes back without having stopped a slot", () => {
    const world = runPerfectly(rolloutOf(), {
      refuse: ({ kind }) => (kind === "prepare" ? refusal("nginx: [emerg]") : null),
    });
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.log).toEqual([]);
  });

  it("when one of several gateways refuses, the others take back what was written, before the end", () => {
    const start = rolloutOf();
    const gateways = ["h", "g2", "g3"] as unknown as Rollout["plan"]["gateways"];
    const withdrawn: string[] = [];
    const world = runPerfectly(
      { ...start, plan: { ...start.plan, gateways } },
      {
        refuse: (action) => {
          if (action.kind === "withdraw") withdrawn.push(action.key);
          return action.kind === "prepare" && action.gateway === "g2" ? refusal("nginx: [emerg]") : null;
        },
      },
    );
    expect(world.rollout.phase.name).toBe("rolled-back");
    expect(world.rollout.touched).toBe(false);
    expect(withdrawn).toEqual(["withdraw/h/1", "withdraw/g3/1"]);
  });

  it("keeps how far apart several gateways switched, by their first answers", () => {
    const start = rolloutOf();
    const gateways = ["h", "g2"] as unknown as Rollout["plan"]["gateways"];
    const change: Rollout["change"] = {
      generation: generation(1),
      routing: start.routing,
      since: instant(0),
      stage: "committing",
      back: false,
      prepared: gateways,
      down: [],
      refusals: {},
    };
    const begun = { ...start, plan: { ...start.plan, gateways }, change };
    const [first, second] = actionsOf(begun).filter(({ kind }) => kind === "commit");
    const told = (r: Rollout, action: Action | undefined, at: number): Rollout =>
      action === undefined ? r : absorb(r, [{ action, outcome: DONE }], instant(at));
    const both = told(told(begun, first, 1000), second, 1040);
    expect(both.skew).toBe(40);
    expect(told(both, first, 5000).skew).toBe(40);
    expect(told(begun, first, 1000).skew).toBe(0);
  });

  it("and a gateway that cannot take it back leaves it to the operator", () => {
    const start = rolloutOf();
    const gateways = ["h", "g2"] as unknown as Rollout["plan"]["gateways"];
    const world = runPerfectly(
      { ...start, plan: { ...start.plan, gateways } },
      {
        refuse: (action) => {
          if (action.kind === "withdraw") return refusal("edited");
          return action.kind === "prepare" && action.gateway === "g2" ? refusal("nginx: [emerg]") : null;
        },
      },
    );
    expect(world.rollout.phase).toMatchObject({ name: "stuck", error: { message: "edited" } });
  });

  it("and whose old release does not start again either is stuck, with the reason", () => {
    const world = runPerfectly(rolloutOf(), {
      refuse: ({ kind }) => (kind === "start" ? refusal("no such file") : null),
    });
    expect(world.rollout.phase).toMatchObject({ name: "stuck", error: { message: "no such file" } });
  });
});

describe("decide", () => {
  it("gives the same rollout and the same actions for unchanged inputs (law 8)", () => {
    const seen = { slots: {}, health: {}, gateways: {}, outcomes: [] };
    const start = rolloutOf();
    const first = decide(start, seen, instant(1_000_100));
    const second = decide(first.rollout, seen, instant(1_000_100));
    expect(second.rollout).toBe(first.rollout);
    expect(second.actions).toEqual(first.actions);
  });

  it("holds while it sees nothing, until the progress deadline turns it round", () => {
    const seen = { slots: {}, health: {}, gateways: {}, outcomes: [] };
    const start = { ...rolloutOf(), phase: { name: "updating" as const } };
    const held = decide(start, seen, instant(1_000_000 + 599_999));
    expect(held.rollout.aborted).toBeNull();
    const turned = decide(start, seen, instant(1_000_000 + 600_000));
    expect(turned.rollout.aborted?.by).toBe("deadline");
  });
});

const shapes = fc.record({
  n: fc.integer({ min: 2, max: 9 }),
  uPart: fc.double({ min: 0, max: 1, noNaN: true }),
  shares: fc.uniqueArray(fc.integer({ min: 0, max: 9_999 }), { maxLength: 4 }),
  abortAt: fc.integer({ min: 0, max: 120 }),
});

describe("in any pool and at any steps", () => {
  it("a rollout keeps the laws at every turn and completes", () => {
    fc.assert(
      fc.property(shapes, ({ n, uPart, shares }) => {
        const world = runPerfectly(shaped(n, uPart, shares));
        expect(world.broken).toEqual([]);
        expect(world.rollout.phase.name).toBe("completed");
      }),
    );
  });

  it("an abort at any turn keeps the laws and ends with everything as before (law 6)", () => {
    fc.assert(
      fc.property(shapes, ({ n, uPart, shares, abortAt }) => {
        const world = runPerfectly(shaped(n, uPart, shares), {
          before: (w, turn) => {
            if (turn === abortAt) order(w, "abort");
          },
        });
        expect(world.broken).toEqual([]);
        const back = world.rollout.aborted !== null;
        expect(world.rollout.phase.name).toBe(back ? "rolled-back" : "completed");
        const expected = back ? "v1" : "v2";
        for (const course of Object.values(world.rollout.slots)) {
          expect(course).toMatchObject({ at: "settled", release: expected });
        }
      }),
    );
  });
});

function shaped(n: number, uPart: number, shares: readonly number[]): Rollout {
  const u = 1 + Math.floor(uPart * (n - 2));
  const steps = [...shares.toSorted((a, b) => a - b), 10_000].map((share) => step(share));
  return rolloutOf({ n, u, steps });
}

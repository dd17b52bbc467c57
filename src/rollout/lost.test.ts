import { describe, expect, it } from "vitest";
import { runPerfectly } from "../../test/support/perfect-world.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { appError } from "../base/errors.ts";
import { instant, seconds, type Instant } from "../base/time.ts";
import type { HostLostPolicy } from "../model/application.ts";
import { generation, type HostName, type ReleaseId, type SlotKey } from "../model/ids.ts";
import type { Health, Observed } from "../model/observation.ts";
import type { Phase, Rollout, SlotCourse } from "../model/rollout.ts";
import type { Routing } from "../model/routing.ts";
import { basisPoints } from "../model/share.ts";
import { because } from "./because.ts";
import { actionsOf } from "./actions.ts";
import { withNewcomers } from "./create.ts";
import { decide } from "./decide.ts";
import type { Seen } from "./seen.ts";
import { wantedForward } from "./wanted.ts";

const [A, B, C] = ["a", "b", "c"] as HostName[] as [HostName, HostName, HostName];
const SLOTS = ["a:1", "b:1", "c:1", "a:2", "b:2", "c:2"] as SlotKey[];
const V1 = "v1" as ReleaseId;
const V2 = "v2" as ReleaseId;
const START = instant(1_000_000);
const at = (s: number): Instant => instant(START + s * 1000);

interface Shape {
  readonly policy: HostLostPolicy;
  /** How many slots of the pool's order are the canary. */
  readonly canary?: number;
  readonly phase?: Phase;
  readonly gateways?: readonly HostName[];
}

/** Three hosts with two slots each, half-way, in calm. */
function halfWay({
  policy,
  canary = 2,
  phase = { name: "baking", until: at(600) },
  gateways,
}: Shape): Rollout {
  const start = rolloutOf({ n: 6, steps: [step(2500), step(10_000)] });
  const settled = (release: ReleaseId): SlotCourse => ({ at: "settled", release });
  return {
    ...start,
    plan: {
      ...start.plan,
      slots: SLOTS,
      hosts: [A, B, C],
      gateways: gateways ?? [A, B],
      hostOf: Object.fromEntries(SLOTS.map((slot) => [slot, slot.slice(0, 1) as HostName])),
      onHostLost: policy,
      hostLostAfter: seconds(30),
    },
    phase,
    touched: true,
    routing: {
      canary: SLOTS.slice(0, canary),
      stable: SLOTS.slice(canary),
      share: basisPoints(canary === 0 ? 0 : 2500),
    },
    slots: Object.fromEntries(SLOTS.map((slot, i) => [slot, settled(i < canary ? V2 : V1)])),
    progressAt: START,
  };
}

/** All is well but for what is silent: since the start, and looked at until `until`. */
function seenAt(now: Instant, silent: readonly HostName[], until = now): Seen {
  const isSilent = (slot: SlotKey): boolean => silent.includes(slot.slice(0, 1) as HostName);
  const health = (slot: SlotKey): Observed<Health> =>
    isSilent(slot)
      ? { known: false, at: now, why: "no answer" }
      : { known: true, at: now, value: { healthy: true, answer: "200" } };
  return {
    slots: {},
    health: Object.fromEntries(SLOTS.map((slot) => [slot, health(slot)])),
    gateways: {},
    silent: Object.fromEntries(silent.map((host) => [host, { since: START, lastAt: until }])),
    outcomes: [],
  };
}

const after = (rollout: Rollout, silent: readonly HostName[], s = 30): Rollout =>
  decide(rollout, seenAt(at(s), silent), at(s)).rollout;

describe("a host that is silent", () => {
  it.each<{ id: string; policy: HostLostPolicy; s: number; until: number }>([
    { id: "is waited for, by default", policy: "wait", s: 500, until: 500 },
    { id: "is not lost before its time", policy: "exclude", s: 29, until: 29 },
    { id: "is not lost when nobody has looked meanwhile", policy: "exclude", s: 500, until: 1 },
  ])("$id: nothing changes", ({ policy, s, until }) => {
    const rollout = halfWay({ policy });
    expect(decide(rollout, seenAt(at(s), [C], at(until)), at(s)).rollout).toBe(rollout);
  });

  it.each<{ id: string; silent: readonly HostName[]; until: number; told: string }>([
    { id: "after the second look", silent: [C], until: 2, told: "c:1 stops; no word from c" },
    { id: "not after one look", silent: [C], until: 0, told: "c:1 stops" },
    { id: "not when nobody waits for it", silent: [A], until: 2, told: "c:1 stops" },
  ])("that is waited for is named: $id", ({ silent, until, told }) => {
    const still = halfWay({ policy: "wait", phase: { name: "updating" } });
    const course = {
      at: "stopping",
      target: V2,
      since: at(1),
      attempt: 1,
      generation: still.generation,
    } as const;
    const rollout = { ...still, slots: { ...still.slots, ["c:1" as SlotKey]: course } };
    expect(because(rollout, seenAt(at(2), silent, at(until)), at(2))).toBe(told);
  });

  it("that has a gateway is named while a change of routing waits for it", () => {
    const next = after(halfWay({ policy: "exclude" }), [C]);
    expect(because(next, seenAt(at(31), [B]), at(31))).toContain(
      "writing the routing on a, b; no word from b",
    );
  });

  it("exclude: leaves every routing in a switch of its own, and the step is carried anew", () => {
    const next = after(halfWay({ policy: "exclude" }), [C]);
    expect(next).toMatchObject({
      aborted: null,
      excluded: [C],
      plan: { slots: ["a:1", "b:1", "a:2", "b:2"], hosts: [A, B], gateways: [A, B] },
      change: { routing: { canary: ["a:1", "b:1"], stable: ["a:2", "b:2"], share: 2500 } },
    });
    expect(next.because).toContain("without c, which is lost");
    const { actions } = decide(next, seenAt(at(31), [C]), at(31));
    expect(actions.map((action) => action.key)).toEqual(["prepare/a/1", "prepare/b/1"]);
    expect(actions[0]).toMatchObject({ table: { excluded: [C] } });
  });

  it("exclude: with the only canary slots its users are served by the stable release", () => {
    const next = after(halfWay({ policy: "exclude", canary: 1 }), [A]);
    expect(next).toMatchObject({
      phase: { name: "updating" },
      change: { routing: { canary: [], stable: ["b:1", "c:1", "b:2", "c:2"], share: 0 } },
      plan: { gateways: [B] },
    });
  });

  it("abort: the others go back, users first, and nothing of it is waited for", () => {
    const next = after(halfWay({ policy: "abort" }), [C]);
    expect(next).toMatchObject({
      phase: { name: "aborting" },
      aborted: { by: "host", error: { code: "host.lost" } },
      excluded: [C],
      change: { routing: { canary: [], stable: ["a:2", "b:2"], share: 0 } },
    });
  });

  it("going back it is left out as well, so that the others come to the end", () => {
    const back = halfWay({ policy: "exclude", phase: { name: "aborting" } });
    const error = { code: "rollout.aborted", message: "no" } as const;
    const next = after({ ...back, aborted: { at: START, by: "operator", slot: null, error } }, [C]);
    expect(next).toMatchObject({ excluded: [C], aborted: { by: "operator" }, phase: { name: "aborting" } });
  });

  it.each([
    { id: "the only gateway", gateways: [C], silent: [C] },
    { id: "all but one slot's host and the slot runs the release", gateways: [A], silent: [B, C] },
  ])("$id is waited for, whatever the policy says", ({ gateways, silent }) => {
    const rollout = halfWay({ policy: "exclude", gateways, canary: 4 });
    const alone: Rollout =
      silent.length === 1
        ? rollout
        : { ...rollout, plan: { ...rollout.plan, slots: SLOTS.filter((slot) => slot !== "a:2") } };
    expect(after(alone, silent).excluded).toEqual([]);
  });
});

it("a slot that was only about to leave when a host was lost stays", () => {
  const calm = halfWay({ policy: "exclude", canary: 1, phase: { name: "updating" } });
  const leaving: SlotCourse = { at: "leaving", target: V2, since: START, attempt: 1 };
  const left = after({ ...calm, slots: { ...calm.slots, [SLOTS[1]!]: leaving } }, [C]);
  expect(left.excluded).toEqual([C]);
  expect(left.slots[SLOTS[1]!]).toEqual({ at: "settled", release: V1 });
});

describe("hosts with several slots", () => {
  it("are never left with none of them while others can be updated", () => {
    const start = halfWay({ policy: "wait", canary: 0, phase: { name: "updating" } });
    const order = ["a:1", "a:2", "b:1", "b:2", "c:1", "c:2"] as SlotKey[];
    const groups = [order.slice(0, 2), order.slice(2, 4), order.slice(4)];
    const plan = { ...start.plan, slots: order, groups, maxUnavailable: 3, steps: [step(10_000)] };
    const next = decide({ ...start, plan }, seenAt(at(1), []), at(1)).rollout;
    expect(order.filter((slot) => next.slots[slot]?.at === "leaving")).toEqual(["a:1"]);
    const free = decide({ ...start, plan: { ...plan, groups: [] } }, seenAt(at(1), []), at(1)).rollout;
    expect(order.filter((slot) => free.slots[slot]?.at === "leaving")).toEqual(["a:1", "a:2", "b:1"]);
  });
});

describe("a host that was left out and is back, with something else in its slots", () => {
  const [C1, C2] = ["c:1", "c:2"] as [SlotKey, SlotKey];
  const strays = [C1, C2];
  const back = withNewcomers(halfWay({ policy: "wait", canary: 0, phase: { name: "updating" } }), [], strays);

  it("is no part of the pool before its slots run what the others run", () => {
    const { actions, rollout } = decide({ ...back, unsettled: true }, seenAt(at(1), []), at(1));
    expect(rollout.change?.routing).toMatchObject({ canary: [], stable: ["a:1", "b:1", "a:2", "b:2"] });
    const tables = actions.map((action) => ("table" in action ? action.table : null));
    expect(tables).toMatchObject([{ aside: strays }, { aside: strays }]);
  });

  it("has nobody led to one of its slots while another is not there yet", () => {
    const to = { target: V1, attempt: 1, since: START } as const;
    const [joining, smoking]: SlotCourse[] = [
      { at: "joining", ...to },
      { at: "smoking", ...to, passed: 0 },
    ];
    const wanted = (c1: SlotCourse, c2: SlotCourse): Routing =>
      wantedForward({ ...back, slots: { ...back.slots, [C1]: c1, [C2]: c2 } }, basisPoints(2500));
    expect(wanted(joining!, smoking!).stable).toEqual(["a:1", "b:1", "a:2", "b:2"]);
    expect(wanted(joining!, joining!).stable).toEqual(SLOTS);
  });

  it("is a part of it again in the switch in which they join", () => {
    const tables = new Map<string, readonly HostName[]>();
    const world = runPerfectly(back, {
      before: ({ rollout }) => {
        for (const action of actionsOf(rollout)) {
          if (action.kind === "commit") tables.set(action.key, action.table.excluded ?? []);
        }
      },
    });
    expect(world.rollout.phase.name).toBe("completed");
    expect([...tables.values()].flat()).toEqual([]);
  });
});

describe("a host whose disk has no room for a slot's update", () => {
  const full = "c:1: cannot stop: no room on the disk";
  /** c:1, out of rotation, cannot be stopped since the start. */
  function stopping(policy: HostLostPolicy, gateways = [A, B]): Rollout {
    const calm = halfWay({ policy, phase: { name: "updating" }, gateways });
    const c1: SlotCourse = {
      at: "stopping",
      target: V2,
      since: START,
      attempt: 1,
      generation: generation(7),
      full: { since: at(1), says: full },
    };
    const stable = calm.routing.stable.filter((slot) => slot !== "c:1");
    return {
      ...calm,
      generation: generation(7),
      slots: { ...calm.slots, ["c:1" as SlotKey]: c1 },
      routing: { ...calm.routing, stable },
    };
  }
  const decided = (rollout: Rollout, s: number): Rollout => decide(rollout, seenAt(at(s), []), at(s)).rollout;

  it("is noted once by the write's answer, which moves nothing; other answers say nothing of it", () => {
    const rollout = stopping("exclude");
    const { full: _, ...course } = rollout.slots["c:1" as SlotKey] as SlotCourse & { full?: object };
    const before = { ...rollout, slots: { ...rollout.slots, ["c:1" as SlotKey]: course as SlotCourse } };
    const action = actionsOf(before).find((one) => one.kind === "stop");
    if (action === undefined) throw new Error("nothing is stopped");
    const told = (code: "host.disk" | "host.unreachable"): Rollout => {
      const outcome = { kind: "unknown", error: { code, message: full } } as const;
      const seen = { ...seenAt(at(1), []), outcomes: [{ action, outcome }] };
      return decide(before, seen, at(1)).rollout;
    };
    expect(told("host.disk").slots).toEqual(rollout.slots);
    expect(told("host.disk").because).toContain("tried again and again: c:1: cannot stop: no room");
    expect(actionsOf(told("host.disk"))).toContainEqual(action);
    expect(told("host.unreachable").slots).toEqual(before.slots);
  });

  it("that is not stopped for another reason is told with it, and decides nothing either", () => {
    const rollout = stopping("wait");
    const { full: _, ...course } = rollout.slots["c:1" as SlotKey] as SlotCourse & { full?: object };
    const before = { ...rollout, slots: { ...rollout.slots, ["c:1" as SlotKey]: course as SlotCourse } };
    const action = actionsOf(before).find((one) => one.kind === "stop");
    if (action === undefined) throw new Error("nothing is stopped");
    const error = appError("slot.stop", "c:1 still runs", { details: "its status command does not answer" });
    const outcomes = [{ action, outcome: { kind: "unknown", error } as const }];
    const tried = (r: Rollout, s: number): Rollout =>
      decide(r, { ...seenAt(at(s), []), outcomes }, at(s)).rollout;
    const once = tried(before, 1);
    const words = "c:1 stops, tried again and again: c:1 still runs (its status command does not answer)";
    expect(once.because).toContain(words);
    expect(actionsOf(once)).toContainEqual(action);
    // Said once: what is only said again is no progress.
    expect(tried(once, 2).progressAt).toBe(once.progressAt);
    const overdue = decided(once, 1 + once.plan.progressDeadline / 1000);
    expect(overdue.aborted?.error.message).toContain(words);
  });

  it.each([
    { policy: "exclude", s: 30, excluded: [], aborted: false },
    { policy: "exclude", s: 31, excluded: [C], aborted: false },
    { policy: "abort", s: 31, excluded: [C], aborted: true },
    { policy: "wait", s: 31, excluded: [], aborted: false },
  ] as const)(
    "$policy, $s s after it was to be stopped, and a second less after its disk was seen to be full",
    ({ policy, s, excluded, aborted }) => {
      const after = decided(stopping(policy), s);
      expect(after.excluded).toEqual(excluded);
      expect(after.aborted?.error.code).toBe(aborted ? "host.disk" : undefined);
      expect(after.plan.slots.includes("c:2" as SlotKey)).toBe(excluded.length === 0);
    },
  );

  it("is waited for while it leads users as a gateway, whatever is said", () => {
    for (const policy of ["exclude", "abort"] as const) {
      const after = decided(stopping(policy, [A, C]), 60);
      expect([after.excluded, after.aborted]).toEqual([[], null]);
    }
  });

  it("turns the rollout round when nothing moved for progressDeadline", () => {
    const after = decided(stopping("wait"), 601);
    expect(after.aborted).toMatchObject({ by: "deadline" });
  });
});

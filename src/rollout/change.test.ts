import { describe, expect, it } from "vitest";
import { appError } from "../base/errors.ts";
import { instant, type Instant } from "../base/time.ts";
import { generation, type HostName, type SlotKey } from "../model/ids.ts";
import type { GatewayState, Health, Observed } from "../model/observation.ts";
import { DONE, refused, unknown, type Outcome } from "../model/outcome.ts";
import type { Rollout } from "../model/rollout.ts";
import { basisPoints } from "../model/share.ts";
import { rolloutOf, step } from "../../test/support/rollouts.ts";
import { command } from "./command.ts";
import { decide } from "./decide.ts";
import type { Seen } from "./seen.ts";

const [ONE, TWO] = ["g1", "g2"] as HostName[] as [HostName, HostName];
const START = instant(1_000_000);
const at = (ms: number): Instant => instant(START + ms);
const key = (n: number): SlotKey => `h:${n}` as SlotKey;

/** Two slots behind two gateways, and slot 1 about to leave. */
function leaving(): Rollout {
  const start = rolloutOf({ steps: [step(10_000)] });
  const plan = { ...start.plan, gateways: [ONE, TWO] };
  const updating: Rollout = { ...start, plan, phase: { name: "updating" } };
  return decide(updating, seenAt(at(1), {}), at(1)).rollout;
}

interface Sight {
  readonly gateways?: Readonly<Record<HostName, Partial<GatewayState> | null>>;
  readonly sick?: readonly SlotKey[];
  readonly outcomes?: readonly (readonly [string, Outcome])[];
  readonly of?: Rollout;
}

/** Everything is well, but for what is said. */
function seenAt(now: Instant, { gateways = {}, sick = [], outcomes = [], of }: Sight): Seen {
  const health = (slot: SlotKey): Observed<Health> => {
    const healthy = !sick.includes(slot);
    return { known: true, at: now, value: { healthy, answer: healthy ? "200" : "503", misses: 5 } };
  };
  const gateway = (name: HostName): Observed<GatewayState> => {
    const told = gateways[name];
    if (told === null) return { known: false, at: now, why: "no answer" };
    const routing = { canary: [], stable: [key(1), key(2)], share: basisPoints(0) };
    const state = { running: true, serving: true, generation: generation(0), routing, inFlight: {} };
    return { known: true, at: now, value: { ...state, ...told } };
  };
  const asked = of === undefined ? [] : decide(of, { ...EMPTY, outcomes: [] }, now).actions;
  return {
    slots: {},
    health: { [key(1)]: health(key(1)), [key(2)]: health(key(2)) },
    gateways: { [ONE]: gateway(ONE), [TWO]: gateway(TWO) },
    outcomes: outcomes.flatMap(([name, outcome]) => {
      const action = asked.find((each) => each.key.startsWith(name));
      return action === undefined ? [] : [{ action, outcome }];
    }),
  };
}
const EMPTY = { slots: {}, health: {}, gateways: {} };

const keysOf = (rollout: Rollout, seen: Seen, now: Instant): readonly string[] =>
  decide(rollout, seen, now).actions.map((action) => action.key);

const BOTH_WRITTEN = [
  ["prepare/g1", DONE],
  ["prepare/g2", DONE],
] as const;

const broken = (name: HostName): Outcome => refused(appError("gateway.config", `${name}: nginx -t refuses`));

describe("going forward", () => {
  it.each<{ id: string; outcome: Outcome }>([
    { id: "one whose nginx is down", outcome: { kind: "done", serving: false } },
    { id: "one that did not answer", outcome: unknown(appError("host.timeout", "g2: no answer")) },
  ])("$id holds every switch, and is waited for", ({ outcome }) => {
    const start = leaving();
    const outcomes = [
      ["prepare/g1", DONE],
      ["prepare/g2", outcome],
    ] as const;
    const held = decide(start, seenAt(at(100), { outcomes, of: start }), at(100));
    expect(held.rollout).toMatchObject({ aborted: null, change: { stage: "preparing", prepared: [ONE] } });
    expect(held.actions.map((action) => action.key)).toEqual(["prepare/g2/1"]);
    const back = { outcomes: [["prepare/g2", DONE]] as const, of: held.rollout };
    expect(keysOf(held.rollout, seenAt(at(200), back), at(200))).toEqual(["commit/g1/1", "commit/g2/1"]);
  });

  it("one that refuses stops the change on all, and nothing was changed", () => {
    const start = leaving();
    const outcomes = [["prepare/g2", broken(TWO)]] as const;
    const turned = decide(start, seenAt(at(100), { outcomes, of: start }), at(100)).rollout;
    expect(turned).toMatchObject({ aborted: { by: "gateway" }, change: null, touched: false });
    expect(keysOf(turned, seenAt(at(200), {}), at(200))).toEqual(["withdraw/g1/1"]);
  });

  it("a switch without an answer is not made again for a slot that has died meanwhile", () => {
    const start = leaving();
    const committing = decide(start, seenAt(at(100), { outcomes: BOTH_WRITTEN, of: start }), at(100)).rollout;
    expect(committing.change?.stage).toBe("committing");
    expect(keysOf(committing, seenAt(at(5000), { sick: [key(2)] }), at(5000))).toEqual([]);
    expect(keysOf(committing, seenAt(at(6000), {}), at(6000))).toEqual(["commit/g1/1", "commit/g2/1"]);
    // Where one gateway has it, all shall.
    const half = { sick: [key(2)], gateways: { [ONE]: { generation: generation(1) } } };
    expect(keysOf(committing, seenAt(at(7000), half), at(7000))).toEqual(["commit/g1/1", "commit/g2/1"]);
  });
});

describe("going back", () => {
  /** The switch that takes slot 1 out is on its way, and then somebody aborts. */
  function turnedRound(): Rollout {
    const start = leaving();
    const committing = decide(start, seenAt(at(100), { outcomes: BOTH_WRITTEN, of: start }), at(100)).rollout;
    const order = { order: { kind: "abort", reason: "no" }, by: "bob" } as const;
    const answer = command(committing, order, at(200));
    if (!answer.ok) throw new Error(answer.error.message);
    return decide(answer.value, seenAt(at(200), {}), at(200)).rollout;
  }

  it("each gateway switches as soon as it has it written, whatever the other does", () => {
    const back = turnedRound();
    expect(keysOf(back, seenAt(at(300), {}), at(300))).toEqual(["prepare/g1/2", "prepare/g2/2"]);
    const one = { outcomes: [["prepare/g1", DONE]] as const, gateways: { [TWO]: null }, of: back };
    const decision = decide(back, seenAt(at(300), one), at(300));
    expect(decision.actions.map((action) => action.key)).toEqual(["commit/g1/2", "prepare/g2/2"]);
  });

  it("one that refuses does not hold up the other; then somebody must look", () => {
    const back = turnedRound();
    const outcomes = [
      ["prepare/g1", DONE],
      ["prepare/g2", broken(TWO)],
    ] as const;
    const decision = decide(back, seenAt(at(300), { outcomes, of: back }), at(300));
    expect(decision.actions.map((action) => action.key)).toEqual(["commit/g1/2"]);
    const { routing } = decision.rollout.change!;
    const there = { gateways: { [ONE]: { generation: generation(2), routing } } };
    const end = decide(decision.rollout, seenAt(at(400), there), at(400)).rollout;
    expect(end.phase).toMatchObject({ name: "stuck", error: { code: "gateway.config" } });
  });
});

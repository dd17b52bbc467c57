import { describe, expect, it } from "vitest";
import { instant } from "../../src/base/time.ts";
import { generation, type HostName, type SlotKey } from "../../src/model/ids.ts";
import type { GatewayState, Health, Observed, SlotState } from "../../src/model/observation.ts";
import { DONE } from "../../src/model/outcome.ts";
import { isEnded, type Rollout } from "../../src/model/rollout.ts";
import type { Action } from "../../src/rollout/actions.ts";
import { command } from "../../src/rollout/command.ts";
import { decide } from "../../src/rollout/decide.ts";
import { brokenLaws } from "../../src/rollout/laws.ts";
import type { Seen, Settled } from "../../src/rollout/seen.ts";
import { rolloutOf, step } from "../support/rollouts.ts";

const TURN = 100;
const GATEWAYS = ["g1", "g2"] as HostName[];

interface Slow {
  /** How long a gateway's write takes. */
  readonly writes: (gateway: HostName) => number;
  /** How long a slot boots, by its place in the pool. */
  readonly boots: (place: number) => number;
  /** Cannot be reached from when the first slot was stopped on the way back. */
  readonly dark?: HostName;
}

interface World extends Slow {
  rollout: Rollout;
  now: number;
  ordered: number | null;
  readonly slots: Map<SlotKey, SlotState & { readonly healthyAt: number }>;
  readonly gateways: Map<HostName, GatewayState>;
  readonly underWay: Map<string, { readonly action: Action; readonly at: number }>;
  /** Generations that were asked for on the way back, and those of them that a gateway followed. */
  readonly asked: Set<number>;
  readonly followed: Set<number>;
  /** When each share was first followed, after the order. */
  readonly shares: Map<number, number>;
  readonly broken: string[];
}

/** At 100 %, with two of twelve slots left to the former release, somebody aborts. */
function wayBack(slow: Slow): World {
  const steps = [step(10_000, { approve: true })];
  const rollout = rolloutOf({ n: 12, u: 2, steps, plan: { gateways: GATEWAYS } });
  const { id, from, plan, routing } = rollout;
  const runs = { generation: generation(0), writer: id, release: from, restarts: 0, healthyAt: 0 };
  const serves = { running: true, serving: true, generation: generation(0), writer: id, routing };
  const inFlight = Object.fromEntries(plan.slots.map((slot) => [slot, { requests: 0, connections: 0 }]));
  const world: World = {
    ...slow,
    rollout,
    now: rollout.startedAt,
    ordered: null,
    slots: new Map(plan.slots.map((slot) => [slot, { ...runs, process: "running" }])),
    gateways: new Map(GATEWAYS.map((name) => [name, { ...serves, inFlight }])),
    underWay: new Map(),
    asked: new Set(),
    followed: new Set(),
    shares: new Map(),
    broken: [],
  };
  const end = world.now + 300_000;
  while (!isEnded(world.rollout) && world.now < end) turn(world);
  return world;
}

function turn(world: World): void {
  world.now += TURN;
  const now = instant(world.now);
  const outcomes = arrived(world);
  if (world.ordered === null && world.rollout.phase.name === "approval") {
    world.ordered = now;
    const answer = command(world.rollout, { by: "me", order: { kind: "abort", reason: "" } }, now);
    if (answer.ok) world.rollout = answer.value;
  }
  const { rollout, actions } = decide(world.rollout, { ...look(world), outcomes }, now);
  world.rollout = rollout;
  world.broken.push(...brokenLaws(rollout));
  if (rollout.change?.back === true) world.asked.add(rollout.change.generation);
  for (const action of actions) {
    const takes = "gateway" in action ? writeTime(world, action) : 0;
    if (!world.underWay.has(action.key)) world.underWay.set(action.key, { action, at: now + takes });
  }
}

function writeTime(world: World, { kind, gateway }: Extract<Action, { gateway: HostName }>): number {
  if (isDark(world, gateway)) return Infinity;
  return world.ordered !== null && kind === "prepare" ? world.writes(gateway) : 0;
}

const isDark = ({ dark, ordered, slots }: World, name: HostName): boolean =>
  name === dark && ordered !== null && [...slots.values()].some(({ process }) => process === "stopped");

function arrived(world: World): readonly Settled[] {
  const due = [...world.underWay].filter(([, { at }]) => at <= world.now);
  return due.map(([key, { action }]) => {
    world.underWay.delete(key);
    perform(world, action);
    return { action, outcome: DONE };
  });
}

function perform(world: World, action: Action): void {
  const { slots, gateways, now, ordered, rollout } = world;
  if (action.kind === "commit") {
    const { routing, generation: number } = action.table;
    const state = gateways.get(action.gateway);
    if (state !== undefined) gateways.set(action.gateway, { ...state, generation: number, routing });
    if (ordered === null) return;
    world.followed.add(number);
    if (!world.shares.has(routing.share)) world.shares.set(routing.share, now - ordered);
  }
  if (action.kind !== "stop" && action.kind !== "switch" && action.kind !== "start") return;
  const state = slots.get(action.slot);
  if (state === undefined) return;
  const write = { ...state, generation: action.generation };
  const healthyAt = now + (ordered === null ? 0 : world.boots(rollout.plan.slots.indexOf(action.slot)));
  if (action.kind === "stop") slots.set(action.slot, { ...write, process: "stopped" });
  if (action.kind === "switch") slots.set(action.slot, { ...write, release: action.release });
  if (action.kind === "start") slots.set(action.slot, { ...write, process: "running", healthyAt });
}

function look(world: World): Omit<Seen, "outcomes"> {
  const at = instant(world.now);
  const known = <T>(value: T): Observed<T> => ({ known: true, at, value });
  const health = ({ process, healthyAt }: { process: string; healthyAt: number }): Health => ({
    healthy: process === "running" && at >= healthyAt,
    answer: "",
  });
  const slots = [...world.slots];
  const gateways = [...world.gateways].filter(([name]) => !isDark(world, name));
  return {
    slots: Object.fromEntries(slots.map(([slot, state]) => [slot, known(state)])),
    health: Object.fromEntries(slots.map(([slot, state]) => [slot, known(health(state))])),
    gateways: Object.fromEntries(gateways.map(([name, state]) => [name, known(state)])),
  };
}

/** The last slot of the pool is back first, each one before it a while later. */
const oneByOne = (gap: number) => (place: number) => 500 + gap * (12 - place);

describe("going back, slots come back one after another", () => {
  it.each([
    ["faster than a gateway writes", 2000, 600],
    ["much faster", 3000, 200],
    ["as fast", 1000, 1000],
    ["slower", 200, 1000],
  ])("%s: what was begun is made, but where all users can return", (_, write, gap) => {
    const told = wayBack({ writes: () => write, boots: oneByOne(gap) });
    expect(told.rollout.phase.name).toBe("rolled-back");
    expect(told.broken).toEqual([]);
    const givenUp = [...told.asked].filter((number) => !told.followed.has(number));
    expect(givenUp.length).toBeLessThanOrEqual(1);
  });

  it("some users return as soon as a slot is back, and do not wait for the others", () => {
    const told = wayBack({ writes: () => 2000, boots: oneByOne(2500) });
    const shares = [...told.shares.keys()];
    expect(shares.length).toBeGreaterThan(3);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  });

  it("a gateway that cannot be reached any more does not keep the others from going on", () => {
    const dark = GATEWAYS[0];
    const told = wayBack({ writes: () => 100, boots: oneByOne(2500), ...(dark && { dark }) });
    expect(told.broken).toEqual([]);
    expect([...told.shares.keys()].at(-1)).toBe(0);
    expect(told.shares.size).toBeGreaterThan(3);
  });
});

import { generation, type SlotKey } from "../../src/model/ids.ts";
import { instant, type Instant } from "../../src/base/time.ts";
import type { GatewayState, Health, Observed, SlotState } from "../../src/model/observation.ts";
import { DONE, refused, type Outcome } from "../../src/model/outcome.ts";
import type { Routing } from "../../src/model/routing.ts";
import { ENDED, type Rollout } from "../../src/model/rollout.ts";
import type { Action } from "../../src/rollout/actions.ts";
import { decide } from "../../src/rollout/decide.ts";
import { brokenLaws } from "../../src/rollout/laws.ts";
import type { Seen, Settled } from "../../src/rollout/seen.ts";

/**
 * A world for tests in which everything works at once and is seen at once, but for what `refuse` says.
 * Faults in time and in messages are the simulation's business.
 */
export interface World {
  rollout: Rollout;
  now: Instant;
  readonly log: string[];
  readonly broken: string[];
}

export interface Circumstances {
  /** The outcome of an action that does not simply work. */
  readonly refuse?: (action: Action) => Outcome | null;
  readonly healthy?: (slot: SlotKey, rollout: Rollout) => boolean;
  /** How often the slot's process has ended by itself; absent: never. */
  readonly restarts?: (slot: SlotKey, world: World) => number;
  /** The slot's process is gone, and nobody starts it again. */
  readonly gone?: (slot: SlotKey, rollout: Rollout) => boolean;
  /** Told before each turn; may change the rollout, e.g. by a command. */
  readonly before?: (world: World, turn: number) => void;
}

interface Things {
  readonly slots: Record<SlotKey, SlotState>;
  gateway: GatewayState;
}

const TURN = 100;
const MOST_TURNS = 3000;

export function runPerfectly(start: Rollout, circumstances: Circumstances = {}): World {
  const world: World = { rollout: start, now: start.startedAt, log: [], broken: [] };
  const things = initially(start);
  let outcomes: Settled[] = [];
  for (let turn = 0; turn < MOST_TURNS && !ENDED.includes(world.rollout.phase.name); turn += 1) {
    world.now = instant(world.now + TURN);
    circumstances.before?.(world, turn);
    const seen = { ...look(things, world, circumstances), outcomes };
    const decision = decide(world.rollout, seen, world.now);
    world.rollout = decision.rollout;
    world.broken.push(...brokenLaws(decision.rollout));
    outcomes = decision.actions.map((action) => perform(things, action, { world, circumstances }));
  }
  return world;
}

function initially({ plan, from, routing }: Rollout): Things {
  const state: SlotState = {
    generation: generation(0),
    release: from,
    process: from === null ? "stopped" : "running",
    restarts: 0,
  };
  const empty: SlotState = { ...state, release: null, process: "stopped" };
  return {
    slots: Object.fromEntries(
      plan.slots.map((slot) => [slot, routing.stable.includes(slot) || from === null ? state : empty]),
    ),
    gateway: { running: true, serving: true, generation: generation(0), routing, inFlight: {} },
  };
}

function look(things: Things, world: World, circumstances: Circumstances): Omit<Seen, "outcomes"> {
  const { healthy, restarts, gone } = circumstances;
  const { rollout, now } = world;
  const known = <T>(value: T): Observed<T> => ({ known: true, at: now, value });
  const { plan } = rollout;
  const health = (slot: SlotKey): Health => {
    const fine = things.slots[slot]?.process === "running" && (healthy?.(slot, rollout) ?? true);
    return { healthy: fine, answer: fine ? "200" : "503" };
  };
  const idle = { requests: 0, connections: 0 };
  const inFlight = Object.fromEntries(plan.slots.map((slot) => [slot, idle]));
  return {
    slots: Object.fromEntries(
      (Object.entries(things.slots) as [SlotKey, SlotState][]).map(([slot, state]) => [
        slot,
        known({
          ...state,
          process: gone?.(slot, rollout) === true ? "stopped" : state.process,
          restarts: restarts?.(slot, world) ?? state.restarts,
        }),
      ]),
    ),
    health: Object.fromEntries(plan.slots.map((slot) => [slot, known(health(slot))])),
    gateways: Object.fromEntries(plan.gateways.map((name) => [name, known({ ...things.gateway, inFlight })])),
  };
}

function perform(
  things: Things,
  action: Action,
  { world, circumstances }: { world: World; circumstances: Circumstances },
): Settled {
  const refusal = circumstances.refuse?.(action) ?? null;
  if (refusal !== null) return { action, outcome: refusal };
  const change = (slot: SlotKey, patch: Partial<SlotState>): void => {
    const state = things.slots[slot];
    if (state !== undefined) things.slots[slot] = { ...state, ...patch };
  };
  if (action.kind === "stop") change(action.slot, { process: "stopped", generation: action.generation });
  if (action.kind === "start") change(action.slot, { process: "running", generation: action.generation });
  if (action.kind === "switch")
    change(action.slot, { release: action.release, generation: action.generation });
  if (action.kind === "commit") {
    things.gateway = { ...things.gateway, ...action.table };
    world.log.push(describe(action.table.routing));
  } else if (action.kind !== "prepare" && action.kind !== "fetch" && action.kind !== "stage") {
    world.log.push("slot" in action ? `${action.kind} ${action.slot}` : action.key);
  }
  return { action, outcome: DONE };
}

const names = (slots: readonly SlotKey[]): string => slots.map((slot) => slot.split(":")[1]).join(",");
const describe = ({ canary, stable, share, ramp, mirror }: Routing): string => {
  const grows = ramp === undefined ? "" : ` ramp [${names(ramp.newcomers)}] ${ramp.part}`;
  const copies = mirror === undefined ? "" : ` mirror ${mirror}`;
  return `canary [${names(canary)}] stable [${names(stable)}] ${share}${grows}${copies}`;
};

export const refusal = (message: string): Outcome => refused({ code: "slot.start", message });

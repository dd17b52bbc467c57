import process from "node:process";
import { instant, type Instant } from "../../src/base/time.ts";
import { generation, type Generation, type HostName, type SlotKey } from "../../src/model/ids.ts";
import type { GatewayState, Health, Observed, SlotState } from "../../src/model/observation.ts";
import { DONE } from "../../src/model/outcome.ts";
import { isEnded, type Rollout } from "../../src/model/rollout.ts";
import type { Action } from "../../src/rollout/actions.ts";
import { decide } from "../../src/rollout/decide.ts";
import { interestOf } from "../../src/rollout/interest.ts";
import type { Seen, Settled } from "../../src/rollout/seen.ts";

/** One turn of a rollout in a large world. */
export interface Turn {
  readonly before: Rollout;
  readonly after: Rollout;
  readonly actions: readonly Action[];
  /** Milliseconds of processor time for deciding, and for what to look at next. */
  readonly decided: number;
}

const MOST_TURNS = 100_000;
const TURN_MS = 100;

/**
 * A world in which everything works and is seen at once, and in which a turn costs what has changed in it: so
 * that what is measured is ours. Tells of each turn.
 */
export function runLarge(start: Rollout, onTurn: (turn: Turn) => void): Rollout {
  const fleet = fleetOf(start);
  let rollout = start;
  let outcomes: readonly Settled[] = [];
  for (let count = 1; count <= MOST_TURNS && !isEnded(rollout); count += 1) {
    const now = instant(start.startedAt + count * TURN_MS);
    const seen: Seen = { ...fleet.look(rollout, now), outcomes };
    const began = processorTime();
    const decision = decide(rollout, seen, now);
    interestOf(decision.rollout);
    const decided = processorTime() - began;
    onTurn({ before: rollout, after: decision.rollout, actions: decision.actions, decided });
    rollout = decision.rollout;
    outcomes = decision.actions.map((action) => {
      fleet.perform(action, now);
      return { action, outcome: DONE };
    });
  }
  return rollout;
}

function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Fleet {
  look(rollout: Rollout, now: Instant): Omit<Seen, "outcomes">;
  perform(action: Action, now: Instant): void;
}

const RUNNING: Health = { healthy: true, answer: "200" };
const STOPPED: Health = { healthy: false, answer: "connection refused" };
const IDLE = { requests: 0, connections: 0 };

function fleetOf({ plan, from, routing, startedAt, id }: Rollout): Fleet {
  const known = <T>(value: T, at: Instant): Observed<T> => ({ known: true, at, value });
  const slots: Record<SlotKey, Observed<SlotState>> = {};
  const health: Record<SlotKey, Observed<Health>> = {};
  const gateways: Record<HostName, Observed<GatewayState>> = {};
  const put = (slot: SlotKey, state: SlotState, at: Instant): void => {
    slots[slot] = known(state, at);
    health[slot] = known(state.process === "running" ? RUNNING : STOPPED, at);
  };
  const none = generation(0);
  const process = from === null ? "stopped" : "running";
  for (const slot of plan.slots) {
    put(slot, { generation: none, writer: id, release: from, process, restarts: 0 }, startedAt);
  }
  const state = { running: true, serving: true, generation: none, writer: id, routing, inFlight: {} };
  for (const name of plan.gateways) gateways[name] = known(state, startedAt);
  const write = (
    slot: SlotKey,
    patch: { generation: Generation } & Partial<SlotState>,
    at: Instant,
  ): void => {
    const before = slots[slot];
    if (before?.known === true) put(slot, { ...before.value, ...patch }, at);
  };
  return {
    look: (rollout, now) => {
      const inFlight = Object.fromEntries(interestOf(rollout).inFlight.map((slot) => [slot, IDLE]));
      for (const name of plan.gateways) {
        const before = gateways[name];
        if (before?.known === true) gateways[name] = known({ ...before.value, inFlight }, now);
      }
      for (const slot of plan.slots) {
        const before = health[slot];
        if (rollout.slots[slot]?.at === "checking" && before?.known === true) {
          health[slot] = known(before.value, now);
        }
      }
      return { slots, health, gateways };
    },
    perform: (action, now) => {
      // The next turn's look is later than what was done.
      const at = instant(now + 1);
      switch (action.kind) {
        case "stop":
          return write(action.slot, { generation: action.generation, process: "stopped" }, at);
        case "switch":
          return write(action.slot, { generation: action.generation, release: action.release }, at);
        case "start":
          return write(action.slot, { generation: action.generation, process: "running" }, at);
        case "commit": {
          const { writer, routing: wanted } = action.table;
          const next = { ...state, generation: action.table.generation, writer, routing: wanted };
          gateways[action.gateway] = known(next, at);
          return undefined;
        }
        default:
          return undefined;
      }
    },
  };
}

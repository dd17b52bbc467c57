import { seededRandom } from "../../src/base/random.ts";
import { instant, type Instant } from "../../src/base/time.ts";
import type { AppError } from "../../src/base/errors.ts";
import { generation, type Generation, type HostName, type SlotKey } from "../../src/model/ids.ts";
import type { GatewayState, Observed, SlotState } from "../../src/model/observation.ts";
import { DONE, refused, unknown, type Outcome } from "../../src/model/outcome.ts";
import { isEnded, type Order, type Rollout } from "../../src/model/rollout.ts";
import type { Routing } from "../../src/model/routing.ts";
import type { Action } from "../../src/rollout/actions.ts";
import { command } from "../../src/rollout/command.ts";
import { seekHook } from "../../src/rollout/hooks.ts";
import { decide, type Decision } from "../../src/rollout/decide.ts";
import type { Seen, Settled } from "../../src/rollout/seen.ts";

/** Where luck comes from: 0 is good luck, and one of many. */
export interface Tape {
  next(choices: number): number;
}

/** So many throws of the dice, and then nothing but good luck. */
export function tapeOf(seed: number, throws: number): Tape {
  const random = seededRandom(seed);
  let thrown = 0;
  return {
    next: (choices) => {
      thrown += 1;
      return thrown > throws ? 0 : random.int(0, choices - 1);
    },
  };
}

/** One turn of a walk: what was known, what was seen, and what was decided. */
export interface Turn {
  readonly before: Rollout;
  readonly seen: Seen;
  readonly now: Instant;
  readonly decision: Decision;
  /** The truth at that moment. */
  readonly routings: readonly Routing[];
}

interface Gateway {
  seen: Generation;
  state: GatewayState;
  readonly prepared: Map<Generation, Routing>;
}

interface Truth {
  readonly slots: Map<SlotKey, SlotState>;
  readonly gateways: Map<HostName, Gateway>;
  /** Requests that are still in flight, by slot. */
  readonly inFlight: Map<SlotKey, number>;
}

const STEP = 200;
const MOST_TURNS = 1500;

const ORDERS: readonly Order[] = [
  { kind: "pause" },
  { kind: "resume" },
  { kind: "abort", reason: "enough" },
  { kind: "promote", to: "next" },
  { kind: "promote", to: "full" },
];

/**
 * Carries a rollout through a world whose luck is on the tape: looks that fail or show the past, outcomes
 * that are unknown whether or not they happened, refusals, orders, controllers that die. Where the tape
 * ends all goes well.
 */
export function walk(start: Rollout, tape: Tape): readonly Turn[] {
  const truth = truthOf(start);
  const turns: Turn[] = [];
  let rollout = start;
  let now = start.startedAt;
  let past: Seen | null = null;
  let outcomes: Settled[] = [];
  while (turns.length < MOST_TURNS && !isEnded(rollout)) {
    now = instant(now + STEP);
    rollout = obey(rollout, tape, now);
    if (tape.next(200) === 1) {
      rollout = seekHook(rollout);
      outcomes = [];
    }
    const present: Seen = { ...look(truth, { rollout, now, tape }), outcomes };
    const seen = tape.next(8) === 1 && past !== null ? { ...past, outcomes } : present;
    past = present;
    const decision = decide(rollout, seen, now);
    turns.push({ before: rollout, seen, now, decision, routings: routingsOf(truth) });
    rollout = decision.rollout;
    outcomes = decision.actions.flatMap((action) => perform(truth, action, tape));
    drain(truth);
  }
  return turns;
}

function obey(rollout: Rollout, tape: Tape, now: Instant): Rollout {
  const luck = tape.next(400);
  let order = luck === 0 ? null : (ORDERS[luck - 1] ?? null);
  if (luck === 0 && rollout.paused !== null) order = { kind: "resume" };
  if (luck === 0 && rollout.hook?.state === "unknown") order = { kind: "resume", hook: "again" };
  if (luck === 0 && rollout.phase.name === "approval") order = { kind: "promote", to: "next" };
  if (order === null) return rollout;
  const answer = command(rollout, { order, by: "bob" }, now);
  return answer.ok ? answer.value : rollout;
}

function truthOf({ plan, from, routing }: Rollout): Truth {
  const process = from === null ? "stopped" : "running";
  const slot: SlotState = { generation: generation(0), release: from, process, restarts: 0 };
  const state: GatewayState = {
    running: true,
    serving: true,
    generation: generation(0),
    routing,
    inFlight: {},
  };
  return {
    slots: new Map(plan.slots.map((key) => [key, slot])),
    gateways: new Map(
      plan.gateways.map((name) => [name, { seen: generation(0), state, prepared: new Map() }]),
    ),
    inFlight: new Map(),
  };
}

const routingsOf = (truth: Truth): readonly Routing[] =>
  [...truth.gateways.values()].flatMap(({ state }) => (state.routing === null ? [] : [state.routing]));

const isRouted = (truth: Truth, key: SlotKey): boolean =>
  routingsOf(truth).some(({ canary, stable }) => canary.includes(key) || stable.includes(key));

interface Looking {
  readonly rollout: Rollout;
  readonly now: Instant;
  readonly tape: Tape;
}

function look(truth: Truth, { rollout, now, tape }: Looking): Omit<Seen, "outcomes"> {
  const observe = <T>(value: T): Observed<T> =>
    tape.next(6) === 1 ? { known: false, at: now, why: "no answer" } : { known: true, at: now, value };
  const slots = [...truth.slots].map(([key, state]) => [key, observe(state)] as const);
  const health = [...truth.slots].map(([key, { process }]) => {
    const healthy = process === "running" && tape.next(12) !== 1;
    return [
      key,
      { known: true as const, at: now, value: { healthy, answer: healthy ? "200" : "503" } },
    ] as const;
  });
  const requests = (key: SlotKey): number =>
    isRouted(truth, key) ? 1 + tape.next(3) : (truth.inFlight.get(key) ?? 0);
  const inFlight = Object.fromEntries(
    rollout.plan.slots.map((key) => [key, { requests: requests(key), connections: requests(key) }]),
  );
  const gateways = [...truth.gateways].map(
    ([name, { state }]) => [name, observe({ ...state, inFlight })] as const,
  );
  return {
    slots: Object.fromEntries(slots),
    health: Object.fromEntries(health),
    gateways: Object.fromEntries(gateways),
  };
}

const trouble = (message: string): AppError => ({ code: "host.command", message });

/** It may happen or not, and its answer may come or not; a refusal did not happen. */
function perform(truth: Truth, action: Action, tape: Tape): Settled[] {
  const luck = tape.next(80);
  const lost = { action, outcome: unknown(trouble(`${action.key}: no answer`)) };
  if (luck === 1) return [{ action, outcome: refused(trouble(`${action.key} is refused`)) }];
  if (luck > 1 && luck < 6) return [lost];
  if (luck > 5 && luck < 10) return [];
  const outcome = happen(truth, action);
  if (luck > 9 && luck < 14) return [lost];
  return luck > 13 && luck < 18 ? [] : [{ action, outcome }];
}

function happen(truth: Truth, action: Action): Outcome {
  switch (action.kind) {
    case "stop":
      return write(truth, action, { process: "stopped" });
    case "switch":
      return write(truth, action, { release: action.release });
    case "start":
      return write(truth, action, { process: "running" });
    case "prepare":
    case "commit":
      return route(truth, action);
    default:
      return DONE;
  }
}

function write(
  { slots }: Truth,
  action: { readonly slot: SlotKey; readonly generation: Generation },
  patch: Partial<SlotState>,
): Outcome {
  const state = slots.get(action.slot);
  if (state === undefined || action.generation < state.generation) return refused(trouble("too old"));
  slots.set(action.slot, { ...state, ...patch, generation: action.generation });
  return DONE;
}

function route(truth: Truth, action: Extract<Action, { kind: "prepare" | "commit" }>): Outcome {
  const gateway = truth.gateways.get(action.gateway);
  const at = action.table.generation;
  if (gateway === undefined || at < gateway.seen) return refused(trouble("too old"));
  gateway.seen = at;
  if (action.kind === "prepare") {
    gateway.prepared.set(at, action.table.routing);
    return DONE;
  }
  const routing = gateway.prepared.get(at);
  if (routing === undefined) return refused(trouble("not prepared"));
  const before = gateway.state.routing;
  gateway.state = { ...gateway.state, generation: at, routing };
  for (const key of [...(before?.canary ?? []), ...(before?.stable ?? [])]) {
    if (!isRouted(truth, key)) truth.inFlight.set(key, 2);
  }
  return DONE;
}

/** What was in flight is answered, one after the other. */
function drain(truth: Truth): void {
  for (const [key, count] of truth.inFlight) truth.inFlight.set(key, Math.max(0, count - 1));
}

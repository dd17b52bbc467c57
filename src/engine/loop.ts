import { after, earliest, instant, millis, seconds, type Instant } from "../base/time.ts";
import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Application } from "../model/application.ts";
import type { ReleaseId } from "../model/ids.ts";
import { unknown } from "../model/outcome.ts";
import { ENDED, type Rollout } from "../model/rollout.ts";
import type { RolloutEvent } from "../ports/control.ts";
import type { Fence } from "../ports/journal.ts";
import type { Action } from "../rollout/actions.ts";
import { command } from "../rollout/command.ts";
import { decide } from "../rollout/decide.ts";
import type { Seen, Settled } from "../rollout/seen.ts";
import { createDispatcher, slotOf, type Dispatch } from "./dispatcher.ts";
import { askEntry, entryOf, hookEntry, orderWords, warmUpEntry } from "./entries.ts";
import { admit, EMPTY, ledgerWake, settle, type Ledger } from "./ledger.ts";
import type { News } from "./news.ts";
import { createObserver, type Observer } from "./observer.ts";
import type { EnginePorts } from "./ports.ts";
import type { Watch } from "./watch.ts";

/** What a carrier of a rollout holds. */
export interface Held {
  readonly rollout: Rollout;
  readonly revision: number;
  readonly stable: ReleaseId | null;
  readonly fence: Fence;
  readonly sha256: string | null;
}

export interface LoopContext {
  readonly application: Application;
  readonly ports: EnginePorts;
  readonly onEvent: (event: RolloutEvent) => void;
  readonly signal: AbortSignal;
  readonly watch: Pick<Watch, "follow" | "verdict" | "glance" | "began" | "ended">;
  /** What wakes the loop. */
  readonly news: News;
}

/** How soon an order of another process is obeyed, at the latest. */
const ORDERS = millis(250);
const RENEW = seconds(3);

/**
 * The single writer: observe → decide → persist with the reason → dispatch → wait. There is no other way to
 * go on after a crash than this one: the next carrier reads the last rollout and decides again.
 */
export async function carry(held: Held, context: LoopContext): Promise<Result<Rollout, AppError>> {
  const loop = createLoop(held, context);
  // What was decided last may not have been told any more.
  context.watch.follow(held.rollout);
  for (;;) {
    const stop = await loop.turn();
    if (stop !== null) return stop;
    if (context.signal.aborted) return ok(loop.rollout());
    await loop.wait();
  }
}

interface State {
  rollout: Rollout;
  revision: number;
  stable: ReleaseId | null;
  /** The sentence that was told last. */
  told: string;
  ledger: Ledger;
  outcomes: Settled[];
  wakeAt: Instant | null;
  ordersAt: Instant;
  renewAt: Instant;
}

interface Loop {
  /** With the sentence that was told last. */
  rollout(): Rollout;
  /** One turn; the end, or null to go on. */
  turn(): Promise<Result<Rollout, AppError> | null>;
  wait(): Promise<void>;
}

function createLoop(held: Held, context: LoopContext): Loop {
  const { application, ports, news, onEvent, signal } = context;
  const { clock } = ports;
  const observer = createObserver(application, ports, () => news.tell());
  const dispatch = createDispatcher({
    application,
    ports,
    sha256: held.sha256,
    signal,
    onProgress: (progress) => onEvent({ kind: "progress", at: clock.now(), ...progress }),
  });
  const state: State = {
    rollout: held.rollout,
    revision: held.revision,
    stable: held.stable,
    told: held.rollout.because,
    ledger: EMPTY,
    outcomes: [],
    wakeAt: null,
    ordersAt: instant(0),
    renewAt: instant(0),
  };
  const parts: Parts = { held, context, observer, dispatch, state };
  return {
    rollout: () => ({ ...state.rollout, because: state.told }),
    turn: () => turn(parts),
    wait: () => news.wait(state.wakeAt ?? after(clock.now(), ORDERS), signal),
  };
}

interface Parts {
  readonly held: Held;
  readonly context: LoopContext;
  readonly observer: Observer;
  readonly dispatch: Dispatch;
  readonly state: State;
}

async function turn(parts: Parts): Promise<Result<Rollout, AppError> | null> {
  const { context, state, observer } = parts;
  const { clock } = context.ports;
  const lost = await keepLease(parts);
  if (lost !== null) return err(lost);
  const ordered = await takeOrders(parts);
  const outcomes = state.outcomes;
  state.outcomes = [];
  await noteSaid(parts, outcomes);
  const now = clock.now();
  const before = state.rollout;
  const seen = { ...observer.latest(now), outcomes, ...judged(context.watch, now) };
  const decision = decide(ordered, seen, now);
  const decided = await withLog(parts, decision.rollout);
  const failure = await persist(parts, decided);
  if (failure !== null) return err(failure);
  if (ENDED.includes(decided.phase.name)) return ok(decided);
  tell(parts, { ...decided, because: decision.because }, now);
  start(parts, decision.actions, now);
  const lookAt = observer.look(decided, now, decided !== before || outcomes.length > 0);
  state.wakeAt = earliest(
    earliest(decision.wakeAt, ledgerWake(state.ledger)),
    earliest(lookAt, state.ordersAt),
  );
  return null;
}

function judged(watch: LoopContext["watch"], now: Instant): Pick<Seen, "verdict" | "glance"> {
  const verdict = watch.verdict(now);
  const glance = watch.glance(now);
  return { ...(verdict === undefined ? {} : { verdict }), ...(glance === undefined ? {} : { glance }) };
}

async function keepLease({ held, context, state }: Parts): Promise<AppError | null> {
  const { lease, clock } = context.ports;
  const now = clock.now();
  if (now < state.renewAt) return null;
  state.renewAt = after(now, RENEW);
  const renewed = await lease.renew(context.application.name, held.fence);
  return renewed.ok ? null : renewed.error;
}

/** Orders of other processes, each taken once. */
async function takeOrders({ context, state }: Parts): Promise<Rollout> {
  const { journal, clock } = context.ports;
  const now = clock.now();
  if (now < state.ordersAt) return state.rollout;
  state.ordersAt = after(now, ORDERS);
  let { rollout } = state;
  for (const { sequence, order, by } of await journal.orders(rollout.id, rollout.orderTaken)) {
    const answer = command(rollout, { order, by }, now);
    if (!answer.ok) context.onEvent({ kind: "trouble", at: now, error: answer.error });
    const because = answer.ok
      ? `${by}: ${orderWords(order)}`
      : `${by}: ${orderWords(order)} refused: ${answer.error.message}`;
    await journal.note(rollout.id, { at: now, kind: "order", because, data: order });
    rollout = { ...(answer.ok ? answer.value : rollout), orderTaken: sequence };
  }
  return rollout;
}

/** What hooks and warm-ups said is kept, whatever became of them. */
async function noteSaid({ context, state }: Parts, outcomes: readonly Settled[]): Promise<void> {
  const { journal, clock } = context.ports;
  for (const { action, outcome } of outcomes) {
    const at = clock.now();
    if (action.kind === "hook") await journal.note(state.rollout.id, hookEntry(action.hook, outcome, at));
    if (action.kind === "ask") await journal.note(state.rollout.id, askEntry(action, outcome, at));
    if (action.kind === "warm") await journal.note(state.rollout.id, warmUpEntry(action, outcome, at));
  }
}

const TAIL_LINES = 20;

/**
 * A slot that failed explains itself: the end of its log goes with the reason, before anything restarts it.
 */
async function withLog({ context, state }: Parts, rollout: Rollout): Promise<Rollout> {
  const { aborted } = rollout;
  if (aborted === null || aborted.slot === null || state.rollout.aborted !== null) return rollout;
  const slot = slotOf(context.application, aborted.slot);
  const tail = await context.ports.slots.logTail(slot, TAIL_LINES).catch(() => "");
  if (tail === "") return rollout;
  const own = aborted.error.details === undefined ? "" : `${aborted.error.details}\n\n`;
  const details = `${own}the last lines of its log:\n${tail}`;
  return { ...rollout, aborted: { ...aborted, error: { ...aborted.error, details } } };
}

/** Persist, then act: nothing is dispatched that is not on disk. */
async function persist({ held, context, state }: Parts, rollout: Rollout): Promise<AppError | null> {
  if (rollout === state.rollout) return null;
  const at = context.ports.clock.now();
  const ended = ENDED.includes(rollout.phase.name);
  const stable = rollout.phase.name === "completed" ? rollout.release : state.stable;
  const saved = await context.ports.journal.save({
    revision: state.revision,
    fence: held.fence,
    rollout,
    stable,
    entry: entryOf(rollout, at, ended ? "ended" : "decided"),
  });
  if (!saved.ok) return saved.error;
  state.revision = saved.value;
  state.rollout = rollout;
  state.stable = stable;
  state.told = rollout.because;
  context.watch.follow(rollout);
  context.onEvent({ kind: "decided", at, rollout });
  return null;
}

/** It can wait for something else though nothing was decided: that is told, and not kept. */
function tell({ context, state }: Parts, rollout: Rollout, at: Instant): void {
  if (rollout.because === state.told) return;
  state.told = rollout.because;
  context.onEvent({ kind: "decided", at, rollout });
}

function start(parts: Parts, actions: readonly Action[], now: Instant): void {
  const { context, state, dispatch, observer } = parts;
  const admitted = admit(state.ledger, actions, now);
  state.ledger = admitted.ledger;
  const { rollout } = state;
  for (const action of admitted.dispatch) {
    observer.writing(action, now);
    context.watch.began(action);
    dispatch(action, rollout).then(
      (outcome) => settleOne(parts, { action, outcome }, now),
      (cause: unknown) => {
        const error = appError("host.command", `${action.key}: ${String(cause)}`);
        settleOne(parts, { action, outcome: unknown(error) }, now);
      },
    );
  }
}

function settleOne(parts: Parts, settled: Settled, since: Instant): void {
  const { state, context, observer } = parts;
  const { action, outcome } = settled;
  observer.written(settled, since);
  context.watch.ended(action, outcome);
  state.ledger = settle(state.ledger, action.key, { outcome, now: context.ports.clock.now() });
  state.outcomes.push(settled);
  report(parts, settled);
  context.news.tell();
}

/** Refusals and lost answers are news for the person who watches, whatever they lead to. */
function report({ context }: Parts, { outcome }: Settled): void {
  if (outcome.kind === "done") return;
  context.onEvent({ kind: "trouble", at: context.ports.clock.now(), error: outcome.error });
}

import { after, between, millis, seconds, type Instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { Outcome } from "../model/outcome.ts";
import type { ProbeReport, Shot } from "../model/probing.ts";
import type { Commits } from "../model/receipt.ts";
import type { Rollout } from "../model/rollout.ts";
import { bucketOf } from "../model/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { Action } from "../rollout/actions.ts";
import { createChronicle, type Chronicle } from "./chronicle.ts";
import type { EnginePorts } from "./ports.ts";
import { createTally, type Tally } from "./tally.ts";

/** What the witness knows, for whoever goes on with it. Plain JSON. */
export interface Testimony {
  /** null: nothing is probed. */
  readonly probe: ProbeReport | null;
  readonly commits: Commits;
}

/** Sees what is done to whom and when, and holds it against what becomes of the probe's requests. */
export interface Witness {
  began(action: Action): void;
  ended(action: Action, outcome: Outcome): void;
  follow(rollout: Rollout): void;
  /** Probes until the signal, where the rollout asks for it. */
  run(signal: AbortSignal): Promise<void>;
  testimony(): Testimony;
}

export interface WitnessOptions {
  readonly application: Application;
  readonly ports: Pick<EnginePorts, "trickle" | "clock">;
  readonly rollout: Rollout;
  readonly before: Testimony | null;
}

interface Parts extends WitnessOptions {
  readonly chronicle: Chronicle;
  readonly tally: Tally | null;
}

const NO_COMMITS: Commits = { times: {}, longest: millis(0) };

export function createWitness(options: WitnessOptions): Witness {
  const { ports, rollout, before } = options;
  const { clock } = ports;
  const chronicle = createChronicle();
  const tally = rollout.plan.probe === true ? createTally(before?.probe ?? null) : null;
  const called = new Map<string, Instant>();
  let commits = before?.commits ?? NO_COMMITS;
  return {
    began: (action) => {
      const at = clock.now();
      chronicle.began(action, at);
      if (action.kind !== "commit" || rollout.plan.passive) return;
      called.set(action.key, at);
      tally?.switched(action.gateway, { routing: action.table.routing, called: at, done: null });
    },
    ended: (action, { kind }) => {
      const at = clock.now();
      chronicle.ended(action, at);
      const since = called.get(action.key);
      if (action.kind !== "commit" || since === undefined || kind !== "done") return;
      commits = withCommit(commits, between(since, at));
      tally?.switched(action.gateway, { routing: action.table.routing, called: since, done: at });
    },
    follow: (state) => chronicle.follow(state, clock.now()),
    run: (signal) => probe({ ...options, chronicle, tally }, signal),
    testimony: () => ({ probe: tally?.report() ?? null, commits }),
  };
}

function withCommit({ times, longest }: Commits, took: number): Commits {
  const bucket = bucketOf(took);
  const counted = { ...times, [bucket]: (times[bucket] ?? 0) + 1 };
  return { times: counted, longest: millis(Math.max(longest, took)) };
}

/** How long the probe may take to end. */
const GRACE = seconds(2);

/** A defect of the probe is no reason to fail, nor to wait: it is told as what could not be probed. */
async function probe(parts: Parts, signal: AbortSignal): Promise<void> {
  const { application, ports, chronicle, tally } = parts;
  if (tally === null) return;
  const isOver = new AbortController();
  const run = {
    settings: application.probe,
    signal,
    onShot: (shot: Shot): void => {
      if (!isOver.signal.aborted) tally.take(shot, chronicle.within(shot.begun, shot.ended));
    },
    onBlind: tally.blind,
  };
  try {
    await Promise.race([ports.trickle.run(run), overdue(ports.clock, signal, isOver.signal)]);
  } catch (cause) {
    for (const { name } of application.gateways) {
      tally.blind({ gateway: name, kind: null }, `${name}: the probe broke down: ${String(cause)}`);
    }
  }
  isOver.abort();
}

/** Some time after the signal, unless it is over before. */
async function overdue(clock: Clock, signal: AbortSignal, isOver: AbortSignal): Promise<void> {
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await clock.sleep(after(clock.now(), GRACE), isOver);
}

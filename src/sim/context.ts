import type { Random } from "../base/random.ts";
import type { Generation } from "../model/ids.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Rollout } from "../model/rollout.ts";
import { CALM, type Faults } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import type { Bench, Harm } from "./harms.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { TrafficContext } from "./traffic.ts";

/** One controller process: when it dies nothing reaches it any more, and it does nothing any more. */
export interface Life {
  readonly number: number;
  alive: boolean;
  /** It stands still until then, and goes on as if nothing had been. */
  stalledUntil: number;
}

/** What one controller reaches the world by. */
export interface Line {
  readonly context: Context;
  readonly life: Life;
}

/** Separate streams, so that one more look does not change what a write meets. */
export interface Dice {
  readonly fate: Random;
  readonly delay: Random;
  readonly look: Random;
  readonly events: Random;
  readonly traffic: Random;
  readonly log: Random;
}

/** What the parts of the world share. */
export interface Context {
  readonly timeline: Timeline;
  readonly scenario: Scenario;
  readonly fleet: Fleet;
  readonly dice: Dice;
  readonly faults: Faults;
  /** Faults happen until then. */
  readonly faultsUntil: number;
  /** Planted: hosts and gateways do not look at generations. */
  readonly acceptStale: boolean;
  readonly harms: Harm[];
  /** null: nobody wants to read it. */
  readonly trace: string[] | null;
  /** Whoever holds the lease. */
  carrier: () => Life | null;
  /** As it is on disk. */
  rollout: Rollout | null;
  /** Requests that a stop cut after their drain deadline. */
  cut: number;
  /** What became of every hook that was begun, as far as it was kept. */
  readonly hookRuns: Map<string, Outcome>;
}

export const faultsNow = (context: Context): Faults =>
  context.timeline.now() < context.faultsUntil ? context.faults : CALM;

export const benchOf = ({ fleet, timeline, scenario, rollout }: Context): Bench => ({
  fleet,
  drain: scenario.application.policy,
  now: timeline.now(),
  rollout,
});

export const trafficOf = (context: Context): TrafficContext => ({
  now: context.timeline.now(),
  random: context.dice.traffic,
  slow: faultsNow(context).slowRequest,
  kinds: context.scenario.application.policy.drainKinds !== undefined,
});

/** Law 11: what is sent is on disk, so that whoever comes next knows of it. */
export function mustBeWritten(context: Context, name: string, at: Generation): void {
  const written = context.rollout?.generation;
  if (written === undefined || at <= written) return;
  const what = `${name} is sent at ${at}, and what is on disk knows of ${written}`;
  context.harms.push({ at: context.timeline.now(), law: 11, what });
}

/** A line for whoever looks into a run; the text is only made if somebody does. */
export function tell(context: Context, text: () => string): void {
  context.trace?.push(`${String(context.timeline.now() % 10_000_000).padStart(8)} ${text()}`);
}

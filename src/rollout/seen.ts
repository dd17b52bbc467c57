import type { Observation } from "../model/observation.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Glance, Verdict } from "../model/verdict.ts";
import type { Action } from "./actions.ts";

/** How a dispatched action ended. */
export interface Settled {
  readonly action: Action;
  readonly outcome: Outcome;
}

/**
 * Everything that a decision looks at: the world, and what became of our own actions since the last
 * decision.
 */
export interface Seen extends Observation {
  /** By the evidence of the gateways; absent where nothing is judged, or nothing is known yet. */
  readonly verdict?: Verdict;
  /** What was told so far of those who look first; absent: there is no such look, or nothing was told. */
  readonly glance?: Glance;
  readonly outcomes: readonly Settled[];
}

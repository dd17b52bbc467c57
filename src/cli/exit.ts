import { ERRORS, type AppError } from "../base/errors.ts";
import type { PhaseName, Rollout } from "../model/rollout.ts";

export const DONE = 0;
export const USAGE = 2;
export const REFUSED = 3;
export const OPERATOR_NEEDED = 4;
/** The rollout is paused or goes on, as printed. */
export const INTERRUPTED = 5;

/** How a rollout stood when the command ended. */
const BY_PHASE: Readonly<Record<PhaseName, number>> = {
  completed: DONE,
  "rolled-back": 1,
  superseded: REFUSED,
  stuck: OPERATOR_NEEDED,
  staging: INTERRUPTED,
  updating: INTERRUPTED,
  shifting: INTERRUPTED,
  baking: INTERRUPTED,
  approval: INTERRUPTED,
  finishing: INTERRUPTED,
  aborting: INTERRUPTED,
};

/** What ended before anything was touched was refused, whatever the phase is called. */
export function exitOfRollout({ phase, touched, aborted }: Rollout): number {
  const isRefusal = phase.name === "rolled-back" && !touched && aborted !== null && aborted.by !== "operator";
  return isRefusal ? exitOfError(aborted.error) : BY_PHASE[phase.name];
}

export const exitOfError = (error: AppError): number => ERRORS[error.code].exit;

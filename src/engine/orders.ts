import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isEnded, type Rollout } from "../model/rollout.ts";

const HINTS: Readonly<Record<string, string>> = {
  completed: "`glidepath rollback` goes back to the release before",
  stuck: "`glidepath status` says why, `glidepath abort` goes on with the way back",
};

const tooLate = ({ release, phase }: Rollout): AppError =>
  appError(
    "rollout.absent",
    `the rollout of ${release} ended before it took the order: it is ${phase.name}`,
    {
      hint: HINTS[phase.name] ?? "see `glidepath status`",
    },
  );

/** What became of an order that was left for whoever carries the rollout; null: nothing yet. */
export function fateOf(rollout: Rollout, sequence: number): Result<Rollout, AppError> | null {
  if (rollout.orderTaken >= sequence) return ok(rollout);
  return isEnded(rollout) ? err(tooLate(rollout)) : null;
}

import { present } from "../base/assert.ts";
import { after as later, type Instant } from "../base/time.ts";
import type { Step } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";
import { EVERYTHING, formatShare } from "../model/share.ts";
import { enter, isFirst } from "./evolve.ts";
import { beginHook, isPast } from "./hooks.ts";

export const stepOf = (rollout: Rollout): Step =>
  present(rollout.plan.steps[rollout.step], "the current step");

/** What the step does, for people: `5 %`, or `a mirror of 10 %`. */
export const stepWords = ({ share, mirror }: Pick<Step, "share" | "mirror">): string =>
  mirror === undefined ? formatShare(share) : `a mirror of ${formatShare(mirror)}`;

/** The share of the step holds: bake, then the gate, then on. */
export function holdStep(rollout: Rollout, now: Instant): Rollout {
  const step = stepOf(rollout);
  const after = { name: "afterShift", share: step.share } as const;
  if (!isFirst(rollout) && !isPast(rollout, after)) return beginHook(rollout, after, now);
  if (step.bake > 0) return enter(rollout, { name: "baking", until: later(now, step.bake) });
  return passBake(rollout, now);
}

export function passBake(rollout: Rollout, now: Instant): Rollout {
  if (stepOf(rollout).approve) return enter(rollout, { name: "approval", since: now });
  return passGate(rollout);
}

export function passGate(rollout: Rollout): Rollout {
  if (stepOf(rollout).share === EVERYTHING) return enter(rollout, { name: "finishing" });
  return enter({ ...rollout, step: rollout.step + 1 }, { name: "updating" });
}

import type { AppError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Action } from "./actions.ts";
import { failed } from "./courses.ts";
import { abortBy, courseOf, withCourse } from "./evolve.ts";
import { goBack, stuck } from "./endings.ts";
import { actionsOf } from "./actions.ts";
import { endHook, holdsUp } from "./hooks.ts";
import type { Settled } from "./seen.ts";

/**
 * What became of our own actions. An outcome of something that the state no longer asks for changes nothing;
 * an unknown one never does: only the next look at the world tells.
 */
export function absorb(rollout: Rollout, outcomes: readonly Settled[], now: Instant): Rollout {
  return outcomes.reduce((r, { action, outcome }) => {
    const asked = actionsOf(r).some(({ key }) => key === action.key);
    if (!asked) return r;
    if (action.kind === "hook") return absorbHook(r, outcome, now);
    if (outcome.kind === "unknown") return r;
    return outcome.kind === "done" ? done(r, action) : refuse(r, action, { error: outcome.error, now });
  }, rollout);
}

function done(rollout: Rollout, action: Action): Rollout {
  const { phase, change } = rollout;
  switch (action.kind) {
    case "fetch":
      return phase.name === "staging" ? { ...rollout, phase: { ...phase, fetched: true } } : rollout;
    case "stage":
      if (phase.name !== "staging") return rollout;
      return { ...rollout, phase: { ...phase, staged: [...phase.staged, action.host] } };
    case "smoke": {
      const course = courseOf(rollout, action.slot);
      if (course.at !== "smoking") return rollout;
      return withCourse(rollout, action.slot, { ...course, passed: course.passed + 1 });
    }
    case "prepare":
      if (change === null) return rollout;
      return { ...rollout, change: { ...change, prepared: [...change.prepared, action.gateway] } };
    default:
      return rollout;
  }
}

/** Only what runs before something can stop it; what failed afterwards is in the journal. */
function absorbHook(rollout: Rollout, outcome: Outcome, now: Instant): Rollout {
  const { hook, aborted } = rollout;
  if (hook === null) return rollout;
  const isHolding = holdsUp(hook.name) && aborted === null;
  if (outcome.kind === "done") return endHook(rollout, "done");
  if (outcome.kind === "unknown") {
    return isHolding ? { ...rollout, hook: { ...hook, state: "unknown" } } : endHook(rollout, "unknown");
  }
  const ended = endHook(rollout, "failed");
  return isHolding ? goBack(ended, abortBy("hook", outcome.error, now)) : ended;
}

interface Refusal {
  readonly error: AppError;
  readonly now: Instant;
}

function refuse(
  rollout: Rollout,
  action: Exclude<Action, { kind: "hook" }>,
  { error, now }: Refusal,
): Rollout {
  switch (action.kind) {
    case "fetch":
    case "stage":
      return goBack(rollout, abortBy("artifact", error, now));
    case "prepare":
    case "commit":
      return changeRefused(rollout, { error, now });
    default:
      return error.code === "slot.fenced"
        ? stuck(rollout, error)
        : failed(rollout, action.slot, { now, error });
  }
}

function changeRefused(rollout: Rollout, { error, now }: Refusal): Rollout {
  if (error.code === "gateway.fenced" || rollout.aborted !== null) return stuck(rollout, error);
  return goBack({ ...rollout, change: null }, abortBy("gateway", error, now));
}

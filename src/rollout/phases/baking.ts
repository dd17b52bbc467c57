import type { Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import { sickCanary } from "../begin.ts";
import type { Seen } from "../seen.ts";
import { passBake } from "../steps.ts";

/** The share holds for the time asked. */
export function baking(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { phase } = rollout;
  if (phase.name !== "baking" || rollout.paused !== null || now < phase.until) return rollout;
  if (sickCanary(rollout, seen).length > 0) return rollout;
  return passBake(rollout, now);
}

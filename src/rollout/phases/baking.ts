import type { Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import { sickCanary } from "../begin.ts";
import type { Seen } from "../seen.ts";
import { passBake } from "../steps.ts";
import { heldBy, isProven } from "../verdicts.ts";

/**
 * The share holds for the time asked, or until the next is proven safe; and for as long as too little is
 * known.
 */
export function baking(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  const { phase } = rollout;
  if (phase.name !== "baking" || rollout.paused !== null) return rollout;
  if (now < phase.until && !isProven(rollout, seen)) return rollout;
  if (sickCanary(rollout, seen).length > 0 || heldBy(rollout, seen) !== null) return rollout;
  return passBake(rollout, now);
}

import type { Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import { unstaged } from "../actions.ts";
import { enter, isNewcomer } from "../evolve.ts";
import { beginHook, isPast } from "../hooks.ts";
import type { Seen } from "../seen.ts";

const BEFORE = { name: "beforeRelease" } as const;

/** Everything is fetched, verified and unpacked on every host before any traffic is touched. */
export function staging(rollout: Rollout, _seen: Seen, now: Instant): Rollout {
  const { phase } = rollout;
  if (phase.name !== "staging" || !phase.fetched || rollout.paused !== null) return rollout;
  if (unstaged(rollout).length > 0) return rollout;
  if (!isPast(rollout, BEFORE)) return beginHook(rollout, BEFORE, now);
  // Slots that are new to the pool are written to from now on.
  const touched = rollout.plan.slots.some((slot) => isNewcomer(rollout, slot));
  return enter({ ...rollout, touched }, { name: "updating" });
}

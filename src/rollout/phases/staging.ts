import type { Instant } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import { enter } from "../evolve.ts";
import type { Seen } from "../seen.ts";

/** Everything is fetched, verified and unpacked on every host before any traffic is touched. */
export function staging(rollout: Rollout, _seen: Seen, _now: Instant): Rollout {
  const { phase, plan } = rollout;
  if (phase.name !== "staging" || !phase.fetched || rollout.paused !== null) return rollout;
  if (plan.hosts.some((host) => !phase.staged.includes(host))) return rollout;
  if (plan.hooks.before && !phase.hooked) return rollout;
  return enter(rollout, { name: "updating" });
}

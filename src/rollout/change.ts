import type { Instant } from "../base/time.ts";
import { appError } from "../base/errors.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout, RoutingChange } from "../model/rollout.ts";
import { sameRouting, type Routing } from "../model/routing.ts";
import { isFirst, isGoingBack, nextGeneration } from "./evolve.ts";
import { stuck } from "./endings.ts";
import { beginHook, isPast } from "./hooks.ts";
import { stepOf } from "./steps.ts";
import type { Seen } from "./seen.ts";
import { gatewaySeen, isHealthy, isOverwritten, isSick } from "./sight.ts";

/**
 * Asks for a routing unless it is there already or on its way. While one is on its way nothing else is asked
 * for, except by going back, which replaces it at a newer generation.
 */
export function request(rollout: Rollout, routing: Routing, now: Instant): Rollout {
  const { change } = rollout;
  if (change !== null && (!isGoingBack(rollout) || sameRouting(change.routing, routing))) return rollout;
  if (!rollout.unsettled && sameRouting(rollout.routing, routing)) {
    return change === null ? rollout : { ...rollout, change: null };
  }
  const next = nextGeneration(rollout);
  const asked: RoutingChange = {
    generation: next.generation,
    routing,
    since: now,
    stage: "preparing",
    prepared: [],
  };
  return { ...next.rollout, change: asked };
}

/** Asks for a routing; before it gives the release more traffic, `beforeShift` runs, once a step. */
export function widen(rollout: Rollout, routing: Routing, now: Instant): Rollout {
  const before = { name: "beforeShift", share: stepOf(rollout).share } as const;
  const isWider = !isFirst(rollout) && routing.share > rollout.routing.share;
  if (!isWider || isPast(rollout, before)) return request(rollout, routing, now);
  return rollout.change === null ? beginHook(rollout, before, now) : rollout;
}

/**
 *   preparing ─(written on every gateway)→ committing ─(seen on every gateway)→ confirmed
 */
export function advanceChange(rollout: Rollout, seen: Seen): Rollout {
  const { change, plan } = rollout;
  if (change === null) return rollout;
  if (change.stage === "preparing") {
    const all = plan.gateways.every((gateway) => change.prepared.includes(gateway));
    if (all && leadsAstray(rollout, seen)) return rollout;
    return all
      ? { ...rollout, unsettled: true, touched: true, change: { ...change, stage: "committing" } }
      : rollout;
  }
  const sights = plan.gateways.map((gateway) => gatewaySeen(seen, gateway)?.value);
  const isOvertaken = sights.some(
    (state) => state !== undefined && isOverwritten(rollout, state, change.generation),
  );
  if (isOvertaken) return overtaken(rollout);
  const confirmed = sights.every(
    (state) =>
      state !== undefined &&
      state.generation === change.generation &&
      state.routing !== null &&
      sameRouting(state.routing, change.routing) &&
      (state.serving || isGoingBack(rollout)),
  );
  if (!confirmed) return rollout;
  return { ...rollout, routing: change.routing, unsettled: false, change: null };
}

/**
 * Whoever is led somewhere is led to a slot that is seen to be well when the switch is made: writing may have
 * taken long. What only stays as it is need not be seen.
 */
function leadsAstray(rollout: Rollout, seen: Seen): boolean {
  const { change, routing, slots } = rollout;
  if (change === null) return false;
  const { canary, share } = change.routing;
  const joining = (Object.keys(slots) as SlotKey[]).filter((slot) => slots[slot]?.at === "joining");
  const asked = share > routing.share ? [...canary, ...joining] : joining;
  return asked.some((slot) => !isHealthy(seen, slot)) || desertsUsers(rollout, change.routing, seen);
}

/** Forward, whoever is taken out leaves enough behind that are well, unless he is sick himself. */
function desertsUsers({ routing, plan, aborted, from }: Rollout, next: Routing, seen: Seen): boolean {
  if (aborted !== null || from === null) return false;
  const stays = [...next.canary, ...next.stable];
  const leaves = [...routing.canary, ...routing.stable].filter((slot) => !stays.includes(slot));
  if (leaves.every((slot) => isSick(seen, slot))) return false;
  const well = stays.filter((slot) => isHealthy(seen, slot)).length;
  return well < plan.slots.length - plan.maxUnavailable;
}

const overtaken = (rollout: Rollout): Rollout =>
  stuck(
    rollout,
    appError("gateway.fenced", "a gateway has a newer routing than this rollout ever wrote", {
      hint: "another controller writes to it; see `glidepath status`, then `glidepath abort` to go back",
    }),
  );

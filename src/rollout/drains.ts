import { after, instant, millis, type Instant } from "../base/time.ts";
import {
  addKinds,
  drainOf,
  longestDrain,
  TRAFFIC_KINDS,
  type ByKind,
  type CutOff,
  type TrafficKind,
} from "../model/drain.ts";
import type { SlotKey } from "../model/ids.ts";
import type { GatewayState } from "../model/observation.ts";
import type { Asking, Rollout, SlotCourse } from "../model/rollout.ts";
import { inRotation } from "../model/routing.ts";
import type { Seen } from "./seen.ts";
import { gatewaySeen } from "./sight.ts";

/** A gateway may have chosen a slot and not yet asked it: two looks in one moment are one look. */
export const APART = millis(50);

interface Flying {
  readonly requests: number;
  /** null: some cannot be told apart. */
  readonly kinds: ByKind<number> | null;
  readonly at: Instant;
  readonly newest: Instant;
}

/**
 * Requests in flight over all gateways, and when the oldest and the newest of these looks were; null if one
 * could not be asked, or saw the slot still in rotation: then nothing that it counted says anything about a
 * drain.
 */
export function inFlightOf(rollout: Rollout, slot: SlotKey, seen: Seen): Flying | null {
  let requests = 0;
  let kinds: ByKind<number> | null = {};
  let at: Instant | null = null;
  let newest = instant(0);
  for (const gateway of rollout.plan.gateways) {
    const state = gatewaySeen(seen, gateway);
    const traffic = state?.value.inFlight[slot];
    if (state === null || traffic === undefined || isRouted(state.value, slot)) return null;
    requests += traffic.requests;
    const told: ByKind<number> | null = traffic.kinds ?? (traffic.requests === 0 ? {} : null);
    kinds = kinds === null || told === null ? null : addKinds(kinds, told);
    at = at === null || state.at < at ? state.at : at;
    newest = state.at > newest ? state.at : newest;
  }
  return { requests, kinds, at: at ?? instant(0), newest };
}

const isRouted = ({ routing }: GatewayState, slot: SlotKey): boolean =>
  routing !== null && inRotation(routing, slot);

/**
 * When it is stopped whatever is in flight. No new request comes, so that what is of no kind now will not be;
 * what is not known counts as the kind that is waited for the longest.
 */
export function drainUntil(
  { plan }: Rollout,
  { since }: Extract<SlotCourse, { at: "draining" }>,
  traffic: Flying | null,
): Instant {
  const isFresh = traffic !== null && traffic.at >= after(since, APART);
  const kinds = isFresh ? (traffic.kinds ?? {}) : {};
  const waits = TRAFFIC_KINDS.filter((kind) => (kinds[kind] ?? 0) > 0).map((kind) => drainOf(plan, kind));
  return after(since, waits.length === 0 ? longestDrain(plan) : millis(Math.max(...waits)));
}

/**
 * The application is asked when something is in flight that it may end, once for a drain: also again if
 * nobody knows whether it heard. What is of no kind may be of any.
 */
export function askingOf(
  { plan, generation }: Rollout,
  { asking, since }: Extract<SlotCourse, { at: "draining" }>,
  { kinds, requests, at }: Flying,
): Asking | undefined {
  if (plan.asks === undefined || requests === 0 || at < after(since, APART)) return asking;
  const isThere = (kind: TrafficKind): boolean => kinds === null || (kinds[kind] ?? 0) > 0;
  const due = plan.asks.flatMap((one, index) => (one.kinds.some(isThere) ? [index] : []));
  const { due: before = [], over = [] } = asking ?? {};
  const added = due.filter((index) => !before.includes(index));
  if (added.length === 0) return asking;
  return { due: [...before, ...added], over, generation: asking?.generation ?? generation };
}

/** What is in flight has had its time. */
export function cutOff(rollout: Rollout, traffic: Flying | null, { slot, at }: CutOff): Rollout {
  const cut = rollout.cut + (traffic?.requests ?? 0);
  return { ...rollout, cut, cutOffs: [...(rollout.cutOffs ?? []), { slot, at }] };
}

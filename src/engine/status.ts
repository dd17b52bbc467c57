import type { AppError } from "../base/errors.ts";
import { ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import { poolOf, type Application, type Slot } from "../model/application.ts";
import type { ReleaseId } from "../model/ids.ts";
import type { GatewayState, InFlight, Observation, Observed } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";
import { isEnded, isStuck } from "../model/rollout.ts";
import type { GatewayStatus, SlotStatus, Status } from "../ports/control.ts";
import type { Verdict } from "../model/verdict.ts";
import { because } from "../rollout/because.ts";
import { lookOnce, NOTHING_SEEN } from "./observer.ts";
import type { EnginePorts } from "./ports.ts";
import { verdictIn } from "./watch.ts";

/** Everything as it is now: what the store says, and what is really there. */
export async function readStatus(
  application: Application,
  ports: EnginePorts,
  isLooking: boolean,
): Promise<Result<Status, AppError>> {
  const loaded = await ports.journal.load(application.name);
  if (!loaded.ok) return loaded;
  const { stable, rollout } = loaded.value;
  const verdict = rollout === null ? null : verdictIn(await ports.journal.kept(rollout.id));
  const seen = isLooking ? await lookOnce(application, ports, { stable, count: true }) : NOTHING_SEEN;
  const at = ports.clock.now();
  return ok({
    at,
    stable,
    rollout: rollout === null ? null : explained(rollout, { seen, verdict }, at),
    slots: poolOf(application.hosts).map((slot) => slotStatus(slot, seen, { rollout, stable, at })),
    gateways: application.gateways.map(({ name }) => gatewayStatus(name, seen, { rollout, at })),
    holder: await ports.lease.holder(application.name),
    verdict,
  });
}

interface Sight {
  readonly seen: Observation;
  readonly verdict: Verdict | null;
}

function explained(rollout: Rollout, { seen, verdict }: Sight, at: Instant): Rollout {
  if (isEnded(rollout)) return rollout;
  const all = { ...seen, outcomes: [], ...(verdict === null ? {} : { verdict }) };
  return { ...rollout, because: because(rollout, all, at) };
}

const unseen = (at: Instant): { known: false; at: Instant; why: string } => ({
  known: false,
  at,
  why: "not asked",
});

interface Known {
  readonly rollout: Rollout | null;
  readonly stable: ReleaseId | null;
  readonly at: Instant;
}

function slotStatus(slot: Slot, seen: Observation, { rollout, at }: Known): SlotStatus {
  const gateways = Object.values(seen.gateways).map((state) => (state.known ? state.value : null));
  const routings = gateways.map((state) => state?.routing ?? null);
  const isCanary = routings.some((routing) => routing?.canary.includes(slot.key));
  const isStable = routings.some((routing) => routing?.stable.includes(slot.key));
  const over = rollout === null || (isEnded(rollout) && !isStuck(rollout));
  return {
    slot,
    state: seen.slots[slot.key] ?? unseen(at),
    health: seen.health[slot.key] ?? unseen(at),
    role: isCanary && !over ? "canary" : isStable ? "stable" : "none",
    inRotation: isCanary || isStable,
    inFlight: summed(gateways, slot),
  };
}

function summed(gateways: readonly (GatewayState | null)[], slot: Slot): InFlight | null {
  let sum: InFlight = { requests: 0, connections: 0 };
  for (const state of gateways) {
    const traffic = state?.inFlight[slot.key];
    if (traffic === undefined) return null;
    sum = { requests: sum.requests + traffic.requests, connections: sum.connections + traffic.connections };
  }
  return sum;
}

function gatewayStatus(
  name: GatewayStatus["name"],
  seen: Observation,
  { rollout, at }: Omit<Known, "stable">,
): GatewayStatus {
  const state: Observed<GatewayState> = seen.gateways[name] ?? unseen(at);
  const wanted = rollout?.change ?? null;
  const confirmed =
    state.known && state.value.serving && (wanted === null || state.value.generation >= wanted.generation);
  return { name, state, confirmed };
}

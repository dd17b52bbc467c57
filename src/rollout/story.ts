import type { AppError } from "../base/errors.ts";
import type { Application, Step } from "../model/application.ts";
import { poolOf } from "../model/application.ts";
import { canarySlotsFor, wayBack } from "../model/capacity.ts";
import type { ReleaseId } from "../model/ids.ts";
import type { Planned, PlannedStep } from "../model/planned.ts";
import { EVERYTHING } from "../model/share.ts";
import { tooSmall } from "./create.ts";

interface Pool {
  readonly n: number;
  /** Slots that may be out of rotation at once. */
  readonly u: number;
  readonly maxLoad: number;
  readonly split: "users" | "servers";
}

export function arithmeticOf(
  application: Application,
  release: ReleaseId,
  from: ReleaseId | null,
): Planned | AppError {
  const { policy, gateway } = application;
  const order = poolOf(application.hosts).map((slot) => slot.key);
  const n = order.length;
  if (n < 2) return tooSmall(application);
  const u = Math.max(1, Math.min(policy.maxUnavailable, n - 1));
  const pool: Pool = { n, u, maxLoad: policy.maxLoad, split: gateway.split };
  const steps = from === null ? [] : policy.steps.map((step) => stepOf(step, pool));
  const worst = { load: from === null ? 1 / n : 1 / (n - u), even: 1 / n };
  return { release, from, order, maxUnavailable: u, steps, worst };
}

function stepOf(step: Step, pool: Pool): PlannedStep {
  const { share, mirror, bake, approve, named = [] } = step;
  const canarySlots = step.slots ?? canarySlotsFor(mirror ?? share, pool.n, pool.u);
  const stableSlots = pool.n - canarySlots;
  const loads = loadsOf(share / EVERYTHING, canarySlots, pool);
  const copies = mirror === undefined ? {} : { mirror };
  const back = backFrom(share / EVERYTHING, stableSlots, pool);
  return { share, ...copies, canarySlots, stableSlots, named, bake, approve, loads, back };
}

/** By servers nginx balances over all slots; at 100 % those that are left have no traffic any more. */
function loadsOf(part: number, canary: number, { n, split }: Pool): PlannedStep["loads"] {
  if (split === "servers" && part > 0 && part < 1) return { canary: 1 / n, stable: 1 / n };
  return { canary: part / canary, stable: (1 - part) / (n - canary) };
}

function backFrom(part: number, stable: number, { n, maxLoad }: Pool): PlannedStep["back"] {
  const { share, keep } = wayBack(n, stable, maxLoad);
  const stays = Math.min(part, share / EVERYTHING);
  const load = Math.max((1 - stays) / stable, stays === 0 ? 0 : stays / Math.max(1, keep));
  return { atOnce: part - stays, load };
}

import { appError, type AppError } from "../base/errors.ts";
import type { Application } from "../model/application.ts";
import { poolOf } from "../model/application.ts";
import { canarySlotsFor, wayBack } from "../model/capacity.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import { basisPoints, EVERYTHING, formatShare } from "../model/share.ts";

/** What a release would do to the pool, by arithmetic alone. Loads are parts of all traffic, 0 to 1. */
export interface Arithmetic {
  readonly release: ReleaseId;
  readonly from: ReleaseId | null;
  readonly order: readonly SlotKey[];
  readonly maxUnavailable: number;
  readonly steps: readonly ArithmeticStep[];
  readonly worst: { readonly load: number; readonly even: number; readonly when: string };
  readonly wayBack: { readonly load: number; readonly when: string };
}

interface ArithmeticStep {
  readonly share: number;
  readonly canarySlots: number;
  readonly stableSlots: number;
  readonly bake: number;
  readonly approve: boolean;
}

export function arithmeticOf(
  application: Application,
  release: ReleaseId,
  from: ReleaseId | null,
): Arithmetic | AppError {
  const { policy } = application;
  const order = poolOf(application.hosts).map((slot) => slot.key);
  const n = order.length;
  const u = Math.max(1, Math.min(policy.maxUnavailable, n - 1));
  if (n < 2) return appError("pool.too-small", "a pool of one slot cannot be released smoothly");
  const steps = policy.steps.map((step) => {
    const canarySlots = from === null ? n : (step.slots ?? canarySlotsFor(step.share, n, u));
    const { share, bake, approve } = step;
    return { share, canarySlots, stableSlots: n - canarySlots, bake, approve };
  });
  const worst = { load: 1 / (n - u), even: 1 / n, when: `while ${u} of ${n} slots is being updated` };
  return { release, from, order, maxUnavailable: u, steps, worst, wayBack: wayBackOf(application, n, u) };
}

/**
 * The heaviest moment of going back: at the last step, when the fewest stable slots are left to return to.
 */
function wayBackOf(application: Application, n: number, u: number): { load: number; when: string } {
  const { maxLoad } = application.policy;
  const { share } = wayBack(n, u, maxLoad);
  const returned = basisPoints(EVERYTHING - share);
  const kept = Math.max(1, Math.ceil((share * n) / (EVERYTHING * maxLoad)));
  const load = Math.max(returned / EVERYTHING / u, share / EVERYTHING / kept);
  const when =
    share === 0
      ? "all users return at once, in one switch"
      : `at 100 %, ${formatShare(returned)} of the users return at once; the rest follow as slots return`;
  return { load, when };
}

import { appError, type AppError } from "../base/errors.ts";
import { poolOf, slotHosts, withoutHosts, type Application } from "../model/application.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";

const begun = ({ release }: Rollout, what: string): AppError =>
  appError("rollout.refused", `the rollout of ${release} was begun ${what}`, {
    hint:
      "put it back into the file as it was until this rollout is over; of a host that never comes back the " +
      "guide tells, under `A host that is lost`",
  });

/**
 * The file's pool is another one than the rollout was begun with: what it has lost nobody could bring to
 * where it belongs, and a gateway's groups are of the file's slots in the file's order, so that the
 * rollout's routing could not be written. At another root nothing would be seen of what runs.
 */
export function outgrown(rollout: Rollout, application: Application): AppError | null {
  const { plan, excluded } = rollout;
  const pool = poolOf(withoutHosts(application, excluded).hosts).map(({ key }) => key);
  const names = new Set(application.gateways.map(({ name }) => name));
  const missing = [
    ...without(plan.slots, pool),
    ...plan.gateways.filter((name) => !names.has(name)).map((name) => `gateway ${name}`),
  ];
  if (missing.length > 0) return begun(rollout, `with ${missing.join(", ")}, which the file no longer has`);
  const added = without(pool, plan.slots);
  if (added.length > 0) return begun(rollout, `without ${added.join(", ")}, which the file has now`);
  if (!pool.every((slot, i) => slot === plan.slots[i])) {
    return begun(
      rollout,
      `with slots in the order ${plan.slots.join(", ")}; the file has ${pool.join(", ")}`,
    );
  }
  const moved = slotHosts(application.hosts).find(({ name, root }) => (plan.rootOf?.[name] ?? root) !== root);
  if (moved === undefined) return null;
  return begun(
    rollout,
    `with root ${plan.rootOf?.[moved.name]} of ${moved.name}; the file has ${moved.root}`,
  );
}

function without(slots: readonly SlotKey[], others: readonly SlotKey[]): readonly string[] {
  const known = new Set(others);
  return slots.filter((slot) => !known.has(slot)).map((slot) => `slot ${slot}`);
}

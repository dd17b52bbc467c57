import { appError, type AppError } from "../base/errors.ts";
import { poolOf, type Application } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";

/** What a rollout was begun with and the file no longer has: nobody could bring it to where it belongs. */
export function outgrown({ release, plan }: Rollout, { hosts, gateways }: Application): AppError | null {
  const slots = new Set(poolOf(hosts).map(({ key }) => key));
  const names = new Set(gateways.map(({ name }) => name));
  const missing = [
    ...plan.slots.filter((slot) => !slots.has(slot)).map((slot) => `slot ${slot}`),
    ...plan.gateways.filter((name) => !names.has(name)).map((name) => `gateway ${name}`),
  ];
  if (missing.length === 0) return null;
  const what = `the rollout of ${release} was begun with ${missing.join(", ")}`;
  return appError("rollout.refused", `${what}, which the file no longer has`, {
    hint: "put it back into the file as it was until this rollout is over",
  });
}

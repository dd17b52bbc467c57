import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { poolOf, type Application } from "../model/application.ts";
import { generation, type RolloutId } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Outcome } from "../model/outcome.ts";
import { sameRouting, type RoutingTable } from "../model/routing.ts";
import { NOTHING } from "../model/share.ts";
import { lookOnce } from "./observer.ts";
import type { EnginePorts } from "./ports.ts";
import { newestGeneration } from "./preflight.ts";

/**
 * Makes every gateway ready to serve what runs already: all slots stable, nothing in them touched. Whoever
 * leads users to the gateways' snippet afterwards leads them to the same slots as before.
 */
export async function serveWhatRuns(
  application: Application,
  ports: EnginePorts,
  by: string,
): Promise<Result<RoutingTable, AppError>> {
  const lease = await ports.lease.acquire(application.name, by);
  if (!lease.ok) return lease;
  try {
    return await serve(application, ports);
  } finally {
    await ports.lease.release(application.name, lease.value);
  }
}

async function serve(application: Application, ports: EnginePorts): Promise<Result<RoutingTable, AppError>> {
  const saved = await ports.journal.load(application.name);
  if (!saved.ok) return saved;
  const seen = await lookOnce(application, ports, { stable: saved.value.stable, count: false });
  const obstacle = obstacleTo(application, seen);
  if (obstacle !== null) return err(obstacle);
  const stable = poolOf(application.hosts).map(({ key }) => key);
  const table: RoutingTable = {
    writer: ports.ids.next() as RolloutId,
    generation: generation(newestGeneration(seen, saved.value.generation) + 1),
    routing: { canary: [], stable, share: NOTHING },
  };
  for (const step of ["prepare", "commit"] as const) {
    const outcomes = await Promise.all(
      application.gateways.map((gateway) => ports.gateways[step](gateway, table)),
    );
    const trouble = outcomes.find((outcome) => outcome.kind !== "done");
    if (trouble !== undefined) return err(errorIn(trouble));
  }
  return confirmed(application, ports, table);
}

const errorIn = (outcome: Outcome): AppError =>
  outcome.kind === "done" ? appError("gateway.absent", "nothing failed") : outcome.error;

async function confirmed(
  application: Application,
  ports: EnginePorts,
  table: RoutingTable,
): Promise<Result<RoutingTable, AppError>> {
  for (const gateway of application.gateways) {
    const state = await ports.gateways.observe(gateway, []);
    const isThere =
      state.known &&
      state.value.serving &&
      state.value.routing !== null &&
      sameRouting(state.value.routing, table.routing);
    if (!isThere) {
      const why = state.known ? "it routes something else" : state.why;
      return err(appError("gateway.absent", `${gateway.name}: the switch was made and is not seen: ${why}`));
    }
  }
  return ok(table);
}

/** Only what serves can be taken over. */
function obstacleTo(application: Application, seen: Observation): AppError | null {
  const lines = poolOf(application.hosts).flatMap(({ key }) => {
    const state = seen.slots[key];
    const health = seen.health[key];
    if (state?.known !== true) return [`${key}: ${state?.why ?? "it was not asked"}`];
    if (state.value.release === null) return [`${key}: there is nothing in its directory`];
    if (state.value.process !== "running") return [`${key}: it does not run, says run.status`];
    if (health?.known !== true || !health.value.healthy) {
      return [`${key}: not healthy: ${health?.known === true ? health.value.answer : "it was not asked"}`];
    }
    return [];
  });
  if (lines.length === 0) return null;
  return appError(
    "rollout.refused",
    `${application.name}: not every slot is seen to serve; nothing was changed`,
    {
      details: lines.join("\n"),
      hint: "correct hosts, run and health in the file until `glidepath status` shows all slots healthy",
    },
  );
}

import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Application, RunSpec, Slot } from "../model/application.ts";
import { poolOf, withoutHosts } from "../model/application.ts";
import type { Generation, HostName, ReleaseId, RolloutId, SlotKey } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Saved } from "../ports/journal.ts";
import { alreadyThere, createRollout } from "../rollout/create.ts";
import { unequalIn } from "../rollout/unequal.ts";
import { limit } from "./limit.ts";
import { servedIn } from "./served.ts";
import { lookOnce } from "./observer.ts";
import type { EnginePorts } from "./ports.ts";

interface Wanted {
  readonly kind: Rollout["kind"];
  readonly release: ReleaseId;
  readonly saved: Saved;
  readonly observe: boolean;
  readonly probe: boolean;
}

/** What a new rollout starts from: what the store says, held against what is really there. */
export async function beginning(
  application: Application,
  ports: EnginePorts,
  { kind, release, saved, observe, probe }: Wanted,
): Promise<Result<{ rollout: Rollout; stable: ReleaseId | null }, AppError>> {
  const { seen, obstacle } = await lookBefore(application, ports, saved);
  if (obstacle !== null) return err(obstacle);
  const stable = stableOf(application, seen, saved);
  if (!stable.ok) return stable;
  const elsewhere =
    foreignPool(application, seen) ?? (await movedPool(application, ports, { seen, stable: stable.value }));
  if (elsewhere !== null) return err(elsewhere);
  const unequal = unequalIn(application, seen, { stable: stable.value, excluded: excludedBy(saved) });
  const mixed = release === stable.value ? notEverywhere(release, unequal.strays) : null;
  if (mixed !== null && !isDown(application, seen)) return err(mixed);
  const rollout = createRollout(application, {
    id: ports.ids.next() as RolloutId,
    kind,
    release,
    from: release === stable.value && isDown(application, seen) ? null : stable.value,
    generation: newestGeneration(seen, saved.generation),
    now: ports.clock.now(),
    observe,
    probe,
    runs: await runsBefore(application, ports),
    ...unequal,
  });
  return rollout.ok ? ok({ rollout: rollout.value, stable: stable.value }) : rollout;
}

async function lookBefore(
  application: Application,
  ports: EnginePorts,
  { stable }: Saved,
): Promise<{ readonly seen: Observation; readonly obstacle: AppError | null }> {
  const [seen, unready] = await Promise.all([
    lookOnce(application, ports, { stable, count: false }),
    unreadyGateway(application, ports),
  ]);
  return { seen, obstacle: obstacleTo(application, seen) ?? unready };
}

/**
 * What would refuse a release once the rollout that is under way has given way to it: that one goes back for
 * nothing then.
 */
export async function obstacleBefore(
  application: Application,
  ports: EnginePorts,
  { release, sha256 }: { readonly release: ReleaseId; readonly sha256: string | null },
): Promise<AppError | null> {
  const saved = await ports.journal.load(application.name);
  if (!saved.ok) return saved.error;
  if (saved.value.stable === release) return alreadyThere(release);
  const { obstacle } = await lookBefore(application, ports, saved.value);
  if (obstacle !== null) return obstacle;
  const { signal } = new AbortController();
  const fetched = await ports.artifacts.fetch(release, { sha256, signal, onProgress: () => undefined });
  return fetched.ok ? null : fetched.error;
}

/** Only a rollout brings slots anywhere, and this one has nowhere to go. */
function notEverywhere(release: ReleaseId, strays: readonly SlotKey[]): AppError | null {
  if (strays.length === 0) return null;
  const others = strays.join(", ");
  return appError("rollout.refused", `${release} is what runs already, but not in ${others}`, {
    hint:
      `release any other: it brings ${others} to ${release} before anything else; ` +
      "`glidepath abort` leaves it at that",
  });
}

/** Hosts that the last rollout left out. */
const excludedBy = ({ rollout }: Saved): readonly HostName[] => rollout?.excluded ?? [];

/** How many rollouts back a release is remembered. */
const HISTORY = 200;

/** How each release was run when it last came to serve. */
async function runsBefore(application: Application, { journal }: EnginePorts): Promise<Rollout["runs"]> {
  const runs: Record<ReleaseId, RunSpec> = {};
  for (const { rollout } of (await journal.history(application.name, HISTORY)).toReversed()) {
    const run = rollout.runs[rollout.release];
    if (rollout.phase.name === "completed" && run !== undefined) runs[rollout.release] = run;
  }
  return runs;
}

/** Nothing runs anywhere, as after a reboot: then the release that was stable can be brought up anew. */
const isDown = (application: Application, seen: Observation): boolean =>
  poolOf(application.hosts).every(({ key }) => {
    const state = seen.slots[key];
    const health = seen.health[key];
    return (
      state?.known === true && state.value.process === "stopped" && !(health?.known && health.value.healthy)
    );
  });

/**
 * The newest generation of the store and of everything that was seen: a lost store must not lead to older
 * writes.
 */
export function newestGeneration(seen: Observation, known: Generation): Generation {
  const all = [...Object.values(seen.slots), ...Object.values(seen.gateways)];
  return all.reduce((most, each) => {
    const written = each.known ? each.value.generation : most;
    return written > most ? written : most;
  }, known);
}

/** Everybody must answer before a release begins; what dies later is another matter. */
function obstacleTo(application: Application, seen: Observation): AppError | null {
  for (const slot of poolOf(application.hosts)) {
    const state = seen.slots[slot.key];
    if (state?.known !== true) {
      return appError(
        "host.unreachable",
        `${slot.key} does not answer: ${state?.why ?? "it was not asked"}`,
        {
          hint: "`glidepath check` looks closer; no traffic was touched",
        },
      );
    }
  }
  for (const gateway of application.gateways) {
    const state = seen.gateways[gateway.name];
    if (state?.known !== true) {
      const why = state?.why ?? "it was not asked";
      return appError("host.unreachable", `the gateway ${gateway.name} does not answer: ${why}`);
    }
    if (!state.value.running && !application.gateway.passive) {
      return appError("gateway.not-running", `nginx is not running on ${gateway.name} (${gateway.main})`, {
        hint: "start it (`systemctl start nginx`), then try again; no traffic was touched",
      });
    }
  }
  return null;
}

const MOST_ASKED = 64;

/** What a gateway would refuse when it comes to it: now nothing is fetched, and no slot has left yet. */
async function unreadyGateway(
  { gateways }: Application,
  ports: Pick<EnginePorts, "gateways">,
): Promise<AppError | null> {
  const limited = limit(MOST_ASKED);
  const all = await Promise.all(gateways.map((gateway) => limited(() => ports.gateways.refusal(gateway))));
  return all.find((refusal) => refusal !== null) ?? null;
}

/**
 * Slots are known by their host's name and their port. One to which nobody is led, and that runs all the same
 * while users are led to its port on a host that the file no longer has, serves under that other name. And
 * where users are led to nobody of the pool, nobody could take a slot's place meanwhile.
 */
function foreignPool(application: Application, seen: Observation): AppError | null {
  const pool = poolOf(application.hosts);
  const keys = new Set(pool.map(({ key }) => key));
  const led = ledTo(seen);
  const foreign = led.filter((key) => !keys.has(key));
  const isRenamed = ({ key, port }: Slot): boolean => {
    const state = seen.slots[key];
    const runs = state?.known === true && state.value.process === "running";
    return runs && !led.includes(key) && foreign.some((other) => other.endsWith(`:${port}`));
  };
  const areAll = led.length > 0 && foreign.length === led.length;
  if (!areAll && !pool.some(isRenamed)) return null;
  const served = [...new Set(foreign)].join(", ");
  return appError("rollout.refused", `users are led to ${served}, which the file does not have as a slot`, {
    hint: "keep the hosts' names, and some of these slots for one more release; no traffic was touched",
  });
}

const ledTo = ({ gateways }: Observation): readonly SlotKey[] =>
  Object.values(gateways).flatMap((state) =>
    state.known && state.value.routing !== null
      ? state.value.routing.canary.concat(state.value.routing.stable)
      : [],
  );

/** A slot serves users, and nothing is where the file has it: it runs on somewhere else. */
async function movedPool(
  application: Application,
  { probes }: EnginePorts,
  { seen, stable }: { readonly seen: Observation; readonly stable: ReleaseId | null },
): Promise<AppError | null> {
  const led = new Set(ledTo(seen));
  const isEmpty = ({ key }: Slot): boolean => {
    const state = seen.slots[key];
    return state?.known === true && state.value.release === null;
  };
  if (stable === null) return null;
  const empty = poolOf(application.hosts).filter((slot) => led.has(slot.key) && isEmpty(slot));
  const limited = limit(MOST_ASKED);
  const healths = await Promise.all(empty.map((slot) => limited(() => probes.health(slot, stable))));
  const moved = empty.filter((_, i) => healths[i]?.healthy === true);
  if (moved.length === 0) return null;
  const places = moved.map(({ key, dir }) => `${key} (${dir})`).join(", ");
  const removed =
    application.run.kind === "static"
      ? "put any file into these directories: the next release takes its place"
      : "end the slots' processes: the next release brings them up again";
  return appError(
    "rollout.refused",
    `users are served by slots that are not where the file has them: ${places}`,
    {
      hint:
        "put root and dir of their hosts back as they were. If what lay there was removed, " +
        `${removed}. No traffic was touched`,
    },
  );
}

/**
 * What all slots run: by the store, or, where the store knows nothing, by the slots and the gateways. A store
 * from a backup may name what too few still run to carry everybody: where others do, theirs is the release.
 */
function stableOf(
  application: Application,
  seen: Observation,
  saved: Saved,
): Result<ReleaseId | null, AppError> {
  if (saved.stable !== null) {
    const pool = poolOf(application.hosts);
    const left = pool.filter(({ key }) => {
      const state = seen.slots[key];
      return state?.known === true && state.value.release === saved.stable;
    });
    const canCarry = left.length * application.policy.maxLoad >= pool.length;
    return ok(canCarry ? saved.stable : (servedIn(application, seen) ?? saved.stable));
  }
  const found = poolOf(withoutHosts(application, excludedBy(saved)).hosts).map(({ key }) => {
    const state = seen.slots[key];
    return { key, release: state?.known === true ? state.value.release : null };
  });
  const releases = [...new Set(found.map(({ release }) => release))];
  if (releases.length === 1) return ok(releases[0] ?? null);
  const served = servedIn(application, seen);
  if (served !== null) return ok(served);
  const list = found.map(({ key, release }) => `${key}: ${release ?? "nothing"}`).join("\n");
  return err(
    appError(
      "rollout.refused",
      `the slots of ${application.name} do not all run the same, and the store knows no release`,
      {
        details: list,
        hint: "put the store back (`state` in the file), or bring all slots to one release by hand",
      },
    ),
  );
}

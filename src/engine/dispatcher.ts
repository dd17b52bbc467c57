import { InvariantError, present, unreachable } from "../base/assert.ts";
import { appError } from "../base/errors.ts";
import type { Application, Gateway, RunSpec, Slot } from "../model/application.ts";
import { poolOf } from "../model/application.ts";
import {
  ADOPTED,
  type Generation,
  type HostName,
  type ReleaseId,
  type SlotKey,
  type Stamp,
} from "../model/ids.ts";
import { DONE, refused, unknown, type Outcome } from "../model/outcome.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Artifact } from "../ports/artifact.ts";
import type { Action } from "../rollout/actions.ts";
import { isNewcomer } from "../rollout/evolve.ts";
import { limit } from "./limit.ts";
import type { EnginePorts } from "./ports.ts";

export interface DispatchContext {
  readonly application: Application;
  readonly ports: EnginePorts;
  /** The digest given on the command line, if any. */
  readonly sha256: string | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { received: number; total: number | null }) => void;
}

export type Dispatch = (action: Action, rollout: Rollout) => Promise<Outcome>;

/**
 * Turns actions into calls of the ports. What a port throws is a defect of its driver: the outcome is
 * unknown.
 */
export function createDispatcher(context: DispatchContext): Dispatch {
  const fetched: { artifact: Artifact | null } = { artifact: null };
  const lanes = { host: limit(MOST_WRITES), gateway: limit(MOST_WRITES) };
  return async (action, rollout) => {
    const work = (): Promise<Outcome> => perform(action, { ...context, rollout, fetched });
    const lane = laneOf(action);
    try {
      return await (lane === null ? work() : lanes[lane](work));
    } catch (cause) {
      const error = appError("host.command", `${action.key}: ${String(cause)}`);
      return cause instanceof InvariantError ? refused(error) : unknown(error);
    }
  };
}

/** Writes at once: each may be a process here. What is slow on hosts never holds up a switch. */
const MOST_WRITES = 64;

function laneOf({ kind }: Action): "host" | "gateway" | null {
  if (kind === "prepare" || kind === "commit") return "gateway";
  return kind === "stage" || kind === "stop" || kind === "ask" || kind === "switch" || kind === "start"
    ? "host"
    : null;
}

interface Performing extends DispatchContext {
  readonly rollout: Rollout;
  readonly fetched: { artifact: Artifact | null };
}

function perform(action: Action, performing: Performing): Promise<Outcome> {
  const { ports, application, rollout } = performing;
  switch (action.kind) {
    case "fetch":
      return fetch(performing);
    case "stage":
      return stage(action.host, performing);
    case "hook":
      return ports.hooks.run({
        app: application.name,
        run: action.hook,
        rollout: rollout.id,
        release: rollout.release,
        from: rollout.from,
        reason: rollout.aborted?.error.message ?? null,
      });
    case "stop":
      return ports.slots.stop(slotOf(application, action.slot), stampOf(rollout, action));
    case "switch":
      return ports.slots.switch(slotOf(application, action.slot), action.release, stampOf(rollout, action));
    case "start":
      return ports.slots.start(
        slotOf(application, action.slot),
        stampOf(rollout, action),
        runOf(rollout, action.slot),
      );
    case "warm":
      return ports.probes.warm(slotOf(application, action.slot), action.release, action.index);
    case "smoke":
      return ports.probes.smoke(slotOf(application, action.slot), action.release, action.index);
    case "ask":
      return ports.slots.ask(slotOf(application, action.slot), action.ask, stampOf(rollout, action));
    case "prepare":
      return ports.gateways.prepare(gatewayOf(application, action.gateway), action.table);
    case "commit":
      return ports.gateways.commit(gatewayOf(application, action.gateway), action.table);
    case "withdraw":
      return ports.gateways.withdraw(gatewayOf(application, action.gateway), action.table);
    default:
      return unreachable(action);
  }
}

const stampOf = (rollout: Rollout, action: { readonly generation: Generation }): Stamp => ({
  generation: action.generation,
  writer: rollout.id,
});

/** How the release is run that the slot is on its way to. */
function runOf({ slots, runs }: Rollout, slot: SlotKey): RunSpec | undefined {
  const course = slots[slot];
  return course === undefined || !("target" in course) || course.target === null
    ? undefined
    : runs[course.target];
}

/** A rollback needs no download where the release is still unpacked on every host. */
async function fetch(performing: Performing): Promise<Outcome> {
  const { ports, rollout, sha256, signal, onProgress, fetched } = performing;
  if (rollout.kind === "rollback") {
    const there = await Promise.all(rollout.plan.hosts.map((host) => isInstalled(host, performing)));
    if (there.every(Boolean)) return DONE;
  }
  const got = await ports.artifacts.fetch(rollout.release, { sha256, onProgress, signal });
  if (!got.ok) return signal.aborted ? unknown(got.error) : refused(got.error);
  fetched.artifact = got.value;
  return DONE;
}

async function stage(host: HostName, performing: Performing): Promise<Outcome> {
  const { ports, rollout, fetched } = performing;
  const former = await stageFormer(host, performing);
  if (former.kind !== "done") return former;
  if (rollout.kind === "rollback" && (await isInstalled(host, performing))) return DONE;
  if (fetched.artifact === null) {
    const got = await fetch(performing);
    if (got.kind !== "done") return got;
  }
  return ports.artifacts.stage(host, present(fetched.artifact, "the fetched artifact"));
}

/** Slots that are new to the pool serve the stable release first: it must be there too. */
async function stageFormer(host: HostName, performing: Performing): Promise<Outcome> {
  const { ports, application, rollout, signal, onProgress } = performing;
  const { from } = rollout;
  const slots = application.hosts.find(({ name }) => name === host)?.slots ?? [];
  const isNew = slots.some(({ key }) => isNewcomer(rollout, key));
  if (from === null || !isNew || (await isInstalled(host, performing, from))) return DONE;
  const got = await ports.artifacts.fetch(from, { sha256: null, onProgress, signal });
  if (!got.ok) return signal.aborted ? unknown(got.error) : refused(got.error);
  return ports.artifacts.stage(host, got.value);
}

async function isInstalled(
  host: HostName,
  { ports, rollout }: Performing,
  release: ReleaseId = rollout.release,
): Promise<boolean> {
  if (release === ADOPTED) return true;
  const installed = await ports.artifacts.installed(host);
  return installed.ok && installed.value.includes(release);
}

const pools = new WeakMap<Application, ReadonlyMap<SlotKey, Slot>>();

/** Looked up by name in a large pool, many times a turn. */
function poolMap(application: Application): ReadonlyMap<SlotKey, Slot> {
  const known = pools.get(application);
  if (known !== undefined) return known;
  const slots = new Map(poolOf(application.hosts).map((slot) => [slot.key, slot]));
  pools.set(application, slots);
  return slots;
}

export const slotOf = (application: Application, key: SlotKey): Slot =>
  present(poolMap(application).get(key), `slot ${key}`);

export const gatewayOf = (application: Application, name: HostName): Gateway =>
  present(
    application.gateways.find((gateway) => gateway.name === name),
    `gateway ${name}`,
  );

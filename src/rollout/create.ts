import { assert } from "../base/assert.ts";
import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { millis, minutes, seconds, type Instant } from "../base/time.ts";
import { requestsOfLook } from "../model/analysis.ts";
import {
  HOOKS,
  poolOf,
  slotHosts,
  type Application,
  type Host,
  type RunSpec,
  type Step,
} from "../model/application.ts";
import type { Generation, HostName, ReleaseId, RolloutId, SlotKey } from "../model/ids.ts";
import type { PlannedAnalysis, Rollout, RolloutPlan, SlotCourse } from "../model/rollout.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import { asOne, leave, stop } from "./evolve.ts";
import { FOUND } from "./look.ts";
import { pinned } from "./pins.ts";

export interface Beginning {
  readonly id: RolloutId;
  readonly kind: "release" | "rollback";
  readonly release: ReleaseId;
  readonly from: ReleaseId | null;
  /** The newest generation ever seen anywhere. */
  readonly generation: Generation;
  readonly now: Instant;
  /** Slots that hold nothing yet though the others serve: they are brought to the stable release first. */
  readonly newcomers: readonly SlotKey[];
  /** The verdicts of its analysis are told and move nothing. */
  readonly observe: boolean;
  /** Requests of our own go through the gateways meanwhile. */
  readonly probe?: boolean;
  /** Slots that were left out with a lost host and serve something, or nobody: brought there likewise. */
  readonly strays?: readonly SlotKey[];
  /** The gateways do not all route what is stable, or to what is: the first switch makes them. */
  readonly apart?: boolean;
  /** How releases that served before were run. */
  readonly runs: Rollout["runs"];
}

/** A rollout at its start, with its plan fixed. */
export function createRollout(application: Application, beginning: Beginning): Result<Rollout, AppError> {
  const { id, kind, release, from, generation, now, newcomers, strays = [], apart = false } = beginning;
  const pool = poolOf(application.hosts);
  if (pool.length < 2) return err(tooSmall(application));
  if (release === from) return err(alreadyThere(release));
  const settled: SlotCourse = { at: "settled", release: from };
  const slots = pool.map((slot) => slot.key);
  const rollout: Rollout = {
    id,
    app: application.name,
    kind,
    release,
    from,
    plan: planOf(application, beginning),
    runs: runsOf(application, beginning),
    generation,
    phase: { name: "staging", fetched: false, staged: [] },
    routing: { canary: [], stable: from === null ? [] : slots, share: NOTHING },
    unsettled: false,
    landing: [],
    change: null,
    excluded: [],
    slots: Object.fromEntries(slots.map((slot) => [slot, settled])),
    step: 0,
    hook: null,
    hooked: {},
    paused: null,
    aborted: null,
    startedAt: now,
    endedAt: null,
    progressAt: now,
    because: `fetching ${release}`,
    cut: 0,
    touched: false,
    orderTaken: 0,
  };
  const settledIn = { ...rollout, routing: pinned(rollout, rollout.routing) };
  if (from === null) return ok(settledIn);
  return ok({ ...withNewcomers(settledIn, newcomers, strays), unsettled: apart, touched: false });
}

/** A pool that has grown: what is new in it serves what the others serve before anything else happens. */
export function withNewcomers(
  rollout: Rollout,
  newcomers: readonly SlotKey[],
  strays: readonly SlotKey[],
): Rollout {
  const isNew = new Set([...newcomers, ...strays]);
  const stable = rollout.plan.slots.filter((slot) => !isNew.has(slot));
  const known: Rollout = { ...rollout, routing: { ...rollout.routing, stable } };
  const to = { target: rollout.from, now: rollout.startedAt };
  return asOne(() => {
    const begun = newcomers.reduce((r, slot) => stop(r, slot, to), known);
    return strays.reduce((r, slot) => leave(r, slot, to), begun);
  });
}

/** A rollback, and a first release, which nobody could compare with anything, go straight to everything. */
const STRAIGHT: readonly Step[] = [{ share: EVERYTHING, bake: millis(0), approve: false }];

/** A new release runs as the file says; one that served before runs as it did then. */
function runsOf(application: Application, { kind, release, from, runs }: Beginning): Rollout["runs"] {
  const before = (id: ReleaseId): RunSpec => runs[id] ?? application.run;
  const wanted = kind === "rollback" ? before(release) : application.run;
  return { ...(from === null ? {} : { [from]: before(from) }), [release]: wanted };
}

/** In which nginx writes that it has given up, and the judge reads it. */
const AFTER_READ = seconds(5);
const LONGEST_LOOK = minutes(2);

const wholeAnswer = ({ readTimeout }: Application["gateway"]): number =>
  Math.max(FOUND, readTimeout + AFTER_READ);

/** Whoever goes back to what served before knows why; and a first release has nothing to be compared with. */
function analysisOf(
  { analysis, gateway, policy }: Application,
  { kind, from, observe }: Beginning,
): PlannedAnalysis | null {
  if (analysis === null || gateway.passive || kind === "rollback" || from === null) return null;
  const { early, look } = analysis;
  return {
    observe: observe || analysis.observe,
    early,
    look: {
      requests: requestsOfLook(analysis),
      atMost: look,
      longest: millis(Math.min(wholeAnswer(gateway), LONGEST_LOOK, policy.progressDeadline / 2)),
    },
  };
}

/** Before the first release nothing is served that could be lost. */
const isProbed = (application: Application, { from, probe = false }: Beginning): boolean =>
  from !== null && (probe || application.probe.always);

function planOf(application: Application, beginning: Beginning): RolloutPlan {
  const { policy, hosts, gateways, hooks } = application;
  const isStraight = beginning.from === null || beginning.kind === "rollback";
  const pool = poolOf(hosts);
  const last = policy.steps.at(-1);
  assert(last?.share === EVERYTHING, "the last step is 100 %");
  const names: readonly HostName[] = gateways.map((gateway) => gateway.name);
  const hostOf: Record<SlotKey, HostName> = Object.fromEntries(pool.map((slot) => [slot.key, slot.host]));
  return {
    slots: pool.map((slot) => slot.key),
    hosts: slotHosts(hosts).map((host) => host.name),
    gateways: names,
    hostOf,
    rootOf: Object.fromEntries(slotHosts(hosts).map(({ name, root }) => [name, root])),
    groups: groupsOf(hosts),
    steps: isStraight ? STRAIGHT : policy.steps,
    split: application.gateway.split,
    ...(application.gateway.pin === undefined ? {} : { pin: application.gateway.pin }),
    maxUnavailable: Math.max(1, Math.min(policy.maxUnavailable, pool.length - 1)),
    maxLoad: policy.maxLoad,
    drain: policy.drain,
    ...(policy.ramp === undefined ? {} : { ramp: policy.ramp }),
    ...(policy.drainKinds === undefined ? {} : { drainKinds: policy.drainKinds }),
    ...(policy.asks === undefined ? {} : { asks: policy.asks }),
    progressDeadline: policy.progressDeadline,
    onHostLost: policy.onHostLost,
    hostLostAfter: policy.hostLostAfter,
    healthyWithin: application.health.within,
    ...(application.warm === undefined ? {} : { warmUps: application.warm.length }),
    smokeChecks: application.smoke.length,
    passive: application.gateway.passive,
    analysis: analysisOf(application, beginning),
    ...(isProbed(application, beginning) ? { probe: true as const } : {}),
    hooks: HOOKS.filter((name) => hooks[name] !== undefined),
  };
}

/** The slots of each host and of each label; one of a single slot cannot be kept. */
function groupsOf(hosts: readonly Host[]): readonly (readonly SlotKey[])[] {
  const groups = new Map<string, SlotKey[]>();
  for (const { name, slots, labels = {} } of hosts) {
    const names = [`host ${name}`, ...Object.entries(labels).map(([label, value]) => `${label}=${value}`)];
    for (const group of names) {
      const members = groups.get(group) ?? [];
      members.push(...slots.map((slot) => slot.key));
      groups.set(group, members);
    }
  }
  return [...groups.values()].filter((members) => members.length > 1);
}

export const tooSmall = (application: Application): AppError =>
  appError(
    "pool.too-small",
    `${application.name} has a pool of one slot: while it is updated nobody could serve`,
    { hint: "add a second port to hosts[0].slots, e.g. `slots: [8001, 8002]`" },
  );

export const alreadyThere = (release: ReleaseId): AppError =>
  appError("rollout.refused", `${release} is what runs already`, {
    hint: "publish under a new release ID, or `glidepath rollback` to the release before",
  });

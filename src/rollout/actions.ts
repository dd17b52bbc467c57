import type { DrainAsk } from "../model/drain.ts";
import type { Generation, HostName, ReleaseId, SlotKey } from "../model/ids.ts";
import type { HookRun, Rollout, SlotCourse } from "../model/rollout.ts";
import type { RoutingTable } from "../model/routing.ts";
import { hookKey } from "./hooks.ts";
import { musterOf } from "./muster.ts";

/** What is to be done, as data. The same intent always has the same key. */
export type Action = { readonly key: string } & (
  | { readonly kind: "fetch" }
  | { readonly kind: "stage"; readonly host: HostName }
  | { readonly kind: "hook"; readonly hook: HookRun }
  | { readonly kind: "stop"; readonly slot: SlotKey; readonly generation: Generation }
  | {
      readonly kind: "switch";
      readonly slot: SlotKey;
      readonly generation: Generation;
      readonly release: ReleaseId | null;
    }
  | { readonly kind: "start"; readonly slot: SlotKey; readonly generation: Generation }
  | { readonly kind: "warm"; readonly slot: SlotKey; readonly release: ReleaseId; readonly index: number }
  | { readonly kind: "smoke"; readonly slot: SlotKey; readonly release: ReleaseId; readonly index: number }
  | {
      readonly kind: "ask";
      readonly slot: SlotKey;
      readonly generation: Generation;
      readonly ask: DrainAsk;
      readonly index: number;
    }
  | { readonly kind: "prepare"; readonly gateway: HostName; readonly table: RoutingTable }
  | { readonly kind: "commit"; readonly gateway: HostName; readonly table: RoutingTable }
  | { readonly kind: "withdraw"; readonly gateway: HostName; readonly table: RoutingTable }
);
export type ActionKind = Action["kind"];

/**
 * What the state asks for. Nothing is remembered here of what was asked before: an unchanged state gives the
 * same actions with the same keys, and the ledger knows which of them are under way.
 */
export function actionsOf(rollout: Rollout): readonly Action[] {
  return [
    ...phaseActions(rollout),
    ...hookActions(rollout),
    ...withdrawals(rollout),
    ...changeActions(rollout),
    ...slotActions(rollout),
  ];
}

function phaseActions(rollout: Rollout): readonly Action[] {
  const { phase } = rollout;
  if (phase.name === "staging") {
    if (!phase.fetched) return [{ kind: "fetch", key: "fetch" }];
    return unstaged(rollout).map((host) => ({ kind: "stage", key: `stage/${host}`, host }));
  }
  return [];
}

/** Hosts on which the release is not unpacked yet. */
export function unstaged({ phase, plan }: Rollout): readonly HostName[] {
  if (phase.name !== "staging") return [];
  const staged = new Set(phase.staged);
  return plan.hosts.filter((host) => !staged.has(host));
}

/** One that a process before this one began is only looked for. */
function hookActions({ hook }: Rollout): readonly Action[] {
  if (hook === null || hook.state === "unknown") return [];
  return [{ kind: "hook", key: `hook/${hookKey(hook)}/${hook.attempt}/${hook.state}`, hook }];
}

function withdrawals({ withdrawal }: Rollout): readonly Action[] {
  if (!withdrawal) return [];
  const { table, gateways } = withdrawal;
  const key = (gateway: HostName): string => `withdraw/${gateway}/${table.generation}`;
  return gateways.map((gateway) => ({ kind: "withdraw", key: key(gateway), gateway, table }));
}

/** Each gateway has a change written before it switches; forward none switches before all have. */
function changeActions(rollout: Rollout): readonly Action[] {
  const { id, change, plan } = rollout;
  if (change === null) return [];
  const { generation, routing, releases, without } = change;
  const table: RoutingTable = { generation, writer: id, routing, ...(releases && { releases }), ...without };
  const prepared = new Set(change.prepared);
  const willing = plan.gateways.filter((gateway) => change.refusals[gateway] === undefined);
  return willing.flatMap((gateway) => {
    const kind = prepared.has(gateway) ? "commit" : "prepare";
    if (kind === "commit" && change.stage === "preparing") return [];
    return [{ kind, key: `${kind}/${gateway}/${change.generation}`, gateway, table }];
  });
}

/** What a slot is to run is unpacked before it is touched. */
function slotActions(rollout: Rollout): readonly Action[] {
  if (rollout.phase.name === "staging") return NONE;
  return musterOf(rollout).moving.flatMap(({ slot }) => {
    const course = rollout.slots[slot];
    return course === undefined ? NONE : courseActions(rollout, slot, course);
  });
}

const NONE: readonly Action[] = [];

/** The state still asks for this very action. */
export function isAsked(rollout: Rollout, action: Action): boolean {
  switch (action.kind) {
    case "stage": {
      const { phase } = rollout;
      return phase.name === "staging" && phase.fetched && !phase.staged.includes(action.host);
    }
    case "fetch":
      return has(phaseActions(rollout), action);
    case "hook":
      return has(hookActions(rollout), action);
    case "withdraw":
      return has(withdrawals(rollout), action);
    case "prepare":
    case "commit":
      return has(changeActions(rollout), action);
    default: {
      const course = rollout.slots[action.slot];
      if (course === undefined || rollout.phase.name === "staging") return false;
      return has(courseActions(rollout, action.slot, course), action);
    }
  }
}

const has = (actions: readonly Action[], { key }: Action): boolean => actions.some((one) => one.key === key);

function courseActions({ plan }: Rollout, slot: SlotKey, course: SlotCourse): readonly Action[] {
  switch (course.at) {
    case "stopping":
    case "starting": {
      const kind = course.at === "stopping" ? "stop" : "start";
      return [{ kind, key: `${kind}/${slot}/${course.generation}`, slot, generation: course.generation }];
    }
    case "draining":
      return askActions(plan, slot, course);
    case "switching": {
      const key = `switch/${slot}/${course.generation}`;
      return [{ kind: "switch", key, slot, generation: course.generation, release: course.target }];
    }
    case "warming": {
      if (course.target === null || course.warmed >= (plan.warmUps ?? 0)) return [];
      const key = `warm/${slot}/${course.attempt}/${course.since}/${course.warmed}`;
      return [{ kind: "warm", key, slot, release: course.target, index: course.warmed }];
    }
    case "smoking": {
      if (course.target === null || course.passed >= plan.smokeChecks) return [];
      const key = `smoke/${slot}/${course.attempt}/${course.since}/${course.passed}`;
      return [{ kind: "smoke", key, slot, release: course.target, index: course.passed }];
    }
    default:
      return NONE;
  }
}

type Draining = Extract<SlotCourse, { at: "draining" }>;

function askActions({ asks = [] }: Rollout["plan"], slot: SlotKey, course: Draining): readonly Action[] {
  const { asking, attempt, since } = course;
  if (asking === undefined) return NONE;
  const { generation } = asking;
  return asking.due.flatMap((index): readonly Action[] => {
    const ask = asks[index];
    const key = `ask/${slot}/${attempt}/${since}/${index}`;
    if (ask === undefined || asking.over.includes(index)) return NONE;
    return [{ kind: "ask", key, slot, generation, ask, index }];
  });
}

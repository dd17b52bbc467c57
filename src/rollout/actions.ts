import type { Generation, HostName, ReleaseId, SlotKey } from "../model/ids.ts";
import type { HookRun, Rollout, SlotCourse } from "../model/rollout.ts";
import type { RoutingTable } from "../model/routing.ts";
import { hookKey } from "./hooks.ts";

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
  | { readonly kind: "smoke"; readonly slot: SlotKey; readonly release: ReleaseId; readonly index: number }
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
  const { phase, plan } = rollout;
  if (phase.name === "staging") {
    if (!phase.fetched) return [{ kind: "fetch", key: "fetch" }];
    const missing = plan.hosts.filter((host) => !phase.staged.includes(host));
    return missing.map((host) => ({ kind: "stage", key: `stage/${host}`, host }));
  }
  return [];
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
function changeActions({ id, change, plan, excluded }: Rollout): readonly Action[] {
  if (change === null) return [];
  const { generation, routing, releases } = change;
  const without = excluded.length === 0 ? {} : { excluded };
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
  if (rollout.phase.name === "staging") return [];
  return rollout.plan.slots.flatMap((slot) => {
    const course = rollout.slots[slot];
    return course === undefined ? [] : courseActions(slot, course, rollout.plan.smokeChecks);
  });
}

function courseActions(slot: SlotKey, course: SlotCourse, smokeChecks: number): readonly Action[] {
  switch (course.at) {
    case "stopping":
    case "starting": {
      const kind = course.at === "stopping" ? "stop" : "start";
      return [{ kind, key: `${kind}/${slot}/${course.generation}`, slot, generation: course.generation }];
    }
    case "switching": {
      const key = `switch/${slot}/${course.generation}`;
      return [{ kind: "switch", key, slot, generation: course.generation, release: course.target }];
    }
    case "smoking": {
      if (course.target === null || course.passed >= smokeChecks) return [];
      const key = `smoke/${slot}/${course.attempt}/${course.since}/${course.passed}`;
      return [{ kind: "smoke", key, slot, release: course.target, index: course.passed }];
    }
    default:
      return [];
  }
}

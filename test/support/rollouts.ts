import { instant, millis, minutes, seconds } from "../../src/base/time.ts";
import type { Step } from "../../src/model/application.ts";
import {
  generation,
  type HostName,
  type ReleaseId,
  type RolloutId,
  type SlotKey,
} from "../../src/model/ids.ts";
import type { Rollout } from "../../src/model/rollout.ts";
import { basisPoints, NOTHING } from "../../src/model/share.ts";

export const step = (share: number, extra: Partial<Step> = {}): Step => ({
  share: basisPoints(share),
  bake: millis(0),
  approve: false,
  ...extra,
});

export interface Shape {
  readonly n?: number;
  readonly u?: number;
  readonly steps?: readonly Step[];
  readonly from?: string | null;
  readonly smokeChecks?: number;
  readonly plan?: Partial<Rollout["plan"]>;
}

/** A rollout of `shop` from v1 to v2 at its start: two slots and one step of 100 % unless said. */
export function rolloutOf({
  n = 2,
  u = 1,
  steps = [step(10_000)],
  from = "v1",
  smokeChecks = 0,
  plan = {},
}: Shape = {}): Rollout {
  const host = "h" as HostName;
  const slots = Array.from({ length: n }, (_, i) => `h:${i + 1}` as SlotKey);
  const release = from as ReleaseId | null;
  return {
    id: "r1" as RolloutId,
    app: "shop" as Rollout["app"],
    kind: "release",
    release: "v2" as ReleaseId,
    from: release,
    plan: {
      slots,
      hosts: [host],
      gateways: [host],
      hostOf: Object.fromEntries(slots.map((slot) => [slot, host])),
      groups: [],
      steps,
      split: "users",
      maxUnavailable: u,
      maxLoad: 2,
      drain: seconds(30),
      progressDeadline: minutes(10),
      onHostLost: "wait",
      hostLostAfter: seconds(30),
      healthyWithin: seconds(60),
      smokeChecks,
      passive: false,
      analysis: null,
      hooks: [],
      ...plan,
    },
    generation: generation(0),
    phase: { name: "staging", fetched: false, staged: [] },
    routing: { canary: [], stable: release === null ? [] : slots, share: NOTHING },
    unsettled: false,
    landing: [],
    change: null,
    excluded: [],
    slots: Object.fromEntries(slots.map((slot) => [slot, { at: "settled", release }])),
    step: 0,
    hook: null,
    hooked: {},
    paused: null,
    aborted: null,
    startedAt: instant(1_000_000),
    endedAt: null,
    progressAt: instant(1_000_000),
    because: "",
    cut: 0,
    runs: {},
    touched: false,
    orderTaken: 0,
  };
}

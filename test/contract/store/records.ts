import { instant, seconds, type Instant } from "../../../src/base/time.ts";
import { generation, type AppName, type ReleaseId, type RolloutId } from "../../../src/model/ids.ts";
import type { Rollout } from "../../../src/model/rollout.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { Entry } from "../../../src/ports/journal.ts";

export const SHOP = "shop" as AppName;

export function rollout(id: string, overrides: Partial<Rollout> = {}): Rollout {
  return {
    id: id as RolloutId,
    app: SHOP,
    kind: "release",
    release: "v2" as ReleaseId,
    from: "v1" as ReleaseId,
    plan: {
      slots: [],
      hosts: [],
      gateways: [],
      hostOf: {},
      groups: [],
      steps: [],
      split: "users",
      maxUnavailable: 1,
      maxLoad: 2,
      drain: seconds(30),
      progressDeadline: seconds(600),
      onHostLost: "wait",
      hostLostAfter: seconds(30),
      healthyWithin: seconds(60),
      smokeChecks: 0,
      passive: false,
      analysis: null,
      hooks: [],
    },
    generation: generation(1),
    phase: { name: "updating" },
    routing: { canary: [], stable: [], share: basisPoints(0) },
    change: null,
    excluded: [],
    slots: {},
    step: 0,
    hook: null,
    hooked: {},
    paused: null,
    aborted: null,
    unsettled: false,
    landing: [],
    runs: {},
    touched: false,
    orderTaken: 0,
    startedAt: instant(1_000_000),
    endedAt: null,
    progressAt: instant(1_000_000),
    because: "",
    cut: 0,
    ...overrides,
  };
}

export const entry = (because: string, at: Instant = instant(1_000_000)): Entry => ({
  at,
  kind: "decided",
  because,
  data: { because },
});

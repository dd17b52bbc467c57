import { describe, expect, it } from "vitest";
import { instant, minutes, seconds } from "../../src/base/time.ts";
import { createRollout } from "../../src/rollout/create.ts";
import { generation, type RolloutId } from "../../src/model/ids.ts";
import { ANALYSIS, scenarioOf, SMOOTH } from "../../src/sim/scenario.ts";

describe("a look that alarms", () => {
  it.each([
    { readTimeout: seconds(5), deadline: minutes(10), lasts: seconds(30) },
    { readTimeout: seconds(60), deadline: minutes(10), lasts: seconds(65) },
    { readTimeout: minutes(60), deadline: minutes(10), lasts: minutes(2) },
    { readTimeout: seconds(60), deadline: minutes(1), lasts: seconds(30) },
  ])(
    "ends before nothing has moved for too long: $lasts of $deadline ms, answers taking up to $readTimeout",
    ({ readTimeout, deadline, lasts }) => {
      const { application, stable, canary } = scenarioOf(SMOOTH);
      const { gateway, policy } = application;
      const changed = {
        ...application,
        analysis: ANALYSIS,
        gateway: { ...gateway, readTimeout },
        policy: { ...policy, progressDeadline: deadline },
      };
      const made = createRollout(changed, {
        id: "r1" as RolloutId,
        kind: "release",
        release: canary,
        from: stable,
        generation: generation(1),
        now: instant(0),
        newcomers: [],
        observe: false,
        runs: {},
      });
      expect(made.ok && made.value.plan.analysis?.look?.longest).toBe(lasts);
    },
  );
});

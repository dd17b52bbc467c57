import { expect, test } from "vitest";
import type { Rollout } from "../model/rollout.ts";
import { fateOf } from "./orders.ts";

const rollout = (name: Rollout["phase"]["name"], orderTaken: number): Rollout =>
  ({ release: "v2", phase: { name }, orderTaken }) as unknown as Rollout;

test("an order that was not taken yet is waited for", () => {
  expect(fateOf(rollout("baking", 2), 3)).toBeNull();
});

test.each(["baking", "completed", "rolled-back"] as const)("one that was taken is answered (%s)", (phase) => {
  expect(fateOf(rollout(phase, 3), 3)).toMatchObject({ ok: true, value: { release: "v2" } });
});

test.each([
  ["completed", "rollback"],
  ["rolled-back", "status"],
  ["stuck", "abort"],
] as const)(
  "one for which the rollout ended too early (%s) is refused, and not told as taken",
  (phase, hint) => {
    expect(fateOf(rollout(phase, 2), 3)).toMatchObject({
      ok: false,
      error: {
        code: "rollout.absent",
        message: `the rollout of v2 ended before it took the order: it is ${phase}`,
        hint: expect.stringContaining(`glidepath ${hint}`) as string,
      },
    });
  },
);

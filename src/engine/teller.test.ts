import { expect, test } from "vitest";
import { rolloutOf } from "../../test/support/rollouts.ts";
import { seconds, after } from "../base/time.ts";
import { NO_TRAFFIC } from "../model/traffic.ts";
import type { RolloutEvent } from "../ports/control.ts";
import { createTeller } from "./teller.ts";

test.each([
  ["what was counted is told", NO_TRAFFIC, ["traffic"]],
  ["where nobody counts, nobody is told that there were no requests", null, []],
])("%s", async (_, during, told) => {
  const rollout = rolloutOf();
  const events: RolloutEvent["kind"][] = [];
  const journal = { note: async () => undefined };
  const teller = createTeller({
    ports: { journal } as never,
    rollout,
    onEvent: ({ kind }) => events.push(kind),
  });
  await teller.tell(after(rollout.startedAt, seconds(1)), { during, verdict: null });
  expect(events).toEqual(told);
});

import { expect, test } from "vitest";
import { rolloutOf } from "../../test/support/rollouts.ts";
import { appError } from "../base/errors.ts";
import { err, ok } from "../base/result.ts";
import { seconds, after } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import { NO_TRAFFIC } from "../model/traffic.ts";
import type { RolloutEvent } from "../ports/control.ts";
import type { Read } from "./gauge.ts";
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

test("a log without room is told once, a silent gateway whenever it falls silent", () => {
  const rollout = rolloutOf();
  const said: string[] = [];
  const onEvent = (event: RolloutEvent): void =>
    void said.push(event.kind === "trouble" ? event.error.message : event.kind);
  const teller = createTeller({ ports: { journal: {} } as never, rollout, onEvent });
  const now = rollout.startedAt;
  const fine = { cursor: "", slices: [], losses: 0, clock: now, through: now, exists: true };
  const full = ok({ ...fine, losses: 1, full: appError("host.disk", "no room") });
  const silent = err(appError("host.unreachable", "no answer"));
  const heard = (reading: Read["reading"]): void =>
    teller.heard({ gateway: "web1" as HostName, askedAt: now, answeredAt: now, reading });
  for (const reading of [ok(fine), full, full, silent, silent, full, ok(fine), full, silent]) heard(reading);
  expect(said).toEqual(["no room", "no answer", "no answer"]);
});

import { expect, test } from "vitest";
import { instant, millis, type Instant } from "../base/time.ts";
import { ok } from "../base/result.ts";
import type { Application } from "../model/application.ts";
import type { CutOff } from "../model/drain.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { LogReading, Roles } from "../ports/telemetry.ts";
import { createGauge, type Read } from "./gauge.ts";
import type { EnginePorts } from "./ports.ts";

const application = {
  gateway: { passive: false },
  gateways: [{ name: "web1" as HostName }],
} as unknown as Application;
const ROLES: Roles = { joined: {}, warmup: millis(0) };
const CUT: CutOff = { slot: "web1:8001" as SlotKey, at: instant(5000) };

interface Asked {
  readonly cursor: string;
  readonly roles: Roles;
  answer(clock: number): void;
}

/** A log that answers when the test says so. */
function scene(cutOffs: readonly CutOff[] = []) {
  const asked: Asked[] = [];
  const heard: Read[] = [];
  let now = 1000;
  const telemetry: EnginePorts["telemetry"] = {
    open: () => Promise.resolve(ok("start")),
    read: (_gateway, cursor, roles) =>
      new Promise((resolve) => {
        asked.push({ cursor, roles, answer: (clock) => resolve(ok(readingAt(instant(clock)))) });
      }),
  };
  const readingAt = (clock: Instant): LogReading => ({
    cursor: `after ${asked.length}`,
    slices: [],
    losses: 0,
    clock,
    through: clock,
    exists: true,
  });
  const clock = { now: () => instant(now) } as EnginePorts["clock"];
  const gauge = createGauge({
    application,
    ports: { telemetry, clock },
    back: instant(0),
    places: {},
    cutOffs,
  });
  return {
    gauge,
    heard,
    at: (time: number) => void (now = time),
    /** Begins a reading; gives it when it is asked for. */
    read: async (): Promise<Asked & { readonly done: Promise<unknown> }> => {
      const before = asked.length;
      const done = Promise.all(gauge.begin(ROLES, (read) => heard.push(read)));
      while (asked.length === before) await Promise.resolve();
      return { ...(asked.at(-1) as Asked), done };
    },
  };
}

test("a reading during which a slot is cut off is none: the same is read again", async () => {
  const { gauge, heard, read } = scene();
  const first = await read();
  gauge.follow({ cutOffs: [CUT] });
  first.answer(1000);
  await first.done;
  expect(heard).toEqual([]);
  const second = await read();
  expect(second.cursor).toBe("start");
  expect(second.roles.cutOffs).toEqual([CUT]);
  second.answer(1000);
  await second.done;
  expect(heard).toHaveLength(1);
  expect(gauge.places()).toEqual({ web1: "after 2" });
});

test("whoever goes on with a rollout knows what was cut off before", async () => {
  const { read } = scene([CUT]);
  expect((await read()).roles.cutOffs).toEqual([CUT]);
});

test("when it was cut off is told by the gateway's own clock", async () => {
  const { gauge, at, read } = scene();
  for (const [asked, clock, answered] of [
    [1000, 11_040, 1060],
    [2000, 12_010, 2015],
    [3000, 13_080, 3200],
  ] as const) {
    at(asked);
    const one = await read();
    at(answered);
    one.answer(clock);
    await one.done;
  }
  gauge.follow({ cutOffs: [CUT] });
  const next = await read();
  // It was read before its answer was there: 9,995 ms ahead at least.
  expect(next.roles.cutOffs).toEqual([{ ...CUT, at: 14_995 }]);
});

test("states of the rollout that cut nothing off disturb no reading", async () => {
  const { gauge, heard, read } = scene();
  const one = await read();
  gauge.follow({});
  one.answer(1000);
  await one.done;
  expect(heard).toHaveLength(1);
});

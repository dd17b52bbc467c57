import { describe, expect, test } from "vitest";
import { appError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { AppError } from "../base/errors.ts";
import type { Rollout } from "../model/rollout.ts";
import type { ControlPlane, Status } from "../ports/control.ts";
import { fakeControl, fakeIo, runFake } from "./testing/fakes.ts";
import { holder, NOW, rollout, status } from "./testing/records.ts";

const superseded = rollout({ phase: { name: "superseded" }, endedAt: NOW });
const held = err(appError("lease.held", "shop is being released by bob"));

interface Scene {
  readonly alive: boolean;
  readonly now: Rollout;
  /** How the one under way ends. */
  readonly end?: Rollout;
  /** How often the lease is still held when the new one begins. */
  readonly busy?: number;
}

/** A control plane whose rollout ends once it is followed or carried. */
function scene({ alive, now, end = superseded, busy = 0 }: Scene) {
  let current: Status = status({ rollout: now, holder: holder(alive) });
  let left = busy;
  const plane = fakeControl({ end });
  const ending = async (going: ReturnType<ControlPlane["run"]>): ReturnType<ControlPlane["run"]> => {
    const result = await going;
    if (result.ok) current = status({ rollout: result.value, holder: null });
    return result;
  };
  const run: ControlPlane["run"] = (...given) => ending(plane.run(...given));
  const follow: ControlPlane["follow"] = (...given) => ending(plane.follow(...given));
  const start = async (...args: Parameters<ControlPlane["start"]>): Promise<Result<Rollout, AppError>> => {
    left -= 1;
    return left >= 0 ? held : plane.start(...args);
  };
  const control = { ...plane, start, status: async () => ok(current) };
  return {
    asked: plane.asked,
    control: { ...control, run, follow },
  };
}

const ORDER = 'order {"kind":"supersede","release":"v3"}';
const START = "start v3 - alice@build1";

describe("release --supersede", () => {
  test("lets the process that carries the other rollout give way, waits, and starts", async () => {
    const { asked, control } = scene({ alive: true, now: rollout(), busy: 3 });
    const { err: said } = await runFake("release v3 --supersede", fakeIo(), { control });
    expect(asked).toEqual([ORDER, "follow", START, "run"]);
    expect(said).toContain("! v2 gives way to v3: it goes back to v1 first");
  });

  test("carries the other rollout back itself when its process is gone", async () => {
    const { asked, control } = scene({ alive: false, now: rollout() });
    await runFake("release v3 --supersede", fakeIo(), { control });
    expect(asked).toEqual(["takeOver", ORDER, "run", START, "run"]);
  });

  test("waits for one that goes back already", async () => {
    const error = appError("slot.smoke", "failed");
    const now = rollout({ phase: { name: "aborting" }, aborted: { at: NOW, by: "slot", slot: null, error } });
    const { asked, control } = scene({ alive: true, now });
    await runFake("release v3 --supersede", fakeIo(), { control });
    expect(asked).toEqual(["follow", START, "run"]);
  });

  test("starts where the other one ended before it could give way", async () => {
    const { asked, control } = scene({ alive: true, now: rollout() });
    let now = status({ rollout: rollout(), holder: holder(true) });
    const order = async (): Promise<Result<never, AppError>> => {
      now = status({ rollout: superseded });
      return err(appError("rollout.absent", "the rollout of v2 ended before it took the order"));
    };
    const given = { control: { ...control, order, status: async () => ok(now) } };
    await runFake("release v3 --supersede", fakeIo(), given);
    expect(asked).toEqual([START, "run"]);
  });

  test("is a plain release where nothing is under way", async () => {
    const { asked, control } = scene({ alive: false, now: superseded });
    await runFake("release v3 --supersede", fakeIo(), { control });
    expect(asked).toEqual([START, "run"]);
  });

  test("starts nothing when the other one cannot go back", async () => {
    const phase = { name: "stuck", error: appError("slot.stop", "web1 does not stop") } as const;
    const { asked, control } = scene({ alive: true, now: rollout(), end: rollout({ phase, endedAt: NOW }) });
    const { code, err: said } = await runFake("release v3 --supersede", fakeIo(), { control });
    expect([code, asked]).toEqual([4, [ORDER, "follow"]]);
    expect(said).toContain("✗ web1 does not stop");
  });

  test("leaves the other one as it is when the release could not begin", async () => {
    const { asked, control } = scene({ alive: true, now: rollout() });
    const obstacle = async () => appError("artifact.unreachable", "there is no artifact at v3.tar.gz");
    const given = { control: { ...control, obstacle } };
    const { code, err: said } = await runFake("release v3 --supersede", fakeIo(), given);
    expect([code, asked]).toEqual([3, []]);
    expect(said).toContain("✗ there is no artifact at v3.tar.gz\n  → the rollout of v2 is as it was;");
  });

  test("without it, the second release is told how", async () => {
    const { asked, control } = scene({ alive: true, now: rollout() });
    const { code, err: said } = await runFake("release v3", fakeIo(), { control });
    expect([code, asked]).toEqual([3, []]);
    expect(said).toContain("glidepath release RELEASE --supersede");
  });
});

import { describe, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { after, instant, minutes, seconds, type Duration } from "../base/time.ts";
import { poolOf } from "../model/application.ts";
import { generation, type RolloutId, type Stamp } from "../model/ids.ts";
import { basisPoints } from "../model/share.ts";
import type { Outcome } from "../model/outcome.ts";
import { CALM, type Faults } from "./faults.ts";
import { reboot } from "./process.ts";
import { scenarioOf, SMOOTH } from "./scenario.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

const calmWorld = (options: WorldOptions = {}): World =>
  createWorld(1, { scenario: scenarioOf(SMOOTH), faults: CALM, ...options });
const only = (faults: Partial<Faults>): Faults => ({ ...CALM, ...faults });

const actors = (world: World) => {
  const { ports } = world.boot();
  const [first, second] = poolOf(world.scenario.application.hosts);
  const gateway = present(world.scenario.application.gateways[0], "gateway");
  return { ports, gateway, first: present(first, "slot"), second: present(second, "slot") };
};

const stamp = (number: number, writer = "r1"): Stamp => ({
  generation: generation(number),
  writer: writer as RolloutId,
});

/** Lets the world go on until this is there. */
async function wait<T>(world: World, promise: Promise<T>): Promise<T> {
  let value: { readonly there: T } | null = null;
  void promise.then((there) => (value = { there }));
  await world.run(() => value !== null, after(world.timeline.now(), minutes(5)));
  return present(value as { readonly there: T } | null, "an answer").there;
}

const pass = (world: World, time: Duration) => {
  let isOver = false;
  world.timeline.in(time, () => (isOver = true));
  return world.run(() => isOver, after(world.timeline.now(), time));
};

const leave = async (world: World) => {
  const { ports, gateway, first, second } = actors(world);
  const routing = { canary: [], stable: [second.key], share: basisPoints(0) };
  const table = { ...stamp(4), routing };
  await wait(world, ports.gateways.prepare(gateway, table));
  await wait(world, ports.gateways.commit(gateway, table));
  return { ports, gateway, first, second };
};

describe("fences", () => {
  test("a slot that has seen a newer generation refuses an older write", async () => {
    const world = calmWorld();
    const { ports, first } = await leave(world);
    await pass(world, seconds(5));
    expect(await wait(world, ports.slots.stop(first, stamp(6)))).toEqual({ kind: "done" });

    const late = await wait(world, ports.slots.start(first, stamp(5)));

    expect(late).toMatchObject({ kind: "refused", error: { code: "slot.fenced" } });
    expect(world.describe()).toContain(`${first.key} v1 stopped down`);
    expect(world.harms()).toEqual([]);
  });

  test("the same write twice is done twice and happens once", async () => {
    const world = calmWorld();
    const { ports, first } = await leave(world);
    await pass(world, seconds(5));
    const outcomes: Outcome[] = [];
    for (let i = 0; i < 2; i += 1) {
      outcomes.push(await wait(world, ports.slots.stop(first, stamp(5))));
    }
    expect(outcomes).toEqual([{ kind: "done" }, { kind: "done" }]);
  });

  test("a gateway that has seen a newer generation refuses an older switch", async () => {
    const world = calmWorld();
    const { ports, gateway, first, second } = await leave(world);
    const routing = { canary: [], stable: [first.key, second.key], share: basisPoints(0) };

    const late = await wait(world, ports.gateways.commit(gateway, { ...stamp(3), routing }));

    expect(late).toMatchObject({ kind: "refused", error: { code: "gateway.fenced" } });
    expect(world.describe()).toContain(`stable ${second.key} share 0`);
  });

  test("control: a planted slot that accepts an older write is a harm", async () => {
    const world = calmWorld({ acceptStale: true });
    const { ports, first } = await leave(world);
    await pass(world, seconds(5));
    await wait(world, ports.slots.stop(first, stamp(6)));
    await wait(world, ports.slots.start(first, stamp(5)));
    expect(world.harms().map(({ law }) => law)).toEqual([9]);
  });
});

describe("writes", () => {
  test("a late write arrives after its outcome was unknown, and the fence refuses it", async () => {
    const world = calmWorld({ faults: only({ actionLate: 1 }), faultsFor: seconds(1), trace: true });
    const { ports, gateway, first, second } = actors(world);
    const routing = { canary: [], stable: [second.key], share: basisPoints(0) };
    const old = { ...stamp(4), routing };
    const unknown = await wait(world, ports.gateways.prepare(gateway, old));
    expect(unknown).toMatchObject({ kind: "unknown", error: { code: "host.timeout" } });
    const all = { ...routing, stable: [first.key, second.key] };
    const newer = { ...stamp(5), routing: all };
    expect(await wait(world, ports.gateways.prepare(gateway, newer))).toMatchObject({ kind: "done" });

    await pass(world, minutes(2));

    const arrivals = world.trace.filter((line) => line.includes("prepare@4 web1 arrives"));
    expect(arrivals).toHaveLength(1);
    expect(world.fleet.gateways.get(gateway.name)?.prepared.has(generation(4))).toBe(false);
  });

  test.each([
    ["lost", { actionLost: 1 }, "v1 running up"],
    ["without an answer", { answerLost: 1 }, "v1 stopped down"],
  ])("a write that is %s is unknown", async (_, faults, then) => {
    const world = calmWorld({ faults: only(faults) });
    const { ports, first } = actors(world);
    const outcome = await wait(world, ports.slots.stop(first, stamp(5)));
    expect(outcome.kind).toBe("unknown");
    expect(world.describe()).toContain(`${first.key} ${then}`);
  });

  test("a dead controller hears nothing, and what it sent arrives", async () => {
    const world = calmWorld();
    const controller = world.boot();
    const [slot] = poolOf(world.scenario.application.hosts);
    let heard = false;
    void controller.ports.slots.stop(present(slot, "slot"), stamp(5)).then(() => (heard = true));
    world.kill(controller);
    await pass(world, seconds(10));
    expect({ heard, fleet: world.describe().split("\n")[0] }).toEqual({
      heard: false,
      fleet: "web1:8001 v1 stopped down",
    });
  });
});

describe("harms", () => {
  test("a stop of a slot that a gateway routes to is a harm", async () => {
    const world = calmWorld();
    const { ports, first } = actors(world);
    await wait(world, ports.slots.stop(first, stamp(5)));
    expect(world.harms().map(({ what }) => what)).toEqual(["web1:8001 is stopped while web1 routes to it"]);
  });

  test("a stop before requests in flight have ended is a harm, and after the drain it is none", async () => {
    const harms: number[] = [];
    for (const time of [seconds(0), seconds(3)]) {
      const world = calmWorld({ faults: only({ slowRequest: 1 }) });
      const { ports, first } = await leave(world);
      await pass(world, time);
      await wait(world, ports.slots.stop(first, stamp(6)));
      harms.push(world.harms().length);
    }
    expect(harms).toEqual([1, 0]);
  });

  test("a switch to a slot that is stopped is a harm", async () => {
    const world = calmWorld();
    const { ports, gateway, first, second } = await leave(world);
    await pass(world, seconds(5));
    await wait(world, ports.slots.stop(first, stamp(5)));
    const routing = { canary: [], stable: [first.key, second.key], share: basisPoints(0) };
    const table = { ...stamp(6), routing };
    await wait(world, ports.gateways.prepare(gateway, table));
    await wait(world, ports.gateways.commit(gateway, table));
    expect(world.harms().map(({ what }) => what)).toEqual(["web1 takes in web1:8001, which is stopped"]);
  });
});

test("over a reboot what is to run comes back, and what was stopped stays stopped", async () => {
  const world = calmWorld();
  const { ports, first, second } = await leave(world);
  await pass(world, seconds(5));
  await wait(world, ports.slots.stop(first, stamp(5)));
  const controllerView = async () => {
    const seen = await wait(world, ports.slots.observe(first.host, [first, second]));
    return [...seen.values()].map((each) => (each.known ? each.value.process : "unknown"));
  };

  reboot(world.context, present(world.fleet.hosts.get(first.host), "host"), world.timeline.now() + 5000);
  expect(await controllerView()).toEqual(["unknown", "unknown"]);
  await pass(world, seconds(6));

  expect(await controllerView()).toEqual(["stopped", "running"]);
});

test("a stale look shows what was there before, with the time at which that was true", async () => {
  const world = calmWorld({ faults: only({ lookStale: 1 }) });
  const { ports, first } = actors(world);
  const look = async () => (await wait(world, ports.slots.observe(first.host, [first]))).get(first.key);
  const before = await look();
  await wait(world, ports.slots.stop(first, stamp(5)));
  expect(await look()).toEqual(before);
});

describe("the timeline", () => {
  test("orders by time, then by what was asked for first", async () => {
    const world = calmWorld();
    const order: string[] = [];
    for (const [name, ms] of [
      ["b", 20],
      ["c", 20],
      ["a", 10],
    ] as const) {
      world.timeline.in(ms, () => order.push(name));
    }
    const halt = await world.run(() => false, instant(world.timeline.now() + 100));
    expect({ order, halt }).toEqual({ order: ["a", "b", "c"], halt: "idle" });
  });

  test("a sleeper that is called wakes at once", async () => {
    const world = calmWorld();
    const { ports } = world.boot();
    const calling = new AbortController();
    const start = world.timeline.now();
    world.timeline.in(50, () => calling.abort());
    await wait(world, ports.clock.sleep(after(start, minutes(1)), calling.signal));
    expect(world.timeline.now() - start).toBe(50);
  });
});

test("the same seed tells the same story", async () => {
  const story = async (seed: number) => {
    const world = createWorld(seed, { trace: true });
    const { ports, gateway, first } = actors(world);
    for (let i = 4; i < 40; i += 1) {
      await wait(world, ports.slots.stop(first, stamp(i)));
      await wait(world, ports.slots.start(first, stamp(i)));
      await wait(world, ports.gateways.observe(gateway, [first]));
    }
    return [world.description, ...world.trace, world.describe()].join("\n");
  };
  expect(await story(7)).toBe(await story(7));
  expect(await story(7)).not.toBe(await story(8));
});

import { expect, test } from "vitest";
import { largeApplication } from "../../test/support/large-application.ts";
import { instant } from "../base/time.ts";
import { poolOf } from "../model/application.ts";
import { generation, type ReleaseId, type SlotKey } from "../model/ids.ts";
import type { Observation, Observed } from "../model/observation.ts";
import { basisPoints } from "../model/share.ts";
import { servedIn } from "./served.ts";

/** Six slots, and two gateways. */
const APPLICATION = largeApplication({ hosts: 2, gateways: 2 });
const POOL = poolOf(APPLICATION.hosts).map(({ key }) => key);
const known = <T>(value: T): Observed<T> => ({ known: true, at: instant(0), value });

interface World {
  /** So many of the pool's first slots run v2 and are the canary's. */
  readonly canaries: number;
  /** So many of its last ones run v1 and are the stable's; the rest is out of rotation. */
  readonly stables: number;
  readonly unhealthy?: SlotKey;
  readonly otherRelease?: SlotKey;
  /** The second gateway: it does not serve, or leads to all of them as the stable's. */
  readonly second?: "down" | "apart";
}

function seenIn({ canaries, stables, unhealthy, otherRelease, second }: World): Observation {
  const canary = POOL.slice(0, canaries);
  const stable = POOL.slice(POOL.length - stables);
  const gateway = (routed: { canary: readonly SlotKey[]; stable: readonly SlotKey[] }, serving = true) =>
    known({
      running: serving,
      serving,
      generation: generation(7),
      routing: { ...routed, share: basisPoints(2500) },
      inFlight: {},
    });
  const releaseOf = (slot: SlotKey): string =>
    slot === otherRelease ? "v9" : canary.includes(slot) ? "v2" : "v1";
  const stateOf = (slot: SlotKey) => {
    const release = releaseOf(slot) as ReleaseId;
    return known({ generation: generation(7), release, process: "running" as const, restarts: 0 });
  };
  const [first, other] = APPLICATION.gateways.map(({ name }) => name);
  const apart = second === "apart" ? { canary: [], stable: canary } : { canary, stable };
  return {
    slots: Object.fromEntries(POOL.map((slot) => [slot, stateOf(slot)])),
    health: Object.fromEntries(
      POOL.map((slot) => [slot, known({ healthy: slot !== unhealthy, answer: "" })]),
    ),
    gateways: { [first!]: gateway({ canary, stable }), [other!]: gateway(apart, second !== "down") },
  };
}

test.each<[string, World, string | null]>([
  ["the stable one, which can carry everybody", { canaries: 2, stables: 4 }, "v1"],
  ["the stable one, though the canary could as well", { canaries: 3, stables: 3 }, "v1"],
  ["the canary, where too few are left of the stable", { canaries: 4, stables: 1 }, "v2"],
  ["the canary, where nobody is led to another", { canaries: 5, stables: 0 }, "v2"],
  ["nobody's, where neither can carry everybody", { canaries: 2, stables: 2 }, null],
  [
    "the canary, where one of the stable's is not healthy",
    { canaries: 3, stables: 3, unhealthy: POOL[5]! },
    "v2",
  ],
  ["the canary, where the stable's run two", { canaries: 3, stables: 3, otherRelease: POOL[5]! }, "v2"],
  ["nobody's, where a gateway does not serve", { canaries: 2, stables: 4, second: "down" }, null],
  ["nobody's, where gateways lead to others", { canaries: 2, stables: 4, second: "apart" }, null],
])("without a store the release to start from is %s", (_, world, expected) => {
  expect(servedIn(APPLICATION, seenIn(world))).toBe(expected);
});

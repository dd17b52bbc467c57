// Rollouts of any shape, and walks through them with any luck.
import fc from "fast-check";
import { millis, seconds } from "../../src/base/time.ts";
import { HOOKS, type Step } from "../../src/model/application.ts";
import { canarySlotsFor, mostMirrored } from "../../src/model/capacity.ts";
import type { HostName } from "../../src/model/ids.ts";
import { basisPoints, EVERYTHING } from "../../src/model/share.ts";
import { rolloutOf, step } from "../support/rollouts.ts";
import { tapeOf, walk, type Turn } from "./walk.ts";

const gates = fc.record({ share: fc.integer({ min: 0, max: 9999 }), approve: fc.boolean() });
const steps = fc.array(gates, { maxLength: 3 }).map((each) =>
  each
    .toSorted((a, b) => a.share - b.share)
    .map(({ share, approve }) => step(share, { approve, bake: millis(400) }))
    .concat(step(10_000)),
);

export const pools = (most: number) =>
  fc
    .integer({ min: 2, max: most })
    .chain((n) => fc.record({ n: fc.constant(n), u: fc.integer({ min: 1, max: n - 1 }) }));

export const stories = fc.record({
  pool: pools(5),
  steps,
  /** Steps that name more slots than their share needs. */
  more: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
  split: fc.constantFrom("users", "servers"),
  /** What a first step mirrors, where users are split. */
  mirror: fc.constantFrom(0, 0, 500, 10_000),
  /** Seconds. */
  ramp: fc.constantFrom(0, 0, 3),
  warmUps: fc.constantFrom(0, 0, 2),
  hooks: fc.constantFrom([], [], HOOKS),
  smokeChecks: fc.integer({ min: 0, max: 2 }),
  from: fc.constantFrom("v1", "v1", "v1", "v1", null),
  gateways: fc.integer({ min: 1, max: 3 }),
  /** Bad luck, and for how many throws of the dice. */
  seed: fc.nat(),
  throws: fc.integer({ min: 0, max: 1500 }),
});
type Story = typeof stories extends fc.Arbitrary<infer T> ? T : never;

/** As many slots as the share allows, never fewer than the step before has. */
function named({ pool: { n, u }, steps, more }: Story): readonly Step[] {
  let before = 0;
  return steps.map((each, i) => {
    const least = canarySlotsFor(each.share, n, u);
    const most = Math.min(n - 1, Math.max(least, Math.floor((each.share * (n - u)) / EVERYTHING) + u));
    const slots = Math.max(before, Math.min(most, least + ((more[i] ?? 0) % 3)));
    before = slots;
    return each.share === EVERYTHING || slots === least ? each : { ...each, slots };
  });
}

/** As much as the slots take that may be out, before the steps that users get the release by. */
function mirrored({ pool: { n, u }, mirror, split }: Story, rest: readonly Step[]): readonly Step[] {
  if (mirror === 0 || split === "servers") return rest;
  const part = basisPoints(Math.min(mirror, mostMirrored(n, n, u)));
  return [step(0, { mirror: part, bake: millis(400) }), ...rest.filter(({ share }) => share > 0)];
}

export function walkOf(story: Story): readonly Turn[] {
  const { pool, gateways, seed, throws, split, ramp, warmUps, hooks, ...shape } = story;
  const rollout = rolloutOf({ ...pool, ...shape, steps: mirrored(story, named(story)) });
  const plan = {
    ...rollout.plan,
    split,
    ...(split === "users" && ramp > 0 ? { ramp: seconds(ramp) } : {}),
    ...(warmUps > 0 ? { warmUps } : {}),
    hooks,
    gateways: ["g1", "g2", "g3"].slice(0, gateways) as HostName[],
    drain: seconds(2),
    healthyWithin: seconds(4),
    progressDeadline: seconds(15),
  };
  return walk({ ...rollout, plan }, tapeOf(seed, throws));
}

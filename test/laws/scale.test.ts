import { expect, test } from "vitest";
import { createRollout } from "../../src/rollout/create.ts";
import { decide, decideCopying } from "../../src/rollout/decide.ts";
import { BEGINNING, largeApplication } from "../support/large-application.ts";
import { runLarge } from "../support/large-world.ts";
import { rolloutOf, step } from "../support/rollouts.ts";
import { tapeOf, walk } from "./walk.ts";

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
};

test("courses are copied once a decision: as if they always were, and nothing given is written to", () => {
  const start = rolloutOf({ n: 5, u: 2, steps: [step(2000), step(10_000)] });
  for (let seed = 1; seed <= 60; seed += 1) {
    const turns = walk(start, tapeOf(seed, 40));
    for (const { before, seen, now, decision } of turns) {
      const given = frozen(structuredClone(before));
      expect(decideCopying(given, seen, now)).toEqual(decision);
      expect(decide(given, seen, now)).toEqual(decision);
    }
  }
});

interface Counts {
  readonly turns: number;
  readonly actions: number;
  readonly longestList: number;
}

function countsOf(hosts: number): Counts {
  const created = createRollout(largeApplication({ hosts, gateways: 4 }), BEGINNING);
  if (!created.ok) throw new Error(created.error.message);
  let turns = 0;
  let actions = 0;
  let longestList = 0;
  const end = runLarge(created.value, (turn) => {
    turns += 1;
    actions += turn.actions.length;
    longestList = Math.max(longestList, turn.after.because.length);
  });
  expect(end.phase.name).toBe("completed");
  return { turns, actions, longestList };
}

test("twice the fleet takes twice the actions in as many turns, and no longer sentences", () => {
  const [small, large] = [countsOf(100), countsOf(200)];
  expect(large.turns).toBeLessThan(small.turns * 1.05);
  expect(large.actions).toBeLessThan(small.actions * 2.05);
  expect(large.longestList).toBeLessThan(1000);
});

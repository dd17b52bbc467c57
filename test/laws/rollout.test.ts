import fc, { assert } from "fast-check";
import { describe, expect, it } from "vitest";
import { canarySlotsFor, evenShare, serversFor, sharesFor, wayBack } from "../../src/model/capacity.ts";
import type { SlotKey } from "../../src/model/ids.ts";
import { unknown } from "../../src/model/outcome.ts";
import { isEnded, isStuck, type Order, type Rollout, type SlotStage } from "../../src/model/rollout.ts";
import { inRotation, rotationSize, sameRouting } from "../../src/model/routing.ts";
import { basisPoints, EVERYTHING } from "../../src/model/share.ts";
import type { Action } from "../../src/rollout/actions.ts";
import { command } from "../../src/rollout/command.ts";
import { decide } from "../../src/rollout/decide.ts";
import { courseOf } from "../../src/rollout/evolve.ts";
import { pools, stories, walkOf } from "./stories.ts";
import type { Turn } from "./walk.ts";

const RUNS = { numRuns: 60 };

/** What breaks the law, at every turn of any walk: nothing. */
const always = (law: (turn: Turn) => readonly unknown[]) =>
  fc.property(stories, (story) => {
    for (const turn of walkOf(story)) expect(law(turn)).toEqual([]);
  });

/** The same for a law of the walk as a whole. */
const allAlong = (law: (turns: readonly Turn[]) => readonly unknown[]) =>
  fc.property(stories, (story) => {
    expect(law(walkOf(story))).toEqual([]);
  });

/** Slots that went into `stage` in this turn. */
const entered = ({ before, decision: { rollout } }: Turn, stage: SlotStage): readonly SlotKey[] =>
  rollout.plan.slots.filter(
    (slot) => courseOf(rollout, slot).at === stage && courseOf(before, slot).at !== stage,
  );

const turnedRound = ({ before, decision }: Turn): boolean =>
  before.aborted === null && decision.rollout.aborted !== null;

const NOTHING = { slots: {}, health: {}, gateways: {} };

describe("law 1: a slot is never stopped", () => {
  it("while a gateway routes to it", () => {
    const law = ({ decision: { actions }, routings }: Turn) =>
      actions.filter((a) => a.kind === "stop" && routings.some((routing) => inRotation(routing, a.slot)));
    assert(always(law), RUNS);
  });

  it("while requests may be in flight, until the drain deadline", () => {
    const law = (turn: Turn) =>
      entered(turn, "stopping").filter((slot) => {
        const course = courseOf(turn.before, slot);
        if (course.at !== "draining" || turnedRound(turn)) return false;
        const isOver = turn.now >= course.since + turn.before.plan.drain;
        const views = turn.before.plan.gateways.map((name) => turn.seen.gateways[name]);
        return !isOver && !views.every((view) => view?.known && view.value.inFlight[slot]?.requests === 0);
      });
    assert(always(law), RUNS);
  });
});

describe("law 2: requested is not confirmed", () => {
  it("a routing counts only when every gateway was seen to have it, at its generation", () => {
    const law = ({ before, seen, decision: { rollout } }: Turn) => {
      const { change, plan } = before;
      if (change === null || sameRouting(before.routing, rollout.routing)) return [];
      return plan.gateways.filter((name) => {
        const view = seen.gateways[name];
        return view?.known !== true || view.value.generation < change.generation;
      });
    };
    assert(always(law), RUNS);
  });

  it("without a look nothing that was asked counts as happened, whatever the outcomes say", () => {
    const waits = new Set(["leaving", "stopping", "switching", "starting", "checking", "joining"]);
    const law = ({ decision: { rollout, actions }, now }: Turn) => {
      const outcomes = actions.map((action) => ({ action, outcome: { kind: "done" } as const }));
      const next = decide(rollout, { ...NOTHING, outcomes }, now).rollout;
      const { slots } = rollout.plan;
      const moved = slots.filter((slot) => {
        const { at } = courseOf(rollout, slot);
        return waits.has(at) && courseOf(next, slot).at !== at;
      });
      return sameRouting(next.routing, rollout.routing) ? moved : ["the routing"];
    };
    assert(always(law), RUNS);
  });
});

it("law 3: unknown only waits", () => {
  const law = ({ decision: { rollout, actions }, seen, now }: Turn) => {
    const why = { known: false, at: now, why: "no answer" } as const;
    const all = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, why]));
    const { slots, gateways } = rollout.plan;
    const lost = unknown({ code: "host.timeout", message: "no answer" });
    // A hook whose end nobody knows waits for a person: that is written down.
    const asked = actions.filter(({ kind }) => kind !== "hook");
    const outcomes = asked.map((action) => ({ action, outcome: lost }));
    const blind = { slots: all(slots), health: seen.health, gateways: all(gateways), outcomes };
    const next = decide(rollout, blind, now).rollout;
    return next === rollout ? [] : [next];
  };
  assert(always(law), RUNS);
});

describe("law 4: no slot is planned above its limit", () => {
  it("and nobody is led to a release that gets copies; going back, none are made", () => {
    const law = ({ routings, decision: { actions, rollout } }: Turn) => [
      ...routings.filter(
        ({ mirror, share, canary }) => mirror !== undefined && (share > 0 || canary.length === 0),
      ),
      ...actions.filter(
        (action) =>
          rollout.aborted !== null && action.kind === "prepare" && action.table.routing.mirror !== undefined,
      ),
    ];
    assert(always(law), RUNS);
  });

  const share = fc.integer({ min: 0, max: 10_000 }).map(basisPoints);

  it("in either role, for any share, with as many canary slots as the step asks for", () => {
    const law = fc.property(pools(200), share, ({ n, u }, share) => {
      const canary = canarySlotsFor(share, n, u);
      const part = share / EVERYTHING;
      const loads = [part / canary, canary < n ? (1 - part) / (n - canary) : 0];
      expect(canary).toBeLessThanOrEqual(n - u);
      expect(Math.max(...loads)).toBeLessThanOrEqual(1 / (n - u) + 1e-9);
    });
    assert(law);
  });

  it("nor with more canary slots than that, where a step says so", () => {
    const law = fc.property(pools(200), share, fc.nat(), ({ n, u }, share, pick) => {
      const canary = 1 + (pick % (n - 1));
      const { least, most } = sharesFor(canary, n, u);
      const part = Math.max(least, Math.min(most, share)) / EVERYTHING;
      expect(part / canary).toBeLessThanOrEqual(1 / (n - u) + 1e-4);
      expect((1 - part) / (n - canary)).toBeLessThanOrEqual(1 / (n - u) + 1e-4);
    });
    assert(law);
  });

  it("nor where slots are what is split, whose share is within what they can carry", () => {
    const law = fc.property(pools(200), share, ({ n, u }, share) => {
      const { slots, share: even } = serversFor(share, n);
      const { least, most } = sharesFor(slots, n, u);
      expect(slots).toBeGreaterThanOrEqual(1);
      expect(slots).toBeLessThan(n);
      expect(even === 0 || (even >= least - 1 && even <= most + 1)).toBe(true);
    });
    assert(law);
  });

  it("while the share follows the slots in rotation", () => {
    const law = fc.property(pools(200), share, fc.nat(), ({ n, u }, share, pick) => {
      const size = n - u + (pick % (u + 1));
      const canary = pick % (size + 1);
      const load = evenShare(share, canary, size - canary) / EVERYTHING / Math.max(1, canary);
      expect(load).toBeLessThanOrEqual(1 / (n - u) + 1e-4);
    });
    assert(law);
  });

  it("going back at most maxLoad times the even load", () => {
    const law = fc.property(pools(200), fc.double({ min: 1, max: 5, noNaN: true }), ({ n, u }, maxLoad) => {
      const back = wayBack(n, u, maxLoad);
      expect((EVERYTHING - back.share) / EVERYTHING / u).toBeLessThanOrEqual(maxLoad / n + 1e-9);
      expect(back.keep > 0 || back.share === 0).toBe(true);
    });
    assert(law);
  });

  it("and every share that a gateway is given has slots that carry it", () => {
    const law = ({ routings }: Turn) =>
      routings.filter(({ canary, stable, share }) => {
        const isEmpty = canary.length + stable.length === 0;
        return (share > 0 && canary.length === 0) || (!isEmpty && share < EVERYTHING && stable.length === 0);
      });
    assert(always(law), RUNS);
  });
});

it("law 5: forward, never fewer than N−u slots in rotation on any gateway; going back, never none", () => {
  const law = ({ routings, decision: { rollout } }: Turn) => {
    if (rollout.from === null) return [];
    const { slots, maxUnavailable } = rollout.plan;
    const least = rollout.aborted === null ? slots.length - maxUnavailable : 1;
    return routings.filter((routing) => rotationSize(routing) < least);
  };
  assert(always(law), RUNS);
});

describe("law 6: abort works from every phase", () => {
  const give = (rollout: Rollout, order: Order, turn: Turn) =>
    command(rollout, { order, by: "bob" }, turn.now);

  it("and turns the rollout round; only a first release that serves has nothing to go back to", () => {
    const law = (turn: Turn) => {
      const { rollout } = turn.decision;
      if (isEnded(rollout)) return [];
      const answer = give(rollout, { kind: "abort", reason: "enough" }, turn);
      if (!answer.ok) return rollout.from === null ? [] : [answer.error];
      const isBack = ["aborting", "rolled-back"].includes(answer.value.phase.name);
      return isBack && answer.value.aborted !== null ? [] : [answer.value];
    };
    assert(always(law), RUNS);
  });

  it("and no order changes a rollout that has ended", () => {
    const orders: readonly Order[] = [
      { kind: "pause" },
      { kind: "resume" },
      { kind: "abort", reason: "late" },
      { kind: "promote", to: "full" },
    ];
    const law = (turn: Turn) => {
      const { rollout } = turn.decision;
      if (!isEnded(rollout) || isStuck(rollout)) return [];
      return orders.filter((order) => give(rollout, order, turn).ok);
    };
    assert(always(law), RUNS);
  });

  it("and an end has its time", () => {
    const law = ({ decision: { rollout } }: Turn) =>
      isEnded(rollout) === (rollout.endedAt !== null) ? [] : [rollout];
    assert(always(law), RUNS);
  });
});

it("law 7: smoke checks that a slot passed count for that start of it only", () => {
  const law = (turn: Turn) => {
    const { rollout } = turn.decision;
    return entered(turn, "smoking").filter((slot) => {
      const course = courseOf(rollout, slot);
      return course.at === "smoking" && rollout.aborted === null && course.passed > 0;
    });
  };
  assert(always(law), RUNS);
});

describe("law 8: unchanged inputs give nothing new", () => {
  it("but the same rollout and the same actions", () => {
    const law = ({ decision: { rollout, actions }, seen, now }: Turn) => {
      const again = decide(rollout, { ...seen, outcomes: [] }, now);
      const isSame = JSON.stringify(again.actions) === JSON.stringify(actions);
      return again.rollout === rollout && isSame ? [] : [again];
    };
    assert(always(law), RUNS);
  });

  it("and what was refused is not asked again", () => {
    const law = ({ seen, decision: { actions } }: Turn) => {
      const refusals = seen.outcomes.filter(({ outcome }) => outcome.kind === "refused");
      return actions.filter(({ key }) => refusals.some(({ action }) => action.key === key));
    };
    assert(always(law), RUNS);
  });
});

describe("law 9: every write is fenced", () => {
  const generationOf = (action: Action): number | null => {
    // What is taken back is of the past.
    if (action.kind === "withdraw") return null;
    if ("table" in action) return action.table.generation;
    return "generation" in action ? action.generation : null;
  };
  const targetOf = (action: Action): string => {
    if ("gateway" in action) return action.gateway;
    return "slot" in action ? action.slot : action.key;
  };

  it("for each slot and each gateway generations only grow", () => {
    const law = (turns: readonly Turn[]) => {
      const newest = new Map<string, number>();
      return turns.flatMap(({ decision: { actions } }) =>
        actions.filter((action) => {
          const at = generationOf(action);
          const last = newest.get(targetOf(action)) ?? 0;
          if (at !== null) newest.set(targetOf(action), at);
          return at !== null && at < last;
        }),
      );
    };
    assert(allAlong(law), RUNS);
  });

  it("and one key means one thing", () => {
    const law = (turns: readonly Turn[]) => {
      const meant = new Map<string, string>();
      return turns.flatMap(({ decision: { actions } }) =>
        actions.filter((action) => {
          const text = JSON.stringify(action);
          const before = meant.get(action.key) ?? text;
          meant.set(action.key, text);
          return before !== text;
        }),
      );
    };
    assert(allAlong(law), RUNS);
  });
});

it("law 10: when all goes well again there is an end, and one that is stuck says why", () => {
  const law = (turns: readonly Turn[]) => {
    const last = turns.at(-1)?.decision.rollout;
    if (last === undefined || !isEnded(last)) return [last];
    return last.phase.name === "stuck" && last.phase.error.message === "" ? [last] : [];
  };
  assert(allAlong(law), RUNS);
});

it("law 11: a rollout that was written down and read again is decided in the same way", () => {
  const law = fc.property(stories, (story) => {
    for (const { before, seen, now, decision } of walkOf(story)) {
      const read = JSON.parse(JSON.stringify(before)) as Rollout;
      expect(decide(read, seen, now)).toEqual(decision);
    }
  });
  assert(law, { numRuns: 20 });
});

it("law 12: no user is taken back from the canary unless it goes back", () => {
  const law = ({ before, decision: { rollout } }: Turn) => {
    const isOver = rollout.aborted !== null || rollout.phase.name === "finishing" || isEnded(rollout);
    return isOver || rollout.routing.share >= before.routing.share ? [] : [rollout];
  };
  assert(always(law), RUNS);
});

it("control: on these walks looks are missing, outcomes are bad, rollouts go back, and some complete", () => {
  const walks = fc.sample(stories, { numRuns: 60, seed: 1 }).map(walkOf);
  const turns = walks.flat();
  const blind = turns.flatMap(({ seen }) => Object.values(seen.slots)).filter((slot) => !slot.known);
  const troubles = turns
    .flatMap(({ seen }) => seen.outcomes)
    .filter(({ outcome }) => outcome.kind !== "done");
  const ends = new Set(walks.map((turns) => turns.at(-1)?.decision.rollout.phase.name));
  expect(blind.length).toBeGreaterThan(100);
  expect(troubles.length).toBeGreaterThan(50);
  expect([...ends]).toEqual(expect.arrayContaining(["completed", "rolled-back"]));
});

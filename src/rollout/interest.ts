import { millis, type Duration } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { courseOf } from "./evolve.ts";

/** What the next decision needs to see, so that nothing else is asked for. */
export interface Interest {
  readonly slots: readonly SlotKey[];
  readonly health: readonly SlotKey[];
  /** Slots whose requests in flight are to be counted. */
  readonly inFlight: readonly SlotKey[];
  readonly gateways: boolean;
  /** When to look again though nothing is heard. */
  readonly again: Duration;
}

/** Between the two samples of a drain. */
const SOON = millis(50);
const BUSY = millis(100);
const CALM = millis(500);

export function interestOf(rollout: Rollout): Interest {
  const { plan, phase } = rollout;
  const at = (stages: readonly string[]): readonly SlotKey[] =>
    plan.slots.filter((slot) => stages.includes(courseOf(rollout, slot).at));
  const slots = at(["stopping", "switching", "starting"]);
  const inFlight = at(plan.passive ? ["joining"] : ["draining"]);
  const checking = at(["checking"]);
  const busy = slots.length + inFlight.length + checking.length > 0 || rollout.change !== null;
  return {
    slots,
    health: phase.name === "staging" ? checking : [...at(["settled", "smoking", "joining"]), ...checking],
    inFlight,
    gateways: rollout.change?.stage === "committing" || inFlight.length > 0,
    again: isAlmostDrained(rollout) ? SOON : busy ? BUSY : CALM,
  };
}

const isAlmostDrained = (rollout: Rollout): boolean =>
  rollout.plan.slots.some((slot) => {
    const course = courseOf(rollout, slot);
    return course.at === "draining" && course.zeros > 0;
  });

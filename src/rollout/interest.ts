import { after, instant, millis, type Duration, type Instant } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout, SlotStage } from "../model/rollout.ts";
import { APART } from "./drains.ts";
import { courseOf } from "./evolve.ts";
import { bootedSlots, falteringSlots } from "./exits.ts";
import { musterOf } from "./muster.ts";

/** What the next decision needs to see, so that nothing else is asked for. */
export interface Interest {
  readonly slots: readonly SlotKey[];
  /** Slots that nothing is written to and whose process is to be seen all the same, more seldom. */
  readonly faltering: readonly SlotKey[];
  readonly health: readonly SlotKey[];
  /** Slots whose requests in flight are to be counted. */
  readonly inFlight: readonly SlotKey[];
  readonly gateways: boolean;
  /** No look at a gateway is of use before: the second sample of a drain must be apart from the first. */
  readonly gatewaysFrom: Instant;
  /** A look that begins after this tells what an application is to be asked; null: nothing. */
  readonly askedFrom: Instant | null;
  /** How long after a look the next one is due though nothing was heard. */
  readonly again: Duration;
}

const AGAIN = millis(100);

/** Stages in which a slot on its way is asked how it is. */
const ASKED: ReadonlySet<SlotStage> = new Set([
  "leaving",
  "checking",
  "warming",
  "smoking",
  "joining",
  "ramping",
]);

export function interestOf(rollout: Rollout): Interest {
  const { plan, phase, change } = rollout;
  const isCommitting = change?.stage === "committing";
  const slots: SlotKey[] = [];
  const inFlight: SlotKey[] = [];
  const unasked = new Set<SlotKey>();
  let from = Infinity;
  let askedFrom: Instant | null = null;
  for (const { slot } of musterOf(rollout).moving) {
    const course = courseOf(rollout, slot);
    if (!ASKED.has(course.at)) unasked.add(slot);
    switch (course.at) {
      case "stopping":
      case "switching":
      case "starting":
        slots.push(slot);
        break;
      case "joining":
        if (plan.passive) inFlight.push(slot);
        break;
      case "leaving":
        // The look that shows that it is out of rotation is the first sample of its drain.
        if (isCommitting && !plan.passive) inFlight.push(slot);
        break;
      case "draining":
        if (plan.passive) break;
        inFlight.push(slot);
        if (plan.asks !== undefined && course.asking === undefined) askedFrom = after(course.since, APART);
        from = Math.min(from, course.zeros > 0 ? after(course.sampledAt, APART) : 0);
        break;
      default:
    }
  }
  const health =
    phase.name === "staging"
      ? plan.slots.filter((slot) => rollout.slots[slot]?.at === "checking")
      : plan.slots.filter((slot) => !unasked.has(slot));
  const gatewaysFrom = instant(isCommitting || from === Infinity ? 0 : from);
  const gateways = isCommitting || inFlight.length > 0;
  const faltering = [...falteringSlots(rollout), ...bootedSlots(rollout)];
  return { slots, faltering, health, inFlight, gateways, gatewaysFrom, askedFrom, again: AGAIN };
}

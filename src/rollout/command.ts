import { unreachable } from "../base/assert.ts";
import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { millis, type Instant } from "../base/time.ts";
import { isEnded, type Order, type Rollout } from "../model/rollout.ts";
import type { Step } from "../model/application.ts";
import type { ReleaseId, SlotKey } from "../model/ids.ts";
import { serversFor } from "../model/capacity.ts";
import { inRotation } from "../model/routing.ts";
import { basisPoints, EVERYTHING, formatShare, type BasisPoints } from "../model/share.ts";
import { byOperator, byRelease, goBack, isServingFirst } from "./endings.ts";
import { asOne, courseOf, enter, stop, withCourse } from "./evolve.ts";
import { dropHook, endHook, hookWords, runHookAgain } from "./hooks.ts";
import { passBake, passGate } from "./steps.ts";

export interface Given {
  readonly order: Order;
  readonly by: string;
}

type Answer = Result<Rollout, AppError>;

/** What an order makes of a rollout. An order that does not fit is refused and changes nothing. */
export function command(rollout: Rollout, given: Given, now: Instant): Answer {
  const answer = asOne(() => obey(rollout, given, now));
  // Whoever orders something moves the rollout: a long wait before it is not held against it.
  return answer.ok && answer.value !== rollout ? ok({ ...answer.value, progressAt: now }) : answer;
}

function obey(rollout: Rollout, { order, by }: Given, now: Instant): Answer {
  if (rollout.phase.name === "stuck") return fromStuck(rollout, order, now);
  if (isEnded(rollout)) return refuse(rollout, `it is over (${rollout.phase.name})`);
  switch (order.kind) {
    case "pause":
      if (rollout.aborted !== null) return refuse(rollout, "it is going back; that cannot be paused");
      return ok(rollout.paused === null ? { ...rollout, paused: { by, at: now } } : rollout);
    case "resume":
      return resume(rollout, order.hook ?? null, now);
    case "abort":
      if (isServingFirst(rollout))
        return refuse(rollout, "it is the first release and serves: nothing ran before it");
      return ok(goBack(rollout, byOperator(order.reason, now)));
    case "supersede":
      return supersede(rollout, order.release, now);
    case "promote":
      if (rollout.aborted !== null) return refuse(rollout, "it is going back");
      return promote(rollout, order.to, now);
    default:
      return unreachable(order);
  }
}

/** It goes back to where it began: the other release starts from a pool that runs one release only. */
function supersede(rollout: Rollout, release: ReleaseId, now: Instant): Answer {
  if (rollout.aborted !== null) return ok(rollout);
  if (release === rollout.release) return refuse(rollout, "it cannot take its own place");
  if (isServingFirst(rollout)) return refuse(rollout, "it is the first release and serves: wait for its end");
  if (rollout.phase.name === "finishing") {
    return refuse(rollout, "it has all traffic and is about to complete: wait for its end");
  }
  return ok(goBack(rollout, byRelease(release, now)));
}

function resume(rollout: Rollout, word: "done" | "again" | null, now: Instant): Answer {
  const unpaused = rollout.paused === null ? rollout : { ...rollout, paused: null, progressAt: now };
  const { hook } = rollout;
  if (hook === null || hook.state !== "unknown") {
    return word === null ? ok(unpaused) : refuse(rollout, "no hook waits for a word");
  }
  if (word === null) return unpaused === rollout ? refuse(rollout, hookWords(hook)) : ok(unpaused);
  return ok(word === "done" ? endHook(unpaused, "done") : runHookAgain(unpaused, now));
}

const refuse = (rollout: Rollout, why: string): Answer =>
  err(appError("rollout.refused", `rollout ${rollout.id} of ${rollout.release}: ${why}`));

function promote(rollout: Rollout, to: "next" | "full" | { readonly share: number }, now: Instant): Answer {
  if (to === "next") return promoteNext(rollout, now);
  const target = to === "full" ? { share: EVERYTHING } : reachable(rollout, basisPoints(to.share));
  const { share } = target;
  const current = rollout.plan.steps[rollout.step];
  if (current !== undefined && share < current.share) {
    return refuse(
      rollout,
      `its step leads to ${formatShare(current.share)}; a jump goes further, \`abort\` goes back`,
    );
  }
  const jump: Step = { ...target, bake: millis(0), approve: share < EVERYTHING };
  const done = rollout.plan.steps.slice(0, rollout.step + 1).filter((step) => step.share < share);
  const rest = rollout.plan.steps.slice(rollout.step + 1).filter((step) => step.share > share);
  const steps = [...done, jump, ...rest];
  const step = done.length;
  const jumped: Rollout = { ...rollout, plan: { ...rollout.plan, steps }, step, paused: null };
  const holds = ["shifting", "baking", "approval"].includes(rollout.phase.name);
  return ok(holds ? enter(jumped, { name: "updating" }) : jumped);
}

/** Slots cannot be split: of these the next number is taken. */
function reachable({ plan }: Rollout, share: BasisPoints): Pick<Step, "share" | "slots"> {
  return plan.split === "users" || share === EVERYTHING ? { share } : serversFor(share, plan.slots.length);
}

function promoteNext(rollout: Rollout, now: Instant): Answer {
  const { phase } = rollout;
  if (phase.name === "approval") return ok(passGate({ ...rollout, paused: null }));
  if (phase.name === "baking") {
    return ok(passBake({ ...rollout, paused: null, plan: approved(rollout) }, now));
  }
  return err(
    appError(
      "rollout.no-gate",
      `rollout ${rollout.id} of ${rollout.release} is not at a gate: it is ${phase.name}`,
      {
        hint: "`promote --to SHARE` and `promote --full` jump from anywhere",
      },
    ),
  );
}

/** Whoever promotes during the bake approves the step as well. */
const approved = ({ plan, step }: Rollout): Rollout["plan"] => ({
  ...plan,
  steps: plan.steps.map((each, i) => (i === step ? { ...each, approve: false } : each)),
});

/** Stuck means that an operator has to put something right; then going back is tried anew. */
function fromStuck(rollout: Rollout, order: Order, now: Instant): Answer {
  if (order.kind !== "abort" && order.kind !== "resume")
    return refuse(rollout, "it is stuck; `abort` tries to go back");
  const { plan } = rollout;
  if (isServingFirst(rollout)) {
    const anew: Rollout = {
      ...dropHook(rollout),
      aborted: null,
      progressAt: now,
      endedAt: null,
      unsettled: true,
      change: null,
    };
    return ok(
      enter(
        plan.slots.reduce((r, slot) => mend(r, slot, now), anew),
        { name: "updating" },
      ),
    );
  }
  const aborted = rollout.aborted ?? byOperator("it was stuck", now);
  const anew: Rollout = {
    ...dropHook(rollout),
    aborted,
    progressAt: now,
    endedAt: null,
    unsettled: true,
    change: null,
  };
  const aborting = enter(anew, { name: "aborting" });
  // Out of rotation for sure, also before what was left undone is done anew.
  const isOut = (slot: SlotKey): boolean => !rollout.unsettled && !inRotation(rollout.routing, slot);
  return ok(
    rollout.plan.slots.reduce((r, slot) => {
      const isLost = courseOf(r, slot).at === "joining" && isOut(slot);
      return isLost ? stop(r, slot, { target: r.from, now }) : again(r, slot, now);
    }, aborting),
  );
}

/** A first release that serves goes on: what failed is brought to the release anew. */
const mend = (rollout: Rollout, slot: SlotKey, now: Instant): Rollout =>
  courseOf(rollout, slot).at === "failed" ? stop(rollout, slot, { target: rollout.release, now }) : rollout;

/**
 * What serves, or was about to, goes on serving until going back takes it out in its turn; what was written
 * to is written anew.
 */
function again(rollout: Rollout, slot: SlotKey, now: Instant): Rollout {
  const course = courseOf(rollout, slot);
  const { from, release } = rollout;
  switch (course.at) {
    case "settled":
      return rollout;
    case "ramping":
      return withCourse(rollout, slot, { at: "settled", release: course.target });
    case "joining":
      return course.target === release ? withCourse(rollout, slot, { at: "settled", release }) : rollout;
    case "leaving":
      if (course.target !== release) return withCourse(rollout, slot, { at: "settled", release });
      return withCourse(rollout, slot, { at: "joining", target: from, since: now, attempt: 1 });
    default:
      return stop(rollout, slot, { target: from, now });
  }
}

import type { AppError } from "../base/errors.ts";
import { between, type Duration, type Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Rollout, RoutingChange } from "../model/rollout.ts";
import type { Action } from "./actions.ts";
import { failed } from "./courses.ts";
import { abortBy, courseOf, isGoingBack, withCourse } from "./evolve.ts";
import { goBack, stuck } from "./endings.ts";
import { isAsked } from "./actions.ts";
import { endHook, holdsUp } from "./hooks.ts";
import type { Settled } from "./seen.ts";

/**
 * What became of our own actions. An outcome of something that the state no longer asks for changes nothing;
 * an unknown one moves nothing: only the next look at the world tells.
 */
export function absorb(rollout: Rollout, outcomes: readonly Settled[], now: Instant): Rollout {
  return outcomes.reduce(
    (r, { action, outcome }) => {
      if (action.kind === "stage" && outcome.kind === "done") return r;
      if (!isAsked(r, action)) return r;
      if (action.kind === "hook") return absorbHook(r, outcome, now);
      if (outcome.kind === "unknown") return noted(r, action, { error: outcome.error, now });
      return outcome.kind === "done"
        ? done(r, action, { outcome, now })
        : refuse(r, action, { error: outcome.error, now });
    },
    absorbStaged(rollout, outcomes),
  );
}

interface Noted {
  readonly error: AppError;
  readonly now: Instant;
}

/** Of these the host itself said why; what was lost on the way says nothing. */
const SAID: ReadonlySet<AppError["code"]> = new Set(["slot.stop", "slot.unit"]);

/** A full disk decides nothing before it was full for long: see lost.ts. */
function noted(rollout: Rollout, action: Action, { error, now }: Noted): Rollout {
  const { code, message, details = "" } = error;
  if (!("generation" in action) || action.kind === "ask") return rollout;
  const course = courseOf(rollout, action.slot);
  if (course.at === "settled") return rollout;
  if (code === "host.disk" && course.full === undefined)
    return withCourse(rollout, action.slot, { ...course, full: { since: now, says: message } });
  const [reason = ""] = details.split("\n");
  const says = reason === "" ? message : `${message} (${reason})`;
  return SAID.has(code) && course.says === undefined
    ? withCourse(rollout, action.slot, { ...course, says })
    : rollout;
}

/** Thousands of hosts may have it at once. */
function absorbStaged(rollout: Rollout, outcomes: readonly Settled[]): Rollout {
  const { phase } = rollout;
  if (phase.name !== "staging" || !phase.fetched) return rollout;
  const staged = new Set(phase.staged);
  for (const { action, outcome } of outcomes) {
    if (action.kind === "stage" && outcome.kind === "done") staged.add(action.host);
  }
  return staged.size === phase.staged.length
    ? rollout
    : { ...rollout, phase: { ...phase, staged: [...staged] } };
}

interface Done {
  readonly outcome: Extract<Outcome, { kind: "done" }>;
  readonly now: Instant;
}

function done(rollout: Rollout, action: Action, { outcome, now }: Done): Rollout {
  const { phase } = rollout;
  switch (action.kind) {
    case "fetch":
      return phase.name === "staging" ? { ...rollout, phase: { ...phase, fetched: true } } : rollout;
    case "warm":
      return warmedUp(rollout, action.slot);
    case "ask":
      return askedOnce(rollout, action);
    case "smoke": {
      const course = courseOf(rollout, action.slot);
      if (course.at !== "smoking") return rollout;
      return withCourse(rollout, action.slot, { ...course, passed: course.passed + 1 });
    }
    case "prepare":
      return written(rollout, action.gateway, outcome);
    case "commit":
      return switched(rollout, action.gateway, now);
    case "withdraw":
      return withdrawn(rollout, action.gateway);
    default:
      return rollout;
  }
}

function warmedUp(rollout: Rollout, slot: SlotKey): Rollout {
  const course = courseOf(rollout, slot);
  if (course.at !== "warming") return rollout;
  return withCourse(rollout, slot, { ...course, warmed: course.warmed + 1 });
}

function askedOnce(rollout: Rollout, { slot, index }: Extract<Action, { kind: "ask" }>): Rollout {
  const course = courseOf(rollout, slot);
  if (course.at !== "draining" || course.asking === undefined) return rollout;
  const over = [...course.asking.over, index];
  return withCourse(rollout, slot, { ...course, asking: { ...course.asking, over } });
}

/** Forward, where nginx does not run nobody could see the switch happen: it is waited for. */
function written(rollout: Rollout, gateway: HostName, { serving = true }: Done["outcome"]): Rollout {
  const { change } = rollout;
  if (change === null) return rollout;
  const { prepared, down } = change;
  if (serving || isGoingBack(rollout)) {
    const up = down.filter((name) => name !== gateway);
    return { ...rollout, change: { ...change, prepared: [...prepared, gateway], down: up } };
  }
  return down.includes(gateway) ? rollout : { ...rollout, change: { ...change, down: [...down, gateway] } };
}

/** How far the gateways are apart: from the first that says that it has switched to the last. */
function switched(rollout: Rollout, gateway: HostName, now: Instant): Rollout {
  const { change, plan } = rollout;
  const before = change?.switched ?? { since: now, gateways: [] };
  if (change === null || plan.gateways.length < 2 || before.gateways.includes(gateway)) return rollout;
  const skew = Math.max(rollout.skew ?? 0, between(before.since, now)) as Duration;
  const gateways = [...before.gateways, gateway];
  return { ...rollout, skew, change: { ...change, switched: { ...before, gateways } } };
}

/** Only what runs before something can stop it; what failed afterwards is in the journal. */
function absorbHook(rollout: Rollout, outcome: Outcome, now: Instant): Rollout {
  const { hook, aborted } = rollout;
  if (hook === null) return rollout;
  const isHolding = holdsUp(hook.name) && aborted === null;
  if (outcome.kind === "done") return endHook(rollout, "done");
  if (outcome.kind === "unknown") {
    return isHolding ? { ...rollout, hook: { ...hook, state: "unknown" } } : endHook(rollout, "unknown");
  }
  const ended = endHook(rollout, "failed");
  return isHolding ? goBack(ended, abortBy("hook", outcome.error, now)) : ended;
}

function withdrawn(rollout: Rollout, gateway: HostName): Rollout {
  const { withdrawal } = rollout;
  if (!withdrawal) return rollout;
  const gateways = withdrawal.gateways.filter((name) => name !== gateway);
  return { ...rollout, withdrawal: gateways.length === 0 ? null : { ...withdrawal, gateways } };
}

interface Refusal {
  readonly error: AppError;
  readonly now: Instant;
}

function refuse(
  rollout: Rollout,
  action: Exclude<Action, { kind: "hook" }>,
  { error, now }: Refusal,
): Rollout {
  switch (action.kind) {
    case "fetch":
    case "stage":
      return goBack(rollout, abortBy("artifact", error, now));
    case "prepare":
    case "commit":
      return changeRefused(rollout, action, { error, now });
    case "warm":
      // Going back, a slot that is cold is better than one that is missing.
      return isGoingBack(rollout)
        ? warmedUp(rollout, action.slot)
        : failed(rollout, action.slot, { now, error });
    case "ask":
      // Then it is waited for, and cut, as if nobody could be asked.
      return askedOnce(rollout, action);
    case "withdraw":
      // What came later has replaced it already.
      return error.code === "gateway.fenced" ? withdrawn(rollout, action.gateway) : stuck(rollout, error);
    default:
      return error.code === "slot.fenced"
        ? stuck(rollout, error)
        : failed(rollout, action.slot, { now, error });
  }
}

type ChangeAction = Extract<Action, { kind: "prepare" | "commit" }>;

/**
 * One that refuses before any has switched stops the change everywhere: what was written is taken back.
 * Going back, it stops only itself.
 */
function changeRefused(rollout: Rollout, action: ChangeAction, { error, now }: Refusal): Rollout {
  const { change, plan } = rollout;
  if (change !== null && isGoingBack(rollout)) {
    const refusals: RoutingChange["refusals"] = { ...change.refusals, [action.gateway]: error };
    const isAlone = plan.gateways.every((name) => refusals[name] !== undefined);
    return isAlone ? stuck(rollout, error) : { ...rollout, change: { ...change, refusals } };
  }
  if (error.code === "gateway.fenced") return stuck(rollout, error);
  const others = plan.gateways.filter((name) => name !== action.gateway);
  const isUndone = action.kind === "prepare" && others.length > 0;
  const withdrawal = isUndone ? { table: action.table, gateways: others } : null;
  return goBack({ ...rollout, change: null, withdrawal }, abortBy("gateway", error, now));
}

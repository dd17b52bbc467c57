import { unreachable } from "../base/assert.ts";
import { after, between, formatDuration, millis, type Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Rollout, SlotCourse, Underway } from "../model/rollout.ts";
import { sameRouting } from "../model/routing.ts";
import { unstaged } from "./actions.ts";
import { slotsWaitedFor } from "./change.ts";
import { wantedAtEnd } from "./wanted.ts";
import { heldBack, sickCanary } from "./begin.ts";
import { drainUntil, inFlightOf } from "./drains.ts";
import { courseOf } from "./evolve.ts";
import { isLastLooking, isLooking, lookWords } from "./look.ts";
import { musterOf } from "./muster.ts";
import { rampSteps } from "./ramp.ts";
import type { Seen } from "./seen.ts";
import { gatewaySeen } from "./sight.ts";
import { hookWords } from "./hooks.ts";
import { stepOf, stepWords } from "./steps.ts";
import { slotsForStep } from "./phases/updating.ts";
import { heldBy } from "./verdicts.ts";

/** One sentence: what the rollout does or waits for now, and why. */
export function because(rollout: Rollout, seen: Seen, now: Instant): string {
  const paused = rollout.paused === null ? "" : `paused by ${rollout.paused.by}; `;
  const without =
    rollout.excluded.length === 0 ? "" : `without ${rollout.excluded.join(", ")}, which is lost; `;
  return (
    paused + without + (rollout.aborted === null ? forward(rollout, seen, now) : back(rollout, seen, now))
  );
}

function forward(rollout: Rollout, seen: Seen, now: Instant): string {
  const { phase, plan, hook } = rollout;
  if (hook !== null && phase.name !== "stuck") return hookWords(hook);
  switch (phase.name) {
    case "staging":
      return staging(rollout);
    case "updating":
    case "shifting":
    case "finishing":
      return moving(rollout, seen, now);
    case "baking": {
      const { bake } = stepOf(rollout);
      const what = stepWords(stepOf(rollout));
      const sick = sickCanary(rollout, seen);
      if (now >= phase.until && sick.length > 0) return waitingFor(sick, seen);
      const held = now >= phase.until ? heldBy(rollout, seen) : null;
      if (held !== null) {
        const until = formatDuration(between(now, after(phase.until, plan.progressDeadline)));
        const todo = `\`glidepath promote\` goes on all the same, else it goes back in ${until}`;
        return `${what} has held for ${formatDuration(bake)}; waiting: ${held}; ${todo}`;
      }
      const left = formatDuration(between(now, phase.until));
      return `baking ${what} for ${formatDuration(bake)}: ${left} left`;
    }
    case "approval":
      return `${stepWords(stepOf(rollout))} holds until somebody approves: glidepath promote`;
    case "completed":
      return `${rollout.release} runs in all ${plan.slots.length} slots`;
    case "stuck":
      return phase.error.message;
    default:
      return phase.name;
  }
}

function staging(rollout: Rollout): string {
  const { phase, release } = rollout;
  if (phase.name !== "staging") return "";
  if (!phase.fetched) return `fetching ${release}`;
  const missing = unstaged(rollout);
  return missing.length > 0 ? `unpacking ${release} on ${listed(missing)}` : "staged";
}

/** As many as one can read. */
const SHOWN = 8;

function listed(all: readonly string[]): string {
  const more = all.length - SHOWN;
  return all.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function moving(rollout: Rollout, seen: Seen, now: Instant): string {
  const underway = musterOf(rollout).moving.map(({ slot }) => slot);
  const change = changing(rollout, seen);
  const slots = together(underway.map((slot) => [slot, doing(rollout, slot, { seen, now })]));
  if (slots.length > 0 || change !== null) {
    const told = [...slots, ...(change === null ? [] : [change])];
    return [...told, ...wordless(rollout, seen, underway)].join("; ");
  }
  const count = rollout.phase.name === "updating" ? slotsForStep(rollout) : rollout.plan.slots.length;
  const sick = rollout.aborted === null ? sickCanary(rollout, seen) : [];
  if (sick.length === 0 && isLooking(rollout, seen, now)) return lookWords(rollout, seen, { now });
  const held = sick.length > 0 ? sick : heldBack(rollout, count, seen);
  return held.length === 0 ? rollout.phase.name : waitingFor(held, seen);
}

/** Hosts that are waited for, and of which more than one look had no answer. */
function wordless({ change, plan }: Rollout, seen: Seen, underway: readonly SlotKey[]): readonly string[] {
  const isSilent = (host: HostName | undefined): host is HostName => {
    const silence = host === undefined ? undefined : seen.silent?.[host];
    return silence !== undefined && silence.lastAt > silence.since;
  };
  const concerned = [...underway.map((slot) => plan.hostOf[slot]), ...(change === null ? [] : plan.gateways)];
  const silent = [...new Set(concerned)].filter(isSilent);
  return silent.length === 0 ? [] : [`no word from ${listed(silent)}`];
}

/** Doings told at most; a pool may have thousands. */
const MOST_TOLD = 4;

/** Slots that do the same are told by the first of them. */
function together(doings: readonly (readonly [SlotKey, string])[]): readonly string[] {
  const groups = new Map<string, { readonly first: SlotKey; count: number }>();
  for (const [slot, text] of doings) {
    const group = groups.get(text) ?? { first: slot, count: 0 };
    group.count += 1;
    groups.set(text, group);
  }
  const told = [...groups].map(([text, { first, count }]) => {
    const more = count > 1 ? ` (and ${count - 1} more)` : "";
    return `${first} ${text}${more}`;
  });
  const left = told.length - MOST_TOLD;
  return left > 0 ? [...told.slice(0, MOST_TOLD), `${left} more are under way`] : told;
}

const waitingFor = (slots: readonly SlotKey[], seen: Seen): string =>
  `waiting until ${list(slots, seen)} can carry the traffic`;

const list = (slots: readonly SlotKey[], seen: Seen): string =>
  together(slots.map((slot) => [slot, `(${lastAnswer(slot, seen)})`])).join(", ");

const lastAnswer = (slot: SlotKey, seen: Seen): string => {
  const health = seen.health[slot];
  if (health === undefined) return "not asked yet";
  return health.known ? health.value.answer : health.why;
};

function changing(rollout: Rollout, seen: Seen): string | null {
  const { change, plan, withdrawal } = rollout;
  if (change === null) return withdrawal ? `taking it back on ${withdrawal.gateways.join(", ")}` : null;
  if (change.stage === "preparing") {
    const { prepared, down } = change;
    if (down.length > 0) return notServing(down);
    const missing = plan.gateways.filter((gateway) => !prepared.includes(gateway));
    if (missing.length > 0) return `writing the routing on ${listed(missing)}`;
    const unfit = slotsWaitedFor(rollout, seen);
    if (unfit.length > 0) return waitingFor(unfit, seen);
  }
  const dead = plan.gateways.filter((gateway) => gatewaySeen(seen, gateway)?.value.serving === false);
  if (dead.length > 0) return notServing(dead);
  if (sameRouting(change.routing, wantedAtEnd(rollout)))
    return `making ${stableAfter(rollout)} the stable release`;
  const { share, mirror } = change.routing;
  return `switching to ${stepWords(mirror === undefined ? { share } : { share, mirror })}`;
}

const notServing = (gateways: readonly HostName[]): string =>
  `nginx on ${listed(gateways)} is not running or does not run our config`;

const stableAfter = ({ aborted, from, release }: Rollout): string =>
  aborted === null ? release : (from ?? "nothing");

type Sight = { readonly seen: Seen; readonly now: Instant };

function doing(rollout: Rollout, slot: SlotKey, { seen, now }: Sight): string {
  const course = courseOf(rollout, slot);
  switch (course.at) {
    case "settled":
      return `runs ${course.release ?? "nothing"}`;
    case "leaving":
      return "leaves rotation";
    case "draining":
      return draining(rollout, slot, { seen, now, course });
    case "stopping":
      return `stops${againWords(course)}`;
    case "switching":
      return `switches to ${course.target ?? "nothing"}${againWords(course)}`;
    case "starting":
      return `starts ${course.target ?? "nothing"}${againWords(course)}`;
    case "checking": {
      const left = formatDuration(between(now, after(course.since, rollout.plan.healthyWithin)));
      return `is not healthy yet (${course.answer}), ${left} left`;
    }
    case "warming":
      return `is warmed up, ${course.warmed} of ${rollout.plan.warmUps ?? 0} parts are over`;
    case "smoking":
      return course.passed < rollout.plan.smokeChecks
        ? `passes smoke check ${course.passed + 1} of ${rollout.plan.smokeChecks}`
        : "waits for the slots before it";
    case "joining":
      return "joins rotation";
    case "ramping": {
      const parts = rampSteps(rollout.plan.ramp ?? millis(0)) + 1;
      return `takes on its traffic, ${course.done + 1} of ${parts} parts`;
    }
    case "failed":
      return `failed: ${course.error.message}`;
    default:
      return unreachable(course);
  }
}

function againWords({ full, says = full?.says }: Underway): string {
  return says === undefined ? "" : `, tried again and again: ${says}`;
}

function draining(
  rollout: Rollout,
  slot: SlotKey,
  { seen, now, course }: Sight & { course: Extract<SlotCourse, { at: "draining" }> },
): string {
  const traffic = inFlightOf(rollout, slot, seen);
  const times = { now, since: course.since };
  const until = drainUntil(rollout, course, traffic);
  if ((traffic?.requests === 0 || now >= until) && isLastLooking(rollout, seen, times))
    return `serves nobody; ${lookWords(rollout, seen, times)}`;
  const left = formatDuration(between(now, until));
  const isSilent = rollout.plan.gateways.some((gateway) => seen.gateways[gateway]?.known === false);
  if (traffic === null && !isSilent) return `drains; nothing was counted yet, ${left} left`;
  if (traffic === null) return `drains; a gateway cannot tell what is in flight, ${left} left`;
  const kinds = Object.keys(traffic.kinds ?? {}).filter((kind) => kind !== "requests");
  const of = kinds.length === 0 ? "" : ` (${kinds.join(", ")})`;
  const asked = course.asking === undefined ? "" : ", asked to go";
  return `drains: ${traffic.requests} in flight${of}${asked}, ${left} left`;
}

function back(rollout: Rollout, seen: Seen, now: Instant): string {
  const why = rollout.aborted?.error.message ?? "";
  const { phase, from, hook } = rollout;
  if (phase.name === "stuck") return `${phase.error.message}; it was going back because ${why}`;
  if (phase.name === "rolled-back" || phase.name === "superseded")
    return `${from === null ? "nothing is served, as before" : `${from} serves as before`}; ${why}`;
  const doings = [moving(rollout, seen, now), ...(hook === null ? [] : [hookWords(hook)])].join("; ");
  const doing = doings === "" || doings === "aborting" ? "" : `: ${doings}`;
  return `going back${doing}; because ${why}`;
}

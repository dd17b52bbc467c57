import { appError } from "../base/errors.ts";
import { after, formatDuration, type Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { PhaseName, Rollout, SlotCourse } from "../model/rollout.ts";
import { EVERYTHING, NOTHING } from "../model/share.ts";
import { rotationSize, type Routing } from "../model/routing.ts";
import { request } from "./change.ts";
import { goBack } from "./endings.ts";
import { abortBy, enter, isFirst, isGoingBack, withCourse } from "./evolve.ts";
import { musterOf } from "./muster.ts";
import { pinned } from "./pins.ts";
import type { Seen } from "./seen.ts";
import { isSilentForLong } from "./sight.ts";
import { serving } from "./wanted.ts";

/**
 * A host is lost when no look at it had an answer for `hostLostAfter`; without looks nothing is known. One
 * whose disk has had no room for a slot's update for as long is as good as lost.
 * What is lost is left out, by order of `onHostLost`: the plan goes on without its slots and its gateway.
 */
export function watchHosts(rollout: Rollout, seen: Seen, now: Instant): Rollout {
  if (rollout.plan.onHostLost === "wait") return rollout;
  const silent = lostHosts(rollout, seen);
  const full = fullHosts(rollout, now).filter((host) => !silent.includes(host));
  const lost = [...silent, ...full];
  if (lost.length === 0) return rollout;
  const left = without(rollout, lost);
  if (!isEnough(left)) return rollout;
  const isOver = left.plan.slots.length < 2 && !isFirst(rollout);
  if (!isGoingBack(rollout) && (rollout.plan.onHostLost === "abort" || isOver)) {
    const error = silent.length > 0 ? lostError(silent, rollout) : fullError(full, rollout);
    return goBack(left, abortBy("host", error, now));
  }
  return isGoingBack(left) ? left : goOn(left, now);
}

/**
 * Somebody must be left who leads users, and who serves them: a single slot only as it is, since nobody could
 * serve while it is updated.
 */
function isEnough({ plan, slots, release, from }: Rollout): boolean {
  if (plan.slots.length === 0 || plan.gateways.length === 0) return false;
  const [only] = plan.slots;
  if (plan.slots.length > 1 || only === undefined || from === null) return true;
  const course = slots[only];
  return course?.at === "settled"
    ? course.release === from
    : course?.at === "leaving" && course.target === release;
}

const lostHosts = (rollout: Rollout, seen: Seen): readonly HostName[] => {
  const { hosts, gateways } = rollout.plan;
  return [...new Set([...hosts, ...gateways])].filter((host) => isSilentForLong(rollout, seen, host));
};

const lostError = (lost: readonly HostName[], { plan }: Rollout) =>
  appError(
    "host.lost",
    `${lost.join(", ")} could not be asked for ${formatDuration(plan.hostLostAfter)} and is left out`,
    { hint: "`glidepath check` looks closer; the next release brings it to what the others run" },
  );

/** Not one with a gateway: left out, that would go on leading users to slots that nobody asks after. */
const fullHosts = (rollout: Rollout, now: Instant): readonly HostName[] => {
  const { plan, slots } = rollout;
  const full = musterOf(rollout).moving.flatMap(({ slot }) => {
    const course = slots[slot];
    const host = plan.hostOf[slot];
    if (course === undefined || course.at === "settled" || course.full === undefined) return [];
    return host === undefined || now < after(course.full.since, plan.hostLostAfter) ? [] : [host];
  });
  return [...new Set(full)].filter((host) => !plan.gateways.includes(host));
};

const fullError = (hosts: readonly HostName[], { plan }: Rollout) =>
  appError(
    "host.disk",
    `${hosts.join(", ")} had no room on the disk for ${formatDuration(plan.hostLostAfter)} and is left out`,
    { hint: "free some there; the next release brings it to what the others run" },
  );

function without(rollout: Rollout, lost: readonly HostName[]): Rollout {
  const { plan, phase, withdrawal } = rollout;
  const isLost = new Set<HostName>(lost);
  const slots = plan.slots.filter((slot) => !isLost.has(plan.hostOf[slot] ?? ("" as HostName)));
  const courses: Record<SlotKey, SlotCourse> = {};
  for (const slot of slots) {
    const course = rollout.slots[slot];
    if (course !== undefined) courses[slot] = course;
  }
  const kept = (names: readonly HostName[]): readonly HostName[] => names.filter((name) => !isLost.has(name));
  const staging = phase.name === "staging" ? { ...phase, staged: kept(phase.staged) } : phase;
  const maxUnavailable = Math.max(1, Math.min(plan.maxUnavailable, slots.length - 1));
  const groups = plan.groups
    .map((group) => group.filter((slot) => courses[slot] !== undefined))
    .filter((group) => group.length > 1);
  const named = { hosts: kept(plan.hosts), gateways: kept(plan.gateways) };
  const remaining = { ...named, slots, groups, maxUnavailable };
  return {
    ...rollout,
    plan: { ...plan, ...remaining },
    slots: courses,
    phase: staging,
    excluded: [...rollout.excluded, ...lost],
    ...(withdrawal ? { withdrawal: withdrawalOn(withdrawal, kept(withdrawal.gateways)) } : {}),
  };
}

const withdrawalOn = (
  withdrawal: NonNullable<Rollout["withdrawal"]>,
  gateways: readonly HostName[],
): NonNullable<Rollout["withdrawal"]> | null => (gateways.length === 0 ? null : { ...withdrawal, gateways });

const HOLDS: ReadonlySet<PhaseName> = new Set(["shifting", "baking", "approval"]);

/** The lost slots leave every routing in a switch of their own; then the step is carried anew. */
function goOn(rollout: Rollout, now: Instant): Rollout {
  const { phase, change } = rollout;
  const isBare = phase.name === "finishing" && serving(rollout, rollout.release).length === 0;
  const stepped = HOLDS.has(phase.name) || isBare ? enter(rollout, { name: "updating" }) : rollout;
  // What was only written has the lost slots in it, and leads nobody anywhere yet.
  const free = change?.stage === "preparing" ? { ...stepped, change: null } : stepped;
  const remaining = remainingOf(free);
  return rotationSize(remaining) === 0 ? free : request(stayed(free), pinned(free, remaining), now);
}

/** Who was only about to leave stays: with fewer slots the step may need fewer, and nobody can be spared. */
function stayed(rollout: Rollout): Rollout {
  if (rollout.change !== null || rollout.unsettled) return rollout;
  const leaving = musterOf(rollout).moving.filter(
    ({ slot }) => rollout.slots[slot]?.at === "leaving" && rollout.routing.stable.includes(slot),
  );
  const settled = { at: "settled", release: rollout.from } as const;
  return leaving.reduce((r, { slot }) => withCourse(r, slot, settled), rollout);
}

/** As before, but for the lost slots. A role without any has no users: the other one answers for it. */
export function remainingOf({ routing, slots }: Rollout): Routing {
  const isLeft = (slot: SlotKey): boolean => slots[slot] !== undefined;
  const canary = routing.canary.filter(isLeft);
  const stable = routing.stable.filter(isLeft);
  if (stable.length === 0) return { canary, stable, share: EVERYTHING };
  return { canary, stable, share: canary.length === 0 ? NOTHING : routing.share };
}

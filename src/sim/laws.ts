import { instant } from "../base/time.ts";
import { EVERYTHING } from "../model/share.ts";
import type { SlotKey } from "../model/ids.ts";
import { inRotation, sameRouting } from "../model/routing.ts";
import { isEnded, type PhaseName, type Rollout, type SlotCourse } from "../model/rollout.ts";
import { routedBy, routingText, type Fleet, type SimGateway, type SimSlot } from "./fleet.ts";
import type { Harm } from "./harms.ts";
import type { Behaviour } from "./scenario.ts";

/** The truth that a decision is held against. */
export interface Truth {
  readonly fleet: Fleet;
  readonly now: number;
  /** Since when the controller that has decided is there, and does not stand still. */
  readonly awakeSince: number;
}

interface Step {
  readonly truth: Truth;
  readonly before: Rollout;
  readonly after: Rollout;
}

/** The laws that a step from one persisted state to the next breaks, held against what is really there. */
export function check(truth: Truth, before: Rollout | null, after: Rollout): readonly Harm[] {
  if (before === null) return [];
  const now = instant(truth.now);
  if (before.id !== after.id) {
    const what = `${after.id} begins while ${before.id} is ${before.phase.name}`;
    return isEnded(before) && before.phase.name !== "stuck" ? [] : [{ at: now, law: 6, what }];
  }
  const step: Step = { truth, before, after };
  return RULES.flatMap(([law, rule]) => rule(step).map((what) => ({ at: now, law, what })));
}

type Rule = (step: Step) => readonly string[];

/** Law 2: what the rollout takes for confirmed is so on every gateway. */
const routingIsTrue: Rule = ({ truth, before, after }) => {
  if (before.change === null || after.change !== null) return [];
  if (sameRouting(before.routing, after.routing) || isEnded(after)) return [];
  return gatewaysOf(truth, after)
    .filter(({ table }) => table === null || !sameRouting(table.routing, after.routing))
    .map(({ gateway, table }) => {
      const really = routingText(table?.routing ?? null);
      return `${gateway.name} is taken for ${routingText(after.routing)} and has ${really}`;
    });
};

/** Those of the plan: a lost one is nobody's any more. */
const gatewaysOf = ({ fleet }: Truth, { plan }: Rollout): readonly SimGateway[] =>
  [...fleet.gateways.values()].filter(({ gateway }) => plan.gateways.includes(gateway.name));

/** Law 1 and 2: what a slot's course says was seen is true. One that was stuck claims nothing yet. */
const courseIsTrue: Rule = ({ truth, before, after }) =>
  before.phase.name === "stuck" ? [] : coursesClaim({ truth, before, after });

const coursesClaim: Rule = ({ truth, before, after }) =>
  after.plan.slots.flatMap((key) => {
    const slot = truth.fleet.slots.get(key);
    const from = before.slots[key];
    const to = after.slots[key];
    if (slot === undefined || from === undefined || to === undefined || from.at === to.at) return [];
    const broken = CLAIMS[to.at]?.({ slot, from, to, truth, after }) ?? null;
    return broken === null ? [] : [`${key} is ${to.at}, and ${broken}`];
  });

interface Claim {
  readonly slot: SimSlot;
  readonly from: SlotCourse;
  readonly to: SlotCourse;
  readonly truth: Truth;
  readonly after: Rollout;
}

const JOINED: ReadonlySet<SlotCourse["at"]> = new Set(["joining", "ramping"]);

/** For each state that a slot enters: what must be so in the world. */
const CLAIMS: Partial<Record<SlotCourse["at"], (claim: Claim) => string | null>> = {
  draining: (claim) => stillRouted(claim),
  stopping: (claim) => (claim.from.at === "draining" ? stillRouted(claim) : null),
  switching: ({ slot }) => {
    if (slot.intent === "up") return "it is to run";
    return slot.process === "running" ? "it still runs" : null;
  },
  starting: ({ slot, to }) =>
    "target" in to && slot.link !== to.target ? `it points to ${slot.link}` : null,
  checking: ({ slot }) => (slot.intent === "down" ? "it was not started" : null),
  settled: ({ slot, to, from, truth, after }) => {
    if (to.at !== "settled" || to.release === null || !JOINED.has(from.at)) return null;
    if (slot.link !== to.release) return `it points to ${slot.link}`;
    const missing = gatewaysOf(truth, after).find(
      ({ table }) => table === null || !inRotation(table.routing, slot.slot.key),
    );
    return missing === undefined ? null : `${missing.gateway.name} does not route to it`;
  },
};

function stillRouted({ slot, truth, after }: Claim): string | null {
  const { plan } = after;
  const gateway = routedBy(truth.fleet, slot.slot.key).find((each) =>
    plan.gateways.includes(each.gateway.name),
  );
  return gateway === undefined ? null : `${gateway.gateway.name} routes to it`;
}

/** Law 6: an end is an end; a stuck rollout can be taken up by an operator only. */
const endIsEnd: Rule = ({ before, after }) => {
  const { name } = before.phase;
  if (!isEnded(before) || before === after) return [];
  if (name === "stuck" && (after.phase.name === "aborting" || isTakenUp(before, after))) return [];
  // Whoever takes it over knows of newer writes.
  if (name === "stuck" && after.phase.name === "stuck" && after.generation > before.generation) return [];
  return sameButOrder(before, after) ? [] : [`a rollout that was ${name} became ${after.phase.name}`];
};

/** A first release has nothing to go back to: an operator lets it try again. */
const isTakenUp = (before: Rollout, after: Rollout): boolean =>
  before.phase.name === "stuck" && after.from === null;

const sameButOrder = (before: Rollout, after: Rollout): boolean =>
  before.phase === after.phase && before.generation === after.generation;

/** Law 9: generations only grow, by the writes that are given one. */
const generationsGrow: Rule = ({ before, after }) =>
  after.generation < before.generation ? [`generation ${before.generation} → ${after.generation}`] : [];

const FORWARD: readonly PhaseName[] = [
  "updating",
  "shifting",
  "baking",
  "approval",
  "finishing",
  "completed",
];
const BACK: readonly PhaseName[] = ["aborting", "rolled-back", "superseded", "stuck"];
const ON: readonly PhaseName[] = [...FORWARD, ...BACK];

/** Where one decision may lead, which can be several phases on. */
const NEXT: Readonly<Record<PhaseName, readonly PhaseName[]>> = {
  staging: ON,
  updating: ON,
  shifting: ON,
  baking: ON,
  approval: ON,
  // Back to updating when the only canary slots are lost.
  finishing: ["completed", "updating", "shifting", ...BACK],
  aborting: BACK,
  completed: [],
  "rolled-back": [],
  superseded: [],
  stuck: BACK,
};

/** Law 6: phases follow each other as the diagram says. */
const phasesFollow: Rule = ({ before, after }) => {
  const from = before.phase.name;
  const to = after.phase.name;
  return from === to || NEXT[from].includes(to) || isTakenUp(before, after) ? [] : [`${from} → ${to}`];
};

/** Law 10: an end is what it says. */
const endIsTrue: Rule = ({ truth, before, after }) => {
  // Before anything was touched, all is as it was: also what an earlier rollout had to leave out.
  if (isEnded(before) || !after.touched) return [];
  const { name } = after.phase;
  if (name !== "completed" && name !== "rolled-back" && name !== "superseded") return [];
  const release = name === "completed" ? after.release : after.from;
  // Who was to join the pool, and nobody was led there, is out of it again.
  const joined = after.plan.slots.filter((key) => release === null || !isNobodys(after.slots[key]));
  const ours = [...truth.fleet.slots.values()].filter(({ slot }) => joined.includes(slot.key));
  const wrong = ours.filter(
    (slot) => slot.link !== release || slot.intent !== (release === null ? "down" : "up"),
  );
  const apart = gatewaysOf(truth, after).filter(
    ({ table }) => release !== null && (table?.routing.share !== 0 || !isSame(table.routing.stable, joined)),
  );
  return [
    ...wrong.map((slot) => `${name}, but ${slot.slot.key} points to ${slot.link}, to be ${slot.intent}`),
    ...apart.map(
      ({ gateway, table }) => `${name}, but ${gateway.name} routes ${routingText(table?.routing ?? null)}`,
    ),
  ];
};

const isNobodys = (course?: SlotCourse): boolean => course?.at === "settled" && course.release === null;

const isSame = (some: readonly SlotKey[], others: readonly SlotKey[]): boolean =>
  some.length === others.length && some.every((key, i) => key === others[i]);

/** Law 6: who goes back does not go forward again. */
const backStaysBack: Rule = ({ before, after }) =>
  before.aborted !== null && after.aborted === null ? ["an aborted rollout goes forward again"] : [];

/**
 * Law 10: on the way back a switch that no gateway has yet is not given up for one that leads only some more
 * users back: of slots that come back one after another each would have the next one put it off.
 */
const backIsMade: Rule = ({ truth, before, after }) => {
  const [one, next] = [before.change, after.change];
  if (before.phase.name !== "aborting" || after.phase.name !== "aborting" || !one?.back) return [];
  if (next === null || next.generation === one.generation) return [];
  // One that is written and not begun leads to somebody who is not seen to be well.
  const isWritten = gatewaysOf(truth, before).some(({ seen }) => seen >= one.generation);
  if (one.stage !== "preparing" || isWritten) return [];
  const [made, asked] = [one.routing, next.routing];
  // Where slots ramp, users are back, and a part may be what is there already.
  if (before.plan.ramp !== undefined || asked.share > made.share) return [];
  const isOnlyMore =
    (asked.share > 0 || made.share === 0) &&
    made.stable.every((key) => asked.stable.includes(key)) &&
    asked.canary.every((key) => made.canary.includes(key));
  return isOnlyMore ? [`${routingText(made)} is given up for ${routingText(asked)}`] : [];
};

/** Law 10: when time runs out for one slot, none that is ready to take users back waits for its turn. */
const readyAreBack: Rule = ({ truth, before, after }) => {
  const { phase, slots, plan } = after;
  if (before.phase.name !== "aborting" || phase.name !== "stuck" || phase.error.code !== "deadline")
    return [];
  // Who could not be asked meanwhile may be what kept it, and is not seen to be well himself.
  const hosts = plan.hosts.map((name) => truth.fleet.hosts.get(name));
  if (hosts.some((host) => truth.now - (host?.unheardAt ?? 0) < 2 * plan.progressDeadline)) return [];
  const isReady = (course?: SlotCourse): boolean =>
    course?.at === "smoking" && course.passed >= plan.smokeChecks;
  return plan.slots.filter((key) => isReady(slots[key])).map((key) => `stuck, and ${key} is ready`);
};

/** Law 10: who goes back gives up on a slot that does not come up when all others are there, and serve. */
const othersAreBack: Rule = ({ truth, before, after }) => {
  if (before.phase.name !== "aborting" || after.phase.name !== "stuck") return [];
  const { phase, slots, plan, from } = after;
  const isHopeless = ({ slot }: SimSlot): boolean => slots[slot.key]?.at === "failed";
  const isWhy = Object.values(slots).some(
    (course) => course.at === "failed" && course.error.message === phase.error.message,
  );
  if (!isWhy) return [];
  const others = [...truth.fleet.slots.values()].filter(
    (one) => plan.slots.includes(one.slot.key) && !isHopeless(one) && !isNobodys(slots[one.slot.key]),
  );
  return others
    .filter(({ slot, link }) => {
      const isCanary = after.routing.share > 0 && after.routing.canary.includes(slot.key);
      return !isCanary && (link !== from || !isLedTo(truth, after, slot.key));
    })
    .map(({ slot, link }) => `stuck, and ${slot.key} waits with ${link}`);
};

/** Longer than a slot that is ready waits for slow ones, with a look that comes late. */
const WAITS = 3000 + 5000;

/** Law 10: who goes back, and is ready to take users, does not wait for a slot that is slow. */
const readyDoNotWait: Rule = ({ truth, before, after }) => {
  if (before.phase.name !== "aborting" || after.phase.name !== "aborting") return [];
  const { plan, slots, release, from } = before;
  const hosts = [...truth.fleet.hosts.values()].map(({ unheardAt }) => unheardAt);
  const undisturbed = Math.max(truth.awakeSince, ...hosts);
  // It may not overtake what is still led away.
  const isCanary = (course?: SlotCourse): boolean =>
    course?.at === "leaving" || (course?.at === "settled" && course.release === release);
  const lastCanary = plan.slots.findLastIndex((key) => isCanary(slots[key]));
  return plan.slots
    .filter((key, place) => {
      const course = slots[key];
      if (course?.at !== "smoking" || course.target !== from || place < lastCanary) return false;
      const serves = truth.fleet.slots.get(key)?.servesFrom ?? Infinity;
      return truth.now - Math.max(course.since, serves, undisturbed) > WAITS;
    })
    .map((key) => `${key} is ready to take users back, and waits for a slow one`);
};

/** Law 10: nor is it left out again of the switch that leads users to it. */
const readyStayAsked: Rule = ({ before, after }) => {
  const [one, next] = [before.change, after.change];
  if (before.phase.name !== "aborting" || after.phase.name !== "aborting") return [];
  if (!one?.back || next === null || next.generation === one.generation) return [];
  return next.routing.stable.length === 0
    ? []
    : one.routing.stable
        .filter((key) => before.slots[key]?.at === "joining" && after.slots[key]?.at === "joining")
        .filter((key) => !next.routing.stable.includes(key))
        .map((key) => `${key} is left out again of the switch that leads users to it`);
};

const isLedTo = (truth: Truth, after: Rollout, key: SlotKey): boolean =>
  gatewaysOf(truth, after).every(({ table }) => table !== null && inRotation(table.routing, key));

/** A controller that is told of nothing for so long does nothing either. */
const HEARD = 5000;

/** Law 3: a host is left out when looks at it have no answer or its disk was full, and for nothing else. */
const lostIsUnheard: Rule = ({ truth, before, after }) =>
  after.excluded
    .filter((name) => !before.excluded.includes(name))
    .filter((name) => truth.now - (truth.fleet.hosts.get(name)?.unheardAt ?? truth.now) > HEARD)
    .filter(
      (name) => (truth.fleet.hosts.get(name)?.fullSince ?? Infinity) > truth.now - before.plan.hostLostAfter,
    )
    .map((name) => `${name} is left out, and every look at it had an answer lately`);

/** Longer than the judge waits for a gateway that says nothing. */
const SILENT = 8000;

/** So long before a rollout the judge begins to learn. */
const LEARNED = 180_000;

/** The canary has answered for so long: one that was down with its host says nothing. */
const STEADY = 1500;

const FAIL: ReadonlySet<Behaviour> = new Set(["fails-requests", "hangs"]);

/** Law 13: by itself no bake ends on evidence that is missing, or for a release of which all fails. */
const evidenceIsSeen: Rule = ({ truth, before, after }) => {
  const { phase, plan, orderTaken, step } = before;
  // Without a lost host the same step is taken once more, and its bake begins anew.
  const isPassed =
    phase.name === "baking" &&
    after.aborted === null &&
    (after.step !== step || ["approval", "finishing"].includes(after.phase.name));
  if (!isPassed || plan.analysis?.observe !== false || orderTaken !== after.orderTaken) return [];
  const { gateways, slots } = truth.fleet;
  const silent = [...gateways.values()].filter(
    ({ log, gateway }) => truth.now - log.readAt > SILENT && !after.excluded.includes(gateway.name),
  );
  const canary = before.routing.canary.map((key) => slots.get(key)?.behaviour);
  const fails =
    canary.length > 0 && canary.every((behaviour) => behaviour !== undefined && FAIL.has(behaviour));
  // A stable that was down lately has taught the judge that requests fail: it takes more of them then.
  const { canary: some, stable } = before.routing;
  const isSteady =
    before.excluded.length === 0 &&
    some.every((key) => (slots.get(key)?.servesFrom ?? Infinity) <= truth.now - STEADY) &&
    stable.every((key) => (slots.get(key)?.servesFrom ?? Infinity) <= before.startedAt - LEARNED);
  const isCompared = isSteady && (plan.steps[step]?.share ?? 0) < EVERYTHING;
  return [
    ...silent.map(({ gateway }) => `a bake ends, and nobody has read the log of ${gateway.name} for long`),
    ...(fails && isCompared ? ["a bake ends, and every request to the canary fails or hangs"] : []),
  ];
};

const RULES: readonly (readonly [number, Rule])[] = [
  [2, routingIsTrue],
  [1, courseIsTrue],
  [3, lostIsUnheard],
  [6, endIsEnd],
  [6, phasesFollow],
  [6, backStaysBack],
  [9, generationsGrow],
  [10, backIsMade],
  [10, othersAreBack],
  [10, readyAreBack],
  [10, readyDoNotWait],
  [10, readyStayAsked],
  [10, endIsTrue],
  [13, evidenceIsSeen],
];

import { poolOf, type Application, type Slot } from "../model/application.ts";
import type { HostName, ReleaseId, SlotKey } from "../model/ids.ts";
import type { Observation } from "../model/observation.ts";
import type { Routing } from "../model/routing.ts";
import type { Beginning } from "./create.ts";
import { isHealthy, slotSeen } from "./sight.ts";

type Unequal = Required<Pick<Beginning, "newcomers" | "strays" | "apart">>;

interface Before {
  readonly stable: ReleaseId | null;
  /** Hosts that the last rollout left out. */
  readonly excluded: readonly HostName[];
}

/**
 * Newcomers never held anything, since somebody made the pool larger. Strays run something else, or were left
 * out with a lost host: not every gateway routes to them, and they do not serve, or nobody routes to them at
 * all. A gateway that was lost itself may lead to slots that were stopped since: its word alone is none.
 */
export function unequalIn(application: Application, seen: Observation, before: Before): Unequal {
  const { stable, excluded } = before;
  const routings = Object.values(seen.gateways).flatMap((state) =>
    state.known && state.value.routing !== null ? [state.value.routing] : [],
  );
  const routed = routings.map(({ canary, stable }) => new Set([...canary, ...stable]));
  const releaseOf = ({ key }: Slot): ReleaseId | null => {
    const state = slotSeen(seen, key);
    return state === null ? stable : state.value.release;
  };
  const [newcomers, known] = parted(poolOf(application.hosts), (slot) => releaseOf(slot) === null);
  const isLed = (slot: Slot, to: "every" | "some"): boolean =>
    releaseOf(slot) === stable && routed[to]((slots) => slots.has(slot.key));
  const isEverywhere = (slot: Slot): boolean => isLed(slot, "every");
  const isSomewhere = (slot: Slot): boolean => isLed(slot, "some");
  // Somebody must be left in the pool meanwhile.
  const [rest, strays] = firstWithAny(known, [
    (slot) => isEverywhere(slot) || (isSomewhere(slot) && isServing(seen, slot)),
    (slot) => isEverywhere(slot) || isSomewhere(slot),
    ({ key }) => routed.every((slots) => slots.has(key)),
  ]);
  const isApart = (routing: Routing): boolean =>
    routing.canary.length > 0 ||
    routing.stable.length !== rest.length ||
    rest.some(({ key }) => !routing.stable.includes(key));
  // What was sent to a gateway before it was lost may come to it late.
  const isLate = application.gateways.some(({ name }) => excluded.includes(name));
  const isUnequal = excluded.length > 0 || strays.length > 0;
  const news = newcomers.map(({ key }) => key);
  const away = strays.map(({ key }) => key);
  return {
    newcomers: news,
    strays: withTheirHosts(application, away, news),
    apart: isLate || (isUnequal && routings.some(isApart)),
  };
}

const isServing = (seen: Observation, { key }: Slot): boolean =>
  slotSeen(seen, key)?.value.process === "running" && isHealthy(seen, key);

type Parted = [readonly Slot[], readonly Slot[]];

/** By the first of the tests that anybody passes. */
function firstWithAny(slots: readonly Slot[], tests: readonly ((slot: Slot) => boolean)[]): Parted {
  const all = tests.map((test) => parted(slots, test));
  return all.find(([passed]) => passed.length > 0) ?? [slots, []];
}

function parted(slots: readonly Slot[], test: (slot: Slot) => boolean): Parted {
  return [slots.filter(test), slots.filter((slot) => !test(slot))];
}

/**
 * A gateway's config has groups for the prefixes and suffixes of its pool alone: of a slot in their midst the
 * whole host is no part of the pool until it is what the others are.
 */
function withTheirHosts(
  application: Application,
  strays: readonly SlotKey[],
  newcomers: readonly SlotKey[],
): readonly SlotKey[] {
  const pool = poolOf(application.hosts);
  if (strays.every((key, i) => key === pool[i]?.key)) return strays;
  const hosts = new Set(pool.filter(({ key }) => strays.includes(key)).map(({ host }) => host));
  const all = pool.filter(({ host, key }) => hosts.has(host) && !newcomers.includes(key));
  // Somebody must serve meanwhile.
  return all.length + newcomers.length < pool.length ? all.map(({ key }) => key) : strays;
}

import type { Instant } from "../base/time.ts";
import { poolOf, type Gateway, type Slot } from "../model/application.ts";
import {
  generation,
  type Generation,
  type HostName,
  type ReleaseId,
  type RolloutId,
  type SlotKey,
} from "../model/ids.ts";
import { inRotation, type Routing, type RoutingTable } from "../model/routing.ts";
import { NOTHING } from "../model/share.ts";
import type { ByKind, TrafficKind } from "../model/drain.ts";
import type { LogSlice } from "../ports/telemetry.ts";
import type { Behaviour, Scenario } from "./scenario.ts";

/** Never. */
export const NEVER = Number.POSITIVE_INFINITY;

export interface SimHost {
  readonly name: HostName;
  /** It is off until then. */
  downUntil: number;
  /** It runs, but the controller cannot reach it until then. */
  cutUntil: number;
  /** Its disk has no room for what slots write down, until then; and since when it had none. */
  fullUntil: number;
  fullSince: number;
  readonly releases: Set<ReleaseId>;
  /** It never comes back by itself; somebody may replace it at the end. */
  isDead: boolean;
  /** When a controller was last told that a look at it had no answer. */
  unheardAt: number;
}

export interface SimSlot {
  readonly slot: Slot;
  readonly host: SimHost;
  generation: Generation;
  /** Who wrote at that generation. */
  writer: RolloutId;
  /** The release that its link points to. */
  link: ReleaseId | null;
  /** Whether it is to run, over reboots too. */
  intent: "up" | "down";
  process: "running" | "stopped";
  /** The release that the process was started from. */
  running: ReleaseId | null;
  behaviour: Behaviour;
  restarts: number;
  /** When the process answers, or will. */
  servesFrom: number;
  /** When it answered last, if it does not now. */
  lastServed: number;
  /** Health checks in a row that said no although it serves. */
  lies: number;
  /** It has answered since it was last started. */
  wasHealthy: boolean;
  /** Parts of the warm-up that it had since it was last started. */
  readonly warmed: Set<number>;
  /** Smoke checks passed since it was last started. */
  readonly passed: Set<number>;
  /** One write at a time: the others wait. */
  lockedUntil: number;
  /** Its port is somebody else's as soon as it stops. */
  takenUntil: number;
  /** What is started until then takes so much longer to answer. */
  slow: { readonly until: number; readonly by: number };
  /** Grows with every process, so that what was meant for an earlier one does nothing. */
  life: number;
}

export interface SimGateway {
  readonly gateway: Gateway;
  readonly host: SimHost;
  /** nginx is dead until then. */
  deadUntil: number;
  /** The newest generation that wrote here, and whose it was. */
  seen: Generation;
  seenBy: RolloutId;
  /** What nginx follows; null: nothing was ever installed. */
  table: RoutingTable | null;
  readonly prepared: Map<Generation, RoutingTable>;
  /** Taken back: what comes late of it is refused. */
  withdrawn: Generation | null;
  readonly traffic: Map<SlotKey, Stream>;
  readonly log: SimLog;
}

export interface Break {
  readonly slot: SlotKey;
  readonly at: Instant;
  readonly kinds: ByKind<number>;
}

/** What a gateway has logged; it survives every controller. */
export interface SimLog {
  readonly slices: LogSlice[];
  /** Requests that ended with their slot. */
  readonly breaks: Break[];
  /** The first slice that is not written yet. */
  next: number;
  /** When it could last be read. */
  readAt: number;
  /** The last slice that is not there any more. */
  gone: number;
}

/** One slot's requests from one gateway, after it left the rotation there. */
export interface Flight {
  readonly until: number;
  readonly kind: TrafficKind;
}

export interface Stream {
  /** When it left the rotation. */
  readonly leftAt: number;
  /** When the requests end that were in flight then. */
  ends: readonly Flight[];
  /** One that the gateway routed before and has not sent yet: nobody sees it. */
  hidden: { readonly from: number; readonly until: number } | null;
}

export interface Fleet {
  readonly hosts: ReadonlyMap<HostName, SimHost>;
  readonly slots: ReadonlyMap<SlotKey, SimSlot>;
  readonly gateways: ReadonlyMap<HostName, SimGateway>;
}

/** The generation of everything that was written before the story begins. */
export const BEFORE: Generation = generation(3);
const LONG_AGO = "rollout-0" as RolloutId;

export function buildFleet({ application, stable }: Scenario): Fleet {
  const pool = poolOf(application.hosts);
  const hosts = new Map<HostName, SimHost>();
  const hostOf = (name: HostName): SimHost => {
    const host = hosts.get(name) ?? {
      name,
      downUntil: 0,
      cutUntil: 0,
      releases: new Set<ReleaseId>(),
      isDead: false,
      fullUntil: 0,
      fullSince: Number.POSITIVE_INFINITY,
      unheardAt: Number.NEGATIVE_INFINITY,
    };
    hosts.set(name, host);
    return host;
  };
  const slots = new Map(pool.map((slot) => [slot.key, buildSlot(slot, hostOf(slot.host), stable)]));
  const routing: Routing = { canary: [], stable: pool.map((slot) => slot.key), share: NOTHING };
  const table = stable === null ? null : { generation: BEFORE, writer: LONG_AGO, routing };
  const gateways = new Map(
    application.gateways.map((gateway) => [gateway.name, buildGateway(gateway, hostOf(gateway.name), table)]),
  );
  if (stable !== null) for (const host of hosts.values()) host.releases.add(stable);
  return { hosts, slots, gateways };
}

function buildSlot(slot: Slot, host: SimHost, stable: ReleaseId | null): SimSlot {
  const runs = stable !== null;
  return {
    slot,
    host,
    generation: runs ? BEFORE : generation(0),
    writer: LONG_AGO,
    link: stable,
    intent: runs ? "up" : "down",
    process: runs ? "running" : "stopped",
    running: stable,
    behaviour: "good",
    restarts: 0,
    servesFrom: runs ? 0 : NEVER,
    lastServed: 0,
    takenUntil: 0,
    slow: { until: 0, by: 0 },
    lies: 0,
    wasHealthy: runs,
    warmed: new Set(),
    passed: new Set(),
    lockedUntil: 0,
    life: 0,
  };
}

function buildGateway(gateway: Gateway, host: SimHost, table: RoutingTable | null): SimGateway {
  return {
    gateway,
    host,
    deadUntil: 0,
    seen: table?.generation ?? generation(0),
    seenBy: LONG_AGO,
    table,
    prepared: new Map(),
    withdrawn: null,
    traffic: new Map(),
    log: { slices: [], breaks: [], next: 0, readAt: 0, gone: 0 },
  };
}

/** The process answers requests now. */
export const isServing = (slot: SimSlot, now: number): boolean =>
  slot.process === "running" && slot.host.downUntil <= now && slot.servesFrom <= now;

/** It goes silent, for whatever reason. */
export function silence(slot: SimSlot, now: number): void {
  if (isServing(slot, now)) slot.lastServed = now;
  slot.servesFrom = NEVER;
}

export const isAlive = (gateway: SimGateway, now: number): boolean =>
  gateway.deadUntil <= now && gateway.host.downUntil <= now;

export const isReachable = (host: SimHost, now: number): boolean =>
  host.downUntil <= now && host.cutUntil <= now;

/** The gateways whose routing has the slot in it, whatever anybody believes. */
export function routedBy(fleet: Fleet, slot: SlotKey): readonly SimGateway[] {
  return [...fleet.gateways.values()].filter(
    ({ table }) => table !== null && inRotation(table.routing, slot),
  );
}

/** For people: who serves whom. */
export function routingText(routing: Routing | null): string {
  if (routing === null) return "nothing";
  const { canary, stable, share, mirror } = routing;
  const copies = mirror === undefined ? "" : ` mirror ${mirror}`;
  return `canary ${canary.join(",") || "-"} stable ${stable.join(",") || "-"} share ${share}${copies}`;
}

/** What runs where and who routes to whom, without times: the same for all ways to the same end. */
export function describeFleet(fleet: Fleet): string {
  const slots = [...fleet.slots.values()].map(
    (slot) => `${slot.slot.key} ${slot.link} ${slot.process} ${slot.intent}`,
  );
  const gateways = [...fleet.gateways.values()].map(
    ({ gateway, table }) => `${gateway.name} ${routingText(table?.routing ?? null)}`,
  );
  return [...slots, ...gateways].join("\n");
}

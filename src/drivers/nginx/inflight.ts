import type { TrafficKind } from "../../model/drain.ts";
import type { InFlight } from "../../model/observation.ts";
import type { Group } from "./groups.ts";

/** A connection to a slot, as `ss -i` tells: milliseconds since something was sent and was received on it. */
export interface Connection {
  readonly lastSent: number;
  readonly lastReceived: number;
}

/** ss leaves a number out that is zero. */
export function readConnection(details: string): Connection {
  const field = (name: string): number => Number(new RegExp(`\\b${name}:(\\d+)`).exec(details)?.[1] ?? "0");
  return { lastSent: field("lastsnd"), lastReceived: field("lastrcv") };
}

/** Sent to later than received from: a request waits for its answer. A stream that flows does not show. */
const waits = ({ lastSent, lastReceived }: Connection): boolean => lastSent < lastReceived;

export type Busy = "idle" | "busy" | "unknown";

/** The groups that can have a request in flight to this slot. */
export const groupsWith = (groups: readonly Group[], place: number): readonly Group[] =>
  groups.filter(({ servers, backups }) => servers.includes(place) || backups.includes(place));

/**
 * Nobody else is in the group: its count is the slot's, also while a body is still on its way from the
 * client.
 */
export const isAlone = ({ servers, backups }: Group): boolean => servers.length === 1 && backups.length === 0;

export interface Measured {
  readonly connections: readonly Connection[];
  /** The groups of this slot alone. */
  readonly alone: Busy;
  /** Groups that the slot shares. */
  readonly shared: Busy;
}

/**
 * Idle connections that nginx keeps for later do not count, so that they do not delay a drain. Of a shared
 * group it is not known whose its requests are: the slot's, as long as it has a connection.
 */
export function inFlightOf({ connections, alone, shared }: Measured): InFlight {
  const estimate = connections.filter(waits).length;
  const count = connections.length;
  const possible = alone === "busy" || (count > 0 && (alone === "unknown" || shared !== "idle"));
  return { requests: possible ? Math.max(1, estimate) : 0, connections: count };
}

const LONG: ReadonlySet<TrafficKind> = new Set(["events", "grpc", "websockets"]);

/**
 * By kind, at least one of each that is there. When only one kind is left, how many is known too: of streams,
 * WebSockets and gRPC as many as there are connections (nginx has one call on each), as those that it keeps
 * for later are gone in a second. When something is in flight and no kind says that it is its own, kinds are
 * not told apart: it is older than the config that counts them.
 */
export function withKinds(all: InFlight, measured: readonly (readonly [TrafficKind, Measured])[]): InFlight {
  const there = measured.filter(([, one]) => inFlightOf(one).requests > 0).map(([kind]) => kind);
  const [only] = there;
  if (only === undefined) return all;
  const sole = LONG.has(only) ? Math.max(1, all.connections) : all.requests;
  const kinds = Object.fromEntries(there.map((kind) => [kind, there.length === 1 ? sole : 1]));
  return { ...all, kinds, requests: there.length === 1 ? sole : Math.max(all.requests, there.length) };
}

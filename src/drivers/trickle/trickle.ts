import { connect } from "node:net";
import { after, instant, millis, seconds, type Instant } from "../../base/time.ts";
import { poolOf, type Application, type Gateway } from "../../model/application.ts";
import type { SlotKey } from "../../model/ids.ts";
import type { ProbeSettings } from "../../model/probing.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TricklePort, TrickleRun } from "../../ports/trickle.ts";
import type { Asking } from "./asking.ts";
import { kindsOf, type Kind } from "./kinds.ts";
import { authorityOf, http2PlaceOf, isAddress, placeOf, type Place } from "./place.ts";

/** How a request says who its user is. */
export interface UserMark {
  readonly headers: Readonly<Record<string, string>>;
  /** `name=value` of the address; null: it is not told there. */
  readonly argument: string | null;
}

export interface TrickleOptions {
  readonly application: Application;
  readonly clock: Clock;
  /** The name under which users know the application; null: the address. */
  readonly host: string | null;
  /** What the gateway tells the answering slot to. */
  readonly token: string;
  /** Users of many buckets, so that both roles are seen as the share grows. */
  readonly users: readonly UserMark[];
  /** The address at which a gateway's machine is reached from here. */
  reach(gateway: Gateway): string;
}

const CONNECT = seconds(2);
const TRY_AGAIN = seconds(5);

/** The small stream of requests; one after the other of each kind, never two of one kind at once. */
export function trickle(options: TrickleOptions): TricklePort {
  return {
    run: async (run) => {
      await Promise.all(options.application.gateways.map((gateway) => probeOne(gateway, options, run)));
    },
  };
}

async function probeOne(gateway: Gateway, options: TrickleOptions, run: TrickleRun): Promise<void> {
  const { name } = gateway;
  const reach = options.reach(gateway);
  const place = placeOf(gateway, reach);
  if (typeof place === "string") return run.onBlind({ gateway: name, kind: null }, place);
  const http2 = http2PlaceOf(gateway, reach);
  if (run.settings.http2 && http2 === null) {
    run.onBlind({ gateway: name, kind: "http2" }, `${name} does not listen with HTTP/2`);
  }
  if (!(await reached(place, gateway, { options, run }))) return;
  const settings = { ...run.settings, http2: run.settings.http2 && http2 !== null };
  await drip({ gateway, place, http2, settings, options, run });
}

interface Parts {
  readonly options: TrickleOptions;
  readonly run: TrickleRun;
}

/** Waits until the gateway can be reached at all: what never was is not probed, and nothing has failed. */
async function reached(place: Place, { name }: Gateway, { options, run }: Parts): Promise<boolean> {
  const { clock } = options;
  while (!run.signal.aborted) {
    const why = await dial(place);
    const about = { gateway: name, kind: null };
    run.onBlind(
      about,
      why === null ? null : `${name}: ${authorityOf(place)} is not reached from here: ${why}`,
    );
    if (why === null) return true;
    await clock.sleep(after(clock.now(), TRY_AGAIN), run.signal);
  }
  return false;
}

function dial({ address, port }: Place): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: CONNECT });
    const end = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    socket.on("connect", () => end(null));
    socket.on("timeout", () => end("no connection in time"));
    socket.on("error", (error) => end(error.message));
  });
}

interface Stream extends Parts {
  readonly gateway: Gateway;
  readonly place: Place;
  readonly http2: Place | null;
  readonly settings: ProbeSettings;
}

/** Beat by beat the next kind that is not under way; a slow one never holds up the others. */
async function drip(stream: Stream): Promise<void> {
  const { settings, options, run } = stream;
  const { clock } = options;
  const idle = [...kindsOf(settings)];
  const all = [...idle];
  const pending = new Set<Promise<void>>();
  const beat = millis(1000 / settings.rate);
  let turn = 0;
  let next: Instant = clock.now();
  while (!run.signal.aborted) {
    const kind = idle.shift();
    if (kind !== undefined) {
      const asked = shoot(stream, kind, turn).finally(() => {
        pending.delete(asked);
        idle.push(kind);
      });
      pending.add(asked);
      turn += 1;
    }
    // A machine that slept has missed its beats: they are not made up for.
    next = instant(Math.max(next + beat, clock.now()));
    await clock.sleep(next, run.signal);
  }
  await Promise.all(pending);
  for (const { asker } of all) asker.close();
}

async function shoot(stream: Stream, kind: Kind, turn: number): Promise<void> {
  const { gateway, options, run } = stream;
  const begun = options.clock.now();
  const answer = await kind.asker.ask(askingOf(stream, kind, turn));
  if (answer === null) return;
  run.onShot({
    gateway: gateway.name,
    kind: kind.kind,
    begun,
    ended: options.clock.now(),
    end: answer.end,
    said: answer.said,
    slot: answer.told === null ? null : slotIn(options.application, answer.told),
  });
}

function askingOf({ place, http2, settings, options, run }: Stream, kind: Kind, turn: number): Asking {
  const user = options.users[turn % options.users.length];
  const { path } = kind;
  const argument = user?.argument ?? null;
  const host = options.host ?? authorityOf(place);
  return {
    place: kind.kind === "http2" && http2 !== null ? http2 : place,
    path: argument === null ? path : `${path}${path.includes("?") ? "&" : "?"}${argument}`,
    headers: {
      Host: host,
      "User-Agent": "glidepath",
      "X-Glidepath-Probe": options.token,
      ...user?.headers,
    },
    serverName: isAddress(host) || host.includes(":") ? null : host,
    timeout: settings.timeout,
    hold: kind.lasts === true ? settings.hold : millis(0),
    signal: run.signal,
  };
}

/** nginx tells all that it tried, the last one answered. */
export function slotIn({ hosts }: Application, told: string): SlotKey | null {
  const last = told.split(/, | : /).at(-1);
  const slot = poolOf(hosts).find(({ address, port }) =>
    [`${address}:${port}`, `[${address}]:${port}`].includes(last ?? ""),
  );
  return slot?.key ?? null;
}

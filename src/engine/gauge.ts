import type { AppError } from "../base/errors.ts";
import { ok, type Result } from "../base/result.ts";
import { instant, type Instant } from "../base/time.ts";
import type { Application, Gateway } from "../model/application.ts";
import type { CutOff } from "../model/drain.ts";
import type { HostName } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import type { LogCursor, LogReading, Roles, TelemetryPort } from "../ports/telemetry.ts";
import type { EnginePorts } from "./ports.ts";

/** One gateway's log, read on from where it was left. */
export interface Read {
  readonly gateway: HostName;
  /** When it was asked; a reading's clock is later than this and earlier than its answer. */
  readonly askedAt: Instant;
  readonly answeredAt: Instant;
  readonly reading: Result<LogReading, AppError>;
}

/** The places in the gateways' logs: what was read before is never read again. */
export type Places = Readonly<Record<HostName, LogCursor>>;

/** Reads the gateways' logs, each line once, for all who count. */
export interface Gauge {
  /**
   * Begins a reading of every gateway that is not being read; each is told of when it answers. One during
   * which a slot is cut off is no reading: what it read is read anew, by whoever knows of the cut.
   */
  begin(roles: Roles, onRead: (read: Read) => void): readonly Promise<void>[];
  /** Told of every state of the rollout, before its actions begin. */
  follow(rollout: Pick<Rollout, "cutOffs">): void;
  places(): Places;
}

export interface GaugeOptions {
  readonly application: Application;
  readonly ports: Pick<EnginePorts, "telemetry" | "clock">;
  /** Gateways without a place are read from what ended after this. */
  readonly back: Instant;
  readonly places: Places;
  /** What was cut off before somebody went on with it: its lines may be unread. */
  readonly cutOffs: readonly CutOff[];
}

export function createGauge({ application, ports, back, places, ...before }: GaugeOptions): Gauge {
  const { telemetry, clock } = ports;
  let { cutOffs } = before;
  const clocks = createClocks();
  const known = new Map<HostName, LogCursor>(Object.entries(places) as [HostName, LogCursor][]);
  const busy = new Set<HostName>();
  const gateways = application.gateway.passive ? [] : application.gateways;
  const readOne = async (gateway: Gateway, roles: Roles): Promise<Read | null> => {
    const askedAt = clock.now();
    const cursor = known.get(gateway.name) ?? null;
    const told = cutOffs;
    const there = told.length === 0 ? roles : { ...roles, cutOffs: clocks.told(gateway.name, told) };
    const reading = await readOn(telemetry, { gateway, cursor, roles: there, back });
    if (told !== cutOffs) return null;
    const answeredAt = clock.now();
    if (reading.ok) {
      known.set(gateway.name, reading.value.cursor);
      if (reading.value.exists) clocks.heard(gateway.name, reading.value.clock, answeredAt);
    }
    return { gateway: gateway.name, askedAt, answeredAt, reading };
  };
  return {
    begin: (roles, onRead) =>
      gateways
        .filter(({ name }) => !busy.has(name))
        .map(async (gateway) => {
          busy.add(gateway.name);
          try {
            const read = await readOne(gateway, roles);
            if (read !== null) onRead(read);
          } finally {
            busy.delete(gateway.name);
          }
        }),
    places: () => Object.fromEntries(known),
    follow: (rollout) => void (cutOffs = rollout.cutOffs ?? cutOffs),
  };
}

/** How many readings' clocks are remembered. */
const CLOCKS = 20;
/** A line is written some time after a cut at the latest; of thousands of slots the last ones are told. */
const MOST_TOLD = 500;

interface Clocks {
  heard(gateway: HostName, clock: Instant, answeredAt: Instant): void;
  /** The same moments by the gateway's clock, rather some milliseconds too early than too late. */
  told(gateway: HostName, cutOffs: readonly CutOff[]): readonly CutOff[];
}

/** How far the gateways' clocks are ahead of ours, at least: they were read before their answer was there. */
function createClocks(): Clocks {
  const known = new Map<HostName, readonly number[]>();
  return {
    heard: (gateway, clock, answeredAt) =>
      void known.set(gateway, [...(known.get(gateway) ?? []), clock - answeredAt].slice(-CLOCKS)),
    told: (gateway, cutOffs) => {
      const ahead = Math.max(...(known.get(gateway) ?? [0]));
      return cutOffs.slice(-MOST_TOLD).map(({ slot, at }) => ({ slot, at: instant(at + ahead) }));
    },
  };
}

interface ReadOn {
  readonly gateway: Gateway;
  readonly cursor: LogCursor | null;
  readonly roles: Roles;
  readonly back: Instant;
}

async function readOn(
  telemetry: TelemetryPort,
  { gateway, cursor, roles, back }: ReadOn,
): Promise<Result<LogReading, AppError>> {
  const opened = cursor === null ? await telemetry.open(gateway, back) : ok(cursor);
  return opened.ok ? telemetry.read(gateway, opened.value, roles) : opened;
}

import type { AppError } from "../base/errors.ts";
import { ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { Application, Gateway } from "../model/application.ts";
import type { HostName } from "../model/ids.ts";
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
  /** Begins a reading of every gateway that is not being read; each is told of when it answers. */
  begin(roles: Roles, onRead: (read: Read) => void): readonly Promise<void>[];
  places(): Places;
}

export interface GaugeOptions {
  readonly application: Application;
  readonly ports: Pick<EnginePorts, "telemetry" | "clock">;
  /** Gateways without a place are read from what ended after this. */
  readonly back: Instant;
  readonly places: Places;
}

export function createGauge({ application, ports, back, places }: GaugeOptions): Gauge {
  const { telemetry, clock } = ports;
  const known = new Map<HostName, LogCursor>(Object.entries(places) as [HostName, LogCursor][]);
  const busy = new Set<HostName>();
  const gateways = application.gateway.passive ? [] : application.gateways;
  const readOne = async (gateway: Gateway, roles: Roles): Promise<Read> => {
    const askedAt = clock.now();
    const cursor = known.get(gateway.name) ?? null;
    const reading = await readOn(telemetry, { gateway, cursor, roles, back });
    if (reading.ok) known.set(gateway.name, reading.value.cursor);
    return { gateway: gateway.name, askedAt, answeredAt: clock.now(), reading };
  };
  return {
    begin: (roles, onRead) =>
      gateways
        .filter(({ name }) => !busy.has(name))
        .map(async (gateway) => {
          busy.add(gateway.name);
          try {
            onRead(await readOne(gateway, roles));
          } finally {
            busy.delete(gateway.name);
          }
        }),
    places: () => Object.fromEntries(known),
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

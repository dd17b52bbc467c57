import { after, instant, millis } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";
import type { RolloutEvent } from "../ports/control.ts";
import type { Roles } from "../ports/telemetry.ts";
import { createGauge } from "./gauge.ts";
import { BEFORE, createMeter, type Meter } from "./meter.ts";
import type { EnginePorts } from "./ports.ts";

/** Reads the gateways' logs for as long as a rollout is carried, for the receipt and for whoever watches. */
export interface Watch {
  readonly meter: Meter;
  /** Reads until the signal; ends when the last reading has. */
  run(signal: AbortSignal): Promise<void>;
  /** Everything that is there now. */
  readAll(): Promise<void>;
}

/** How often the logs are read. */
const EVERY = millis(300);
/** How often the traffic so far is told. */
const TELL = millis(1000);

export interface WatchOptions {
  readonly application: Application;
  readonly ports: EnginePorts;
  readonly rollout: Rollout;
  readonly onEvent: (event: RolloutEvent) => void;
}

const ROLES: Roles = { joined: {}, warmup: millis(0) };

export function createWatch({ application, ports, rollout, onEvent }: WatchOptions): Watch {
  const { clock } = ports;
  const meter = createMeter(application, rollout);
  const gauge = createGauge({ application, ports, back: instant(rollout.startedAt - BEFORE), places: {} });
  const begin = (): readonly Promise<void>[] => gauge.begin(ROLES, (read) => meter.add(read));
  return {
    meter,
    run: async (signal) => {
      const reading = new Set<Promise<void>>();
      let tellAt = clock.now();
      while (!signal.aborted) {
        for (const each of begin()) {
          reading.add(each);
          void each.finally(() => reading.delete(each));
        }
        const now = clock.now();
        if (now >= tellAt) {
          onEvent({ kind: "traffic", at: now, during: meter.during() });
          tellAt = after(now, TELL);
        }
        await clock.sleep(after(now, EVERY), signal);
      }
      await Promise.all(reading);
    },
    readAll: async () => void (await Promise.all(begin())),
  };
}

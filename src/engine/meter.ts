import { instant, seconds, type Instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { Receipt } from "../model/receipt.ts";
import type { HostName } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { addTraffic, NO_TRAFFIC, type Traffic } from "../model/traffic.ts";
import type { JournalEntry } from "../ports/journal.ts";
import type { LogCursor, TrafficSecond } from "../ports/telemetry.ts";
import { phaseTimes, switchTimes } from "./entries.ts";
import type { EnginePorts } from "./ports.ts";

/** Counts what the gateways served before, during and after a rollout, from their own logs. */
export interface Meter {
  /** Reads what was logged since; the traffic during the rollout so far. */
  read(): Promise<Traffic>;
  receipt(rollout: Rollout, entries: readonly JournalEntry[]): Receipt;
}

/** How far back "before" reaches. */
const BEFORE = seconds(30);

interface Log {
  cursor: LogCursor | null;
  readonly seconds: TrafficSecond[];
  missing: string | null;
}

export function createMeter(application: Application, ports: EnginePorts, rollout: Rollout): Meter {
  const logs = new Map<HostName, Log>();
  if (application.gateway.passive) return notMeasured;
  const first = Math.floor(rollout.startedAt / 1000);
  let during: Traffic = NO_TRAFFIC;
  const readAll = async (): Promise<Traffic> => {
    await Promise.all(application.gateways.map((gateway) => readOne(gateway.name)));
    return during;
  };
  const readOne = async (name: HostName): Promise<void> => {
    const gateway = application.gateways.find((each) => each.name === name);
    if (gateway === undefined) return;
    const log = logs.get(name) ?? { cursor: null, seconds: [], missing: null };
    logs.set(name, log);
    if (log.cursor === null) {
      const opened = await ports.telemetry.open(gateway, instant(rollout.startedAt - BEFORE));
      if (!opened.ok) log.missing = `${name}: ${opened.error.message}`;
      log.cursor = opened.ok ? opened.value : null;
    }
    if (log.cursor === null) return;
    const got = await ports.telemetry.read(gateway, log.cursor);
    log.missing = got.ok ? lost(name, got.value.lostBytes) : `${name}: ${got.error.message}`;
    if (!got.ok) return;
    log.cursor = got.value.cursor;
    log.seconds.push(...got.value.seconds);
    for (const { second, traffic } of got.value.seconds) {
      if (second >= first) during = addTraffic(during, traffic);
    }
  };
  return { read: readAll, receipt: (ended, entries) => receiptOf(logs, ended, entries) };
}

/** Without our own log format there is nothing to read. */
const notMeasured: Meter = {
  read: () => Promise.resolve(NO_TRAFFIC),
  receipt: (ended, entries) => ({
    ...receiptOf(new Map(), ended, entries),
    missing: ["requests: the passive form leaves nginx's config, and so its log, alone"],
  }),
};

const lost = (name: HostName, bytes: number): string | null =>
  bytes === 0 ? null : `${name}: ${bytes} bytes of the log were rotated away before they were read`;

function receiptOf(
  logs: ReadonlyMap<HostName, Log>,
  rollout: Rollout,
  entries: readonly JournalEntry[],
): Receipt {
  const end = rollout.endedAt ?? rollout.progressAt;
  const switches = switchTimes(entries);
  return {
    before: within(logs, instant(0), rollout.startedAt),
    during: within(logs, rollout.startedAt, end),
    after: within(logs, instant(end + 1000), null),
    cut: rollout.cut,
    phases: phaseTimes(entries, end),
    took: seconds((end - rollout.startedAt) / 1000),
    switches: switches.length,
    longestSwitch: switches.toSorted((a, b) => b - a)[0] ?? seconds(0),
    missing: [...logs.values()].flatMap((log) => (log.missing === null ? [] : [log.missing])),
  };
}

/** The requests that arrived from the second of `from` up to and with the second of `to`. */
function within(logs: ReadonlyMap<HostName, Log>, from: Instant, to: Instant | null): Traffic {
  const first = Math.floor(from / 1000);
  const last = to === null ? Infinity : Math.floor(to / 1000) - (from === 0 ? 1 : 0);
  return [...logs.values()]
    .flatMap((log) => log.seconds)
    .filter(({ second }) => second >= first && second <= last)
    .reduce((sum, { traffic }) => addTraffic(sum, traffic), NO_TRAFFIC);
}

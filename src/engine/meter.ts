import type { AppError } from "../base/errors.ts";
import { instant, seconds, type Instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import { sumOfKinds } from "../model/drain.ts";
import { startOf } from "../model/evidence.ts";
import type { MirrorCount, Receipt, Stretch } from "../model/receipt.ts";
import type { HostName } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import { addTraffic, NO_TRAFFIC, type Traffic } from "../model/traffic.ts";
import type { JournalEntry } from "../ports/journal.ts";
import type { LogSlice } from "../ports/telemetry.ts";
import { phaseTimes, switchTimes } from "./entries.ts";
import type { Read } from "./gauge.ts";
import { createStretches } from "./stretches.ts";

/** Counts what the gateways served before, during and after a rollout, from their own logs. */
export interface Meter {
  add(read: Read): void;
  /** The traffic during the rollout so far; null: nobody counts it. */
  during(): Traffic | null;
  receipt(rollout: Rollout, entries: readonly JournalEntry[]): Receipt;
  /** For whoever goes on with it. */
  counted(): Counted;
}

export interface Counted {
  readonly before: Traffic;
  readonly during: Traffic;
  /** Absent: nobody kept it. */
  readonly course?: readonly Stretch[];
  /** What is in no count, and why; absent: all is, as far as that is known. */
  readonly lost?: Readonly<Record<HostName, string>>;
  /** Absent: nothing was mirrored. */
  readonly mirrored?: MirrorCount;
}

/** How far back "before" reaches. */
const BEFORE = seconds(30);
/** An end becomes known soon after it: what is older than this was before it. */
const YOUNG = seconds(60);

export function createMeter(application: Application, rollout: Rollout, counted: Counted | null): Meter {
  if (application.gateway.passive) return notMeasured;
  const gaps = createGaps(application, counted?.lost);
  const isLed = rollout.from !== null;
  let before = counted?.before ?? NO_TRAFFIC;
  let old = counted?.during ?? NO_TRAFFIC;
  let young: readonly LogSlice[] = [];
  let mirrored = counted?.mirrored;
  const stretches = createStretches(counted?.course);
  const sum = (slices: readonly LogSlice[]): Traffic =>
    slices.reduce((total, { traffic }) => addTraffic(total, traffic), NO_TRAFFIC);
  const take = (slices: readonly LogSlice[], now: Instant): void => {
    const isBefore = ({ slice }: LogSlice): boolean => startOf(slice) < rollout.startedAt;
    const isNear = ({ slice }: LogSlice): boolean => startOf(slice) >= rollout.startedAt - BEFORE;
    const isOld = ({ slice }: LogSlice): boolean => startOf(slice) < now - YOUNG;
    before = addTraffic(before, sum(slices.filter((slice) => isBefore(slice) && isNear(slice))));
    const all = [...young, ...slices.filter((slice) => !isBefore(slice))];
    old = addTraffic(old, sum(all.filter(isOld)));
    young = all.filter((slice) => !isOld(slice));
    mirrored = slices.filter((slice) => !isBefore(slice)).reduce(addCopies, mirrored);
    stretches.add(slices.filter(isNear), now);
  };
  const soFar = (): Traffic => addTraffic(old, sum(young));
  return {
    add: (read) => {
      gaps.add(read);
      if (read.reading.ok) take(read.reading.value.slices, read.answeredAt);
    },
    during: () => (isUncounted(soFar(), gaps.told(isLed)) ? null : soFar()),
    counted: () => ({
      before,
      during: soFar(),
      ...gaps.kept(),
      course: stretches.all(),
      ...copiesIn(mirrored),
    }),
    receipt: (ended, entries) => {
      const end = endOf(ended);
      const during = addTraffic(old, sum(young.filter(({ slice }) => startOf(slice) <= end)));
      const after = sum(young.filter(({ slice }) => startOf(slice) > end));
      const times = timesOf(ended, entries);
      const missing = gaps.told(isLed || times.switches > 0);
      return {
        ...times,
        ...cutsOf(addTraffic(during, after), missing.length === 0 ? 0 : ended.cut),
        before,
        during,
        after,
        ...(isUncounted(during, missing) ? { uncounted: true } : {}),
        missing: [...lostIn(ended), ...missing],
        course: stretches.all(),
        ...copiesIn(mirrored),
      };
    },
  };
}

/** What was seen in flight is the least where a log, or a part of it, could not be read. */
function cutsOf({ cutKinds = {} }: Traffic, least: number): Pick<Receipt, "cut" | "cutKinds"> {
  const cut = sumOfKinds(cutKinds);
  if (cut < least || cut === 0) return { cut: least };
  return { cut, cutKinds };
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

const copiesIn = (mirrored: MirrorCount | undefined): { readonly mirrored?: MirrorCount } =>
  mirrored === undefined ? {} : { mirrored };

/** What failed of them is told, and is no failure of what was served. */
function addCopies(before: MirrorCount | undefined, { mirrored }: LogSlice): MirrorCount | undefined {
  if (mirrored === undefined) return before;
  const { requests, failures, left } = mirrored.canary;
  const failed = Object.entries(failures).filter(([status]) => Number(status) < 100 || Number(status) >= 500);
  const late = sumOf(Object.values(left));
  return {
    requests: (before?.requests ?? 0) + requests + late,
    failed: (before?.failed ?? 0) + sumOf(failed.map(([, count]) => count)) + late,
  };
}

const lostIn = ({ excluded }: Rollout): readonly string[] =>
  excluded.map((host) => `${host} was lost and is left out: the next release brings it to what runs`);

/** What was not seen is unknown, and not nothing. */
const isUncounted = ({ requests }: Traffic, missing: readonly string[]): boolean =>
  requests === 0 && missing.length > 0;

/** What the logs do not tell, gateway by gateway. */
interface Gaps {
  add(read: Read): void;
  /** Before nginx is led for the first time there is no log, and nothing to be in it. */
  told(isLed: boolean): readonly string[];
  kept(): Pick<Counted, "lost">;
}

function createGaps({ gateways }: Application, before: Counted["lost"]): Gaps {
  const logOf = (gateway: HostName): string => gateways.find(({ name }) => name === gateway)?.log ?? "";
  const lost = new Map(Object.entries(before ?? {}) as [HostName, string][]);
  const unread = new Map<HostName, string>();
  const absent = new Map<HostName, string>();
  return {
    add: ({ gateway, reading }) => {
      unread.delete(gateway);
      absent.delete(gateway);
      if (!reading.ok) unread.set(gateway, wordsOf(reading.error));
      else if (!reading.value.exists) absent.set(gateway, `${gateway}: there is no ${logOf(gateway)}`);
      else if (reading.value.full !== undefined) lost.set(gateway, wordsOf(reading.value.full));
      else if (reading.value.losses > 0 && !lost.has(gateway)) lost.set(gateway, `${gateway}: ${LOST}`);
    },
    told: (isLed) => [...new Map([...(isLed ? absent : []), ...unread, ...lost]).values()],
    kept: () => (lost.size === 0 ? {} : { lost: Object.fromEntries(lost) }),
  };
}

const LOST = "a part of the log was gone before it was read, or there was no room for it";
const wordsOf = ({ message, hint }: AppError): string => [message, ...(hint ? [hint] : [])].join("; ");

/** Without our own log format there is nothing to read, and nginx is led by nobody. */
const notMeasured: Meter = {
  add: () => undefined,
  during: () => null,
  counted: () => ({ before: NO_TRAFFIC, during: NO_TRAFFIC }),
  receipt: (ended, entries) => ({
    ...timesOf(ended, entries),
    switches: 0,
    longestSwitch: seconds(0),
    before: NO_TRAFFIC,
    during: NO_TRAFFIC,
    after: NO_TRAFFIC,
    uncounted: true,
    missing: ["requests: the passive form leaves nginx's config, and so its log, alone"],
  }),
};

const endOf = ({ endedAt, progressAt }: Rollout): Instant => instant(endedAt ?? progressAt);

function timesOf(
  rollout: Rollout,
  entries: readonly JournalEntry[],
): Omit<Receipt, "before" | "during" | "after" | "missing"> {
  const end = endOf(rollout);
  const switches = switchTimes(entries);
  return {
    cut: rollout.cut,
    phases: phaseTimes(entries, end),
    took: seconds((end - rollout.startedAt) / 1000),
    switches: switches.length,
    skew: rollout.skew ?? null,
    longestSwitch: switches.toSorted((a, b) => b - a)[0] ?? seconds(0),
  };
}

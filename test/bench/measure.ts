// One run of a release under load, measured from outside: by the load's own record, and by what the
// application itself needs at least.
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../../src/demo/ports.ts";
import { startApp } from "../support/app.ts";
import { type LoadReport, type Span, percentile } from "../support/load.ts";
import type { Workspace } from "../support/workspace.ts";

/** Between two boots of the application, so that they are as far apart as in a release. */
const APART_MS = 1500;
const BEFORE_MS = 5000;
const AFTER_MS = 4000;

/** Milliseconds. */
export interface Floor {
  readonly boot: number;
  readonly stop: number;
}

/** What happens between `before` and `after`. Times are milliseconds since the Unix epoch. */
export interface Act {
  readonly startedAt: number;
  readonly endedAt: number;
  /** Milliseconds until the new release served everybody, where that is earlier than the end. */
  readonly released?: number;
}

export interface Measured {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  readonly byKind: LoadReport["byKind"];
  /** By what was asked. */
  readonly asked: LoadReport["asked"];
  /** Failed before the release began: what the configuration loses by itself. */
  readonly failedBefore: number;
  readonly p99Before: number;
  readonly p99During: number;
  /** While nothing but the application boots and stops beside them, as often as in a release. */
  readonly p99Floor: number;
  /** Null where nothing was answered before. */
  readonly p99Ratio: number | null;
  /** Until the new release served everybody from every slot. */
  readonly released: number;
  /** Until the command returned. */
  readonly took: number;
  /** Boot and stop of each slot, and the longest request in flight when it left. */
  readonly floor: number;
  /** `released` beyond the floor. */
  readonly overhead: number;
  /** From the order to the first request sent that the new release answered, and to the former's last. */
  readonly firstNew: number | null;
  readonly lastOld: number | null;
  /** Null: not measured. */
  readonly back: Back | null;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Turning round at half the users. */
export interface Back {
  /** From the order to the last request sent that the release which goes answered. */
  readonly lastNew: number | null;
  /** Until the command returned. */
  readonly took: number;
}

/** The application's own start and end, measured under the very load, on a spare port. */
export async function measureFloor(workspace: Workspace, release: string): Promise<Floor> {
  const boots: number[] = [];
  const stops: number[] = [];
  for (let run = 0; run < 3; run++) {
    const began = performance.now();
    const directory = join(workspace.directory, `floor${run}`);
    const app = await startApp({ directory, port: await freePort(), release });
    boots.push(performance.now() - began);
    await wait(APART_MS);
    stops.push(await app.stop());
  }
  return { boot: percentile(boots, 0.5), stop: percentile(stops, 0.5) };
}

/**
 * How long the old release still answered in a slot after the last request that it was given until `to`. What
 * was in flight when the release began counts too.
 */
function drainOf({ samples }: LoadReport, answeredBy: string, to: number): number {
  if (samples === null) throw new Error("no samples");
  const by = samples.names.indexOf(answeredBy);
  let lastSent = 0;
  let lastAnswer = 0;
  for (const [index, at] of samples.sentAt.entries()) {
    if (samples.by[index] !== by || at >= to) continue;
    lastSent = Math.max(lastSent, at);
    lastAnswer = Math.max(lastAnswer, at + (samples.delay[index] ?? 0) + (samples.asked[index] ?? 0));
  }
  return Math.max(0, lastAnswer - lastSent);
}

/** Releases of one run: what is slow by chance once is not in the median. */
export const ROUNDS = 3;

/** v1, which serves at the beginning, and one for each round. */
export const releaseOf = (round: number): string => `v${round + 2}`;
export const RELEASES = Object.fromEntries(Array.from({ length: ROUNDS + 1 }, (_, i) => [`v${i + 1}`, {}]));

export interface Run {
  readonly name: string;
  readonly workspace: Workspace;
  /** Brings `release` into every slot. */
  readonly act: (release: string) => Promise<Act & { readonly extra?: Measured["extra"] }>;
  /** Begins a release of that name, and turns it round; `startedAt` is the order to. */
  readonly turnRound?: (release: string) => Promise<Act>;
}

interface Round extends Act {
  readonly before: Span;
  readonly during: Span;
  readonly from: string;
  readonly to: string;
  readonly extra?: Measured["extra"];
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
const now = (): number => performance.timeOrigin + performance.now();

async function roundOf({ act }: Run, index: number): Promise<Round> {
  const peaceFrom = now();
  await wait(BEFORE_MS);
  const acted = await act(releaseOf(index));
  await wait(AFTER_MS);
  const { startedAt, endedAt } = acted;
  return {
    ...acted,
    before: { from: peaceFrom, to: startedAt },
    during: { from: startedAt, to: endedAt },
    from: `v${index + 1}`,
    to: releaseOf(index),
  };
}

/** The p99 over several windows together, and how many requests failed in them. */
function together(
  report: LoadReport,
  spans: readonly Span[],
): { readonly p99: number; readonly failed: number } {
  const { samples } = report;
  if (samples === null) throw new Error("no samples");
  const inside = samples.sentAt.flatMap((at, index) =>
    spans.some(({ from, to }) => at >= from && at < to) ? [index] : [],
  );
  const good = inside.filter((index) => (samples.by[index] ?? -1) >= 0);
  const delays = good.map((index) => samples.delay[index] ?? 0);
  return { p99: percentile(delays, 0.99), failed: inside.length - good.length };
}

/** When the requests were sent that a release answered after a moment: the first and the last. */
function answeredBy({ samples }: LoadReport, release: string, after: number): Span | null {
  if (samples === null) throw new Error("no samples");
  const mine = new Set(samples.names.flatMap((name, at) => (name.startsWith(`${release}@`) ? [at] : [])));
  const sent = samples.sentAt.filter((at, index) => at >= after && mine.has(samples.by[index] ?? -1));
  if (sent.length === 0) return null;
  return { from: percentile(sent, 0) - after, to: percentile(sent, 1) - after };
}

const TURNED = "turned";

async function turnedRound({ turnRound }: Run): Promise<Act | null> {
  if (turnRound === undefined) return null;
  const acted = await turnRound(TURNED);
  await wait(AFTER_MS);
  return acted;
}

function backOf(report: LoadReport, act: Act | null): Back | null {
  if (act === null) return null;
  const last = answeredBy(report, TURNED, act.startedAt)?.to;
  return { lastNew: last === undefined ? null : round(last), took: round(act.endedAt - act.startedAt, 0) };
}

/** Load; then, some times: five seconds of peace, a release, four more seconds. */
export async function measure(run: Run): Promise<Measured> {
  const { name, workspace } = run;
  process.stderr.write(`bench: ${name}\n`);
  const load = await workspace.load({ rate: 300, slowMs: 1500, fresh: 0.1 });
  const from = now();
  const floor = await measureFloor(workspace, "v1");
  const booting = { from, to: now() };
  const rounds: Round[] = [];
  for (let index = 0; index < ROUNDS; index++) rounds.push(await roundOf(run, index));
  const turned = await turnedRound(run);
  const report = await load.stop();
  const before = together(
    report,
    rounds.map((one) => one.before),
  );
  const during = together(
    report,
    rounds.map((one) => one.during),
  );
  const each = rounds.map((one) => timesOf(report, { one, slots: workspace.slots, floor }));
  const median = (part: (times: Times) => number): number => round(percentile(each.map(part), 0.5), 0);
  const switched = (part: (times: Times) => number | null): number | null => {
    const known = each.map(part).filter((one) => one !== null);
    return known.length === 0 ? null : round(percentile(known, 0.5), 0);
  };
  return {
    name,
    requests: report.requests,
    failed: report.failed,
    byKind: report.byKind,
    asked: report.asked,
    failedBefore: before.failed,
    p99Before: before.p99,
    p99During: during.p99,
    p99Floor: together(report, [booting]).p99,
    p99Ratio: before.p99 === 0 ? null : round(during.p99 / before.p99, 2),
    released: median((one) => one.released),
    took: median((one) => one.took),
    floor: median((one) => one.floor),
    overhead: median((one) => one.overhead),
    firstNew: switched((one) => one.firstNew),
    lastOld: switched((one) => one.lastOld),
    back: backOf(report, turned),
    extra: { boot: round(floor.boot), stop: round(floor.stop), rounds: each, ...rounds.at(-1)?.extra },
  };
}

interface Times {
  readonly released: number;
  readonly took: number;
  readonly floor: number;
  readonly overhead: number;
  readonly firstNew: number | null;
  readonly lastOld: number | null;
  readonly drains: readonly number[];
}

interface Timing {
  readonly one: Round;
  readonly slots: readonly number[];
  readonly floor: Floor;
}

function timesOf(report: LoadReport, { one, slots, floor }: Timing): Times {
  const { startedAt, endedAt, released = endedAt - startedAt } = one;
  // Who did not wait for it did without it.
  const drainAt = (slot: number): number => drainOf(report, `${one.from}@${slot}`, one.during.to);
  const drains = slots.map((slot) => round(Math.min(drainAt(slot), endedAt - startedAt)));
  const least = drains.reduce((sum, drain) => sum + drain + floor.boot + floor.stop, 0);
  return {
    released: round(released),
    took: round(endedAt - startedAt),
    floor: round(least),
    overhead: round(released - least),
    firstNew: answeredBy(report, one.to, startedAt)?.from ?? null,
    lastOld: answeredBy(report, one.from, startedAt)?.to ?? null,
    drains,
  };
}

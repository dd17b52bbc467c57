// One run of a release under load, measured from outside: by the load's own record, and by what the
// application itself needs at least.
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../../src/demo/ports.ts";
import { startApp } from "../support/app.ts";
import { type LoadReport, percentile, windowOf } from "../support/load.ts";
import type { Workspace } from "../support/workspace.ts";

export const BEFORE_MS = 5000;
export const AFTER_MS = 4000;

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
  /** Failed before the release began: what the configuration loses by itself. */
  readonly failedBefore: number;
  readonly p99Before: number;
  readonly p99During: number;
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
  readonly extra?: Readonly<Record<string, unknown>>;
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
    stops.push(await app.stop());
  }
  return { boot: percentile(boots, 0.5), stop: percentile(stops, 0.5) };
}

/** How long the old release still answered in a slot after the last request that it was given. */
export function drainOf({ samples }: LoadReport, answeredBy: string): number {
  if (samples === null) throw new Error("no samples");
  const by = samples.names.indexOf(answeredBy);
  let lastSent = 0;
  let lastAnswer = 0;
  for (const [index, at] of samples.sentAt.entries()) {
    if (samples.by[index] !== by) continue;
    lastSent = Math.max(lastSent, at);
    lastAnswer = Math.max(lastAnswer, at + (samples.delay[index] ?? 0) + (samples.asked[index] ?? 0));
  }
  return Math.max(0, lastAnswer - lastSent);
}

export interface Run {
  readonly name: string;
  readonly workspace: Workspace;
  readonly from: string;
  readonly act: () => Promise<Act & { readonly extra?: Measured["extra"] }>;
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** Load, five seconds of peace, the release, four more seconds. */
export async function measure({ name, workspace, from, act }: Run): Promise<Measured> {
  process.stderr.write(`bench: ${name}\n`);
  const load = await workspace.load();
  const floor = await measureFloor(workspace, from);
  const peaceFrom = performance.timeOrigin + performance.now();
  await wait(BEFORE_MS);
  const { startedAt, endedAt, extra, released = endedAt - startedAt } = await act();
  await wait(AFTER_MS);
  const report = await load.stop();
  const before = windowOf(report, peaceFrom, startedAt);
  const during = windowOf(report, startedAt, endedAt);
  const drains = workspace.slots.map((slot) => drainOf(report, `${from}@${slot}`));
  const least = drains.reduce((sum, drain) => sum + drain + floor.boot + floor.stop, 0);
  return {
    name,
    requests: report.requests,
    failed: report.failed,
    byKind: report.byKind,
    failedBefore: before.failed,
    p99Before: before.p99,
    p99During: during.p99,
    p99Ratio: before.p99 === 0 ? null : round(during.p99 / before.p99, 2),
    released: round(released, 0),
    took: round(endedAt - startedAt, 0),
    floor: round(least, 0),
    overhead: round(released - least, 0),
    extra: {
      boot: round(floor.boot),
      stop: round(floor.stop),
      drains: drains.map((one) => round(one)),
      ...extra,
    },
  };
}

import { bucketOf } from "../../model/traffic.ts";
import type { Traffic } from "../../model/traffic.ts";
import type { TrafficSecond } from "../../ports/telemetry.ts";
import { LineReader } from "./line.ts";

/**
 * Sums lines up by the second in which the request arrived. Pure; the order and the batches do not matter.
 */
interface Tally {
  requests: number;
  failed: number;
  cut: number;
  retried: number;
  /** Whole milliseconds → count; becomes log buckets in the end. */
  readonly durations: Map<number, number>;
}

export interface Fold {
  readonly seconds: Map<number, Tally>;
  /** Lines that are none of ours. */
  garbage: number;
}

export const emptyFold = (): Fold => ({ seconds: new Map(), garbage: 0 });

const CLIENT_LEFT = 499;
const NEWLINE = "\n";

function tallyAt(fold: Fold, second: number): Tally {
  const known = fold.seconds.get(second);
  if (known !== undefined) return known;
  const tally = { requests: 0, failed: 0, cut: 0, retried: 0, durations: new Map<number, number>() };
  fold.seconds.set(second, tally);
  return tally;
}

/**
 * What the gateway wrote for a client that left before the answer came: nobody was failed, nothing was
 * measured.
 */
const isAnswered = ({ status }: LineReader): boolean =>
  status >= 100 && status < 500 && status !== CLIENT_LEFT;

function count(tally: Tally, line: LineReader): void {
  tally.requests += 1;
  if (line.status < 100 || line.status >= 500) tally.failed += 1;
  if (!isAnswered(line)) return;
  if (line.attempts > 1) tally.retried += 1;
  // How long a connection lasts that is meant to last says nothing about the application, nor does its end.
  if (line.lasting) return;
  if (line.cut) tally.cut += 1;
  tally.durations.set(line.duration, (tally.durations.get(line.duration) ?? 0) + 1);
}

const line = new LineReader();

/** Adds all whole lines of the text; returns where the last, unfinished line begins. */
export function foldText(fold: Fold, text: string): number {
  let from = 0;
  let second = Number.NaN;
  let tally: Tally | null = null;
  for (let to = text.indexOf(NEWLINE); to !== -1; to = text.indexOf(NEWLINE, from)) {
    if (line.read(text, from, to)) {
      const arrived = Math.floor((line.end - line.duration) / 1000);
      if (tally === null || arrived !== second) tally = tallyAt(fold, arrived);
      second = arrived;
      count(tally, line);
    } else {
      fold.garbage += 1;
    }
    from = to + 1;
  }
  return from;
}

function trafficOf({ durations, ...counts }: Tally): Traffic {
  const latency: Record<number, number> = {};
  for (const [ms, number] of durations) latency[bucketOf(ms)] = (latency[bucketOf(ms)] ?? 0) + number;
  return { ...counts, latency };
}

/** In the order of time. */
export function secondsOf(fold: Fold): readonly TrafficSecond[] {
  return [...fold.seconds]
    .toSorted(([a], [b]) => a - b)
    .map(([second, tally]) => ({ second, traffic: trafficOf(tally) }));
}

/**
 * Where in the text the first request begins that arrived at or after `back`, and the latest end of any in
 * it.
 */
export function findArrival(
  text: string,
  back: number,
): { readonly at: number | null; readonly latest: number } {
  let at: number | null = null;
  let latest = 0;
  let from = 0;
  for (let to = text.indexOf(NEWLINE); to !== -1; to = text.indexOf(NEWLINE, from)) {
    if (line.read(text, from, to)) {
      latest = Math.max(latest, line.end);
      if (at === null && line.end - line.duration >= back) at = from;
    }
    from = to + 1;
  }
  return { at, latest };
}

import { between } from "../base/time.ts";
import { usualGap, type ProbeCount, type ProbeLoss, type ProbeReport } from "../model/probing.ts";
import type { Commits, Receipt, Stretch } from "../model/receipt.ts";
import { NO_TRAFFIC, quantile, type Histogram, type Traffic } from "../model/traffic.ts";

const when = (at: number): string => new Date(at).toISOString();
const counted = (histogram: Histogram): number =>
  Object.values(histogram).reduce((sum, count) => sum + count, 0);

export const trafficJson = (traffic: Traffic): object => ({
  requests: traffic.requests,
  failed: traffic.failed,
  cut: traffic.cut,
  retried: traffic.retried,
  fellBack: traffic.fellBack,
  p50: quantile(traffic.latency, 0.5),
  p99: quantile(traffic.latency, 0.99),
});

const COUNTED_NOTHING = trafficJson(NO_TRAFFIC);
/** Nobody knows any of it. */
const uncountedJson = (): object =>
  Object.fromEntries(Object.keys(COUNTED_NOTHING).map((key) => [key, null]));

const commitsJson = ({ times, longest }: Commits): object => ({
  count: counted(times),
  usual: quantile(times, 0.5),
  longest,
});

const countJson = ({ gaps, latency, ...rest }: ProbeCount): object => ({
  ...rest,
  usualGap: usualGap({ gaps, ...rest }),
  p50: quantile(latency, 0.5),
  p99: quantile(latency, 0.99),
});

const lossJson = ({ begun, ended, ...rest }: ProbeLoss): object => ({
  ...rest,
  at: when(begun),
  took: between(begun, ended),
});

const sum = (counts: readonly ProbeCount[], of: "sent" | "failed" | "cut" | "declined"): number =>
  counts.reduce((total, count) => total + count[of], 0);

const probeJson = ({ counts, losses, blind, ...rest }: ProbeReport): object => ({
  sent: sum(counts, "sent"),
  failed: sum(counts, "failed"),
  cut: sum(counts, "cut"),
  declined: sum(counts, "declined"),
  kinds: counts.map(countJson),
  losses: losses.map(lossJson),
  ...rest,
  notProbed: blind,
});

const stretchJson = ({ from, to, ...rest }: Stretch): object => ({ from: when(from), to: when(to), ...rest });

/** Durations in milliseconds; what was not measured is null. */
export const receiptJson = ({ commits, back, probe, course, uncounted, ...rest }: Receipt): object => ({
  ...rest,
  ...(uncounted === true
    ? { before: uncountedJson(), during: uncountedJson(), after: uncountedJson(), cut: null }
    : {
        before: trafficJson(rest.before),
        during: trafficJson(rest.during),
        after: trafficJson(rest.after),
      }),
  commits: commits === undefined ? null : commitsJson(commits),
  back: back ?? null,
  probe: probe ? probeJson(probe) : null,
  course: (course ?? []).map(stretchJson),
});

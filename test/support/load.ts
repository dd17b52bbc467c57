// The load generator of the demo, and words for what its report must say.
import type { LoadFailure, LoadReport } from "../../src/demo/load/report.ts";

export { type Load, type LoadOptions, startLoad } from "../../src/demo/load/child.ts";
export { type LoadReport, percentile } from "../../src/demo/load/report.ts";

const sentence = (one: LoadFailure, from: number): string =>
  `+${Math.round(one.sentAt - from)}ms ${one.method} ${one.path} user ${one.user}` +
  ` by ${one.answeredBy ?? "nobody"}` +
  ` after ${Math.round(one.took)}ms: ${one.kind}, ${one.message}`;

/** Failed requests as sentences, for `expect(failuresOf(report)).toEqual([])`. */
export const failuresOf = (report: LoadReport): readonly string[] =>
  report.failures.map((one) => sentence(one, report.startedAt));

/** Users who went back to a release that they had left: `user 3: v2 -> v1`. */
export function goneBack(report: LoadReport, order: readonly string[]): readonly string[] {
  return report.changes
    .filter(({ from, to }) => order.indexOf(to) < order.indexOf(from))
    .map(({ user, from, to }) => `user ${user}: ${from} -> ${to}`);
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How many requests one slot answered that were sent and answered inside the span. */
export function answeredIn({ samples }: LoadReport, slot: number, { from, to }: Span): number {
  if (samples === null) throw new Error("this load was run without samples");
  return samples.sentAt.filter((at, index) => {
    const name = samples.names[samples.by[index] ?? -1];
    const took = (samples.delay[index] ?? 0) + (samples.asked[index] ?? 0);
    return at >= from && at + took <= to && name?.endsWith(`@${slot}`) === true;
  }).length;
}

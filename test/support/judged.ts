// A judge that has seen the stable for a minute, and made-up traffic to give it.
import { createJudge, type Judge } from "../../src/analysis/judge.ts";
import type { JudgeState } from "../../src/analysis/state.ts";
import { instant, millis, minutes, seconds } from "../../src/base/time.ts";
import type { AnalysisSettings } from "../../src/model/analysis.ts";
import type { Evidence } from "../../src/model/evidence.ts";
import type { HostName } from "../../src/model/ids.ts";
import { basisPoints } from "../../src/model/share.ts";
import { GATEWAY, slicesOf, type MadeRequest } from "./evidence.ts";

/** The defaults of the file. */
export const SETTINGS: AnalysisSettings = {
  observe: false,
  alpha: 0.05,
  errors: { ratio: 1.1, margin: 0.0005 },
  latency: { ratio: 1.1, margin: millis(2) },
  bad: [{ from: 500, to: 599 }],
  unit: "request",
  warmup: millis(0),
  minRequests: 200,
  early: true,
  look: seconds(3),
  maxFailedRequests: 200,
  metrics: [],
};
export const WEBS = [GATEWAY, "web2", "web3"] as HostName[];
export const START = 1_700_000_000_000;

export function judgeOf(settings: Partial<AnalysisSettings> = {}, gateways = WEBS) {
  const shares = [500, 5000, 10_000].map(basisPoints);
  return createJudge({ ...SETTINGS, ...settings }, { gateways, shares, expected: minutes(30) });
}

/** `rate` requests a second, every fifth from the canary; what is not said is that of a healthy release. */
export function traffic(how: {
  readonly from: number;
  readonly seconds: number;
  readonly rate: number;
  readonly each?: number;
  readonly canary?: (i: number) => Partial<MadeRequest>;
  readonly all?: (i: number) => Partial<MadeRequest>;
}): readonly MadeRequest[] {
  const { from, seconds, rate, each = 5, canary = () => ({}), all = () => ({}) } = how;
  return Array.from({ length: seconds * rate }, (_, i) => {
    const role = Number.isFinite(each) && i % each === 0 ? ("canary" as const) : ("stable" as const);
    const base: MadeRequest = { arrived: from + (i * 1000) / rate, took: 40 + ((i * 37) % 60), role };
    return { ...base, ...all(i), ...(role === "canary" ? canary(i) : {}) };
  });
}

export const evidence = (gateway: HostName, requests: readonly MadeRequest[], through: number): Evidence => ({
  gateway,
  through: instant(through),
  slices: slicesOf(requests),
  lost: 0,
});

/** Everything of all gateways, as they would have told it second by second. */
export interface Told {
  readonly made: readonly MadeRequest[];
  readonly until: number;
}
export function feed(judge: Judge, from: JudgeState, { made, until }: Told): JudgeState {
  return judge.observe(from, evidence(GATEWAY, made, until), instant(until));
}

interface Before {
  readonly calm?: number;
  readonly all?: (i: number) => Partial<MadeRequest>;
}

/** A minute of the stable alone, of which nobody comes in the last `calm` seconds; then the share. */
export function seasoned(
  judge: Judge,
  share: number,
  { calm = 0, all = () => ({}) }: Before = {},
): JudgeState {
  const then = instant(START - 60_000);
  let state = judge.shareChanged(judge.begin(then), then, basisPoints(0));
  const before = traffic({ from: then, seconds: 60 - calm, rate: 200, each: Infinity, all });
  for (const name of WEBS) {
    const own = name === WEBS[0] ? before : [];
    state = judge.observe(state, evidence(name, own, START), instant(START));
  }
  return judge.shareChanged(state, instant(START), basisPoints(share));
}

export const ONE = [WEBS[0]!];

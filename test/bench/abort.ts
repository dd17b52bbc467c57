// How long after somebody typed `glidepath abort` a request can still reach the canary, by the load's record.
import type { LoadReport } from "../../src/demo/load/report.ts";
import { startLoad } from "../support/load.ts";
import { openGates, type Gates } from "../support/gates.ts";

export interface Aborted {
  readonly gateways: number;
  /** What the rollout did when it was told to go back. */
  readonly during: string;
  readonly requests: number;
  readonly failed: number;
  /** From typing `glidepath abort` to the last request that the canary answered, in ms; null: none did. */
  readonly lastCanary: number | null;
  /** The same, from when the rollout took the order. */
  readonly afterOrder: number | null;
  /** From the same to the end of the rollout, in ms. */
  readonly took: number;
}

const MOMENTS = [
  { during: "approval at 1 %", event: /"phase":"approval"[^\n]*"share":100,/, promote: false },
  { during: "approval at 50 %", event: /"phase":"approval"[^\n]*"share":5000,/, promote: true },
  { during: "updating for 50 %", event: /"phase":"updating"[^\n]*"step":2,/, promote: true },
] as const;

const STEPS = [{ share: "1%", approve: true }, { share: "50%", approve: true }, { share: "100%" }];
const APPROVAL = /"phase":"approval"[^\n]*"share":100,/;

/** The canary of a release that nobody had before. */
const lastOf = (report: LoadReport, release: string): number =>
  Math.max(
    0,
    ...report.answers.filter((one) => one.answeredBy.startsWith(`${release}@`)).map((one) => one.lastSentAt),
  );

async function abortOnce(w: Gates, release: string, moment: (typeof MOMENTS)[number]): Promise<Aborted> {
  await w.addRelease(release);
  const loads = w.gates.map((port) => startLoad({ url: `http://127.0.0.1:${port}/`, rate: 100 }));
  await Promise.all(loads.map((load) => load.warm));
  const running = w.start(["release", release, "--json"]);
  await running.says(APPROVAL);
  if (moment.promote) await w.glidepath("promote");
  await running.says(moment.event);
  const typed = performance.timeOrigin + performance.now();
  await w.glidepath("abort");
  const ran = await running.done;
  const reports = await Promise.all(loads.map((load) => load.stop()));
  if (ran.code !== 1) throw new Error(`the abort ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
  const last = Math.max(...reports.map((report) => lastOf(report, release)));
  const taken = Date.parse(String(ran.events.find((one) => one["phase"] === "aborting")?.["at"]));
  return {
    gateways: w.gates.length,
    during: moment.during,
    requests: reports.reduce((sum, one) => sum + one.requests, 0),
    failed: reports.reduce((sum, one) => sum + one.failed, 0),
    lastCanary: last === 0 ? null : Math.round(last - typed),
    afterOrder: last === 0 ? null : Math.round(last - taken),
    took: Math.round(ran.endedAt - typed),
  };
}

/** On one gateway and on four. */
export async function benchAbort(): Promise<readonly Aborted[]> {
  const all: Aborted[] = [];
  for (const gateways of [1, 4]) {
    const rollout = { key: "cookie:uid", steps: STEPS, drain: "5s" };
    const w = await openGates({ hosts: 4, slots: 1, gateways, rollout });
    try {
      await w.bringUp("v1");
      for (const [i, moment] of MOMENTS.entries()) all.push(await abortOnce(w, `v2.${i}`, moment));
    } finally {
      await w.close();
    }
  }
  return all;
}

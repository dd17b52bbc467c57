// How long after somebody typed `glidepath abort` a request can still reach the canary, by the load's record.
import process from "node:process";
import type { LoadReport } from "../../src/demo/load/report.ts";
import { startLoad } from "../support/load.ts";
import { openGates, type Gates } from "../support/gates.ts";

export interface Aborted {
  readonly gateways: number;
  /** `rollout.maxLoad`. */
  readonly maxLoad: number;
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

interface Moment {
  readonly phase: string;
  /** From 1. */
  readonly step: number;
}

/** Each phase lasts long enough to be met: hooks hold staging and shifting, a slow boot the others. */
const HELD = "sleep 2";
const BOOTS = { bootMs: 1500 };
const SHARES = ["1%", "50%", "100%"];
const STEPS = SHARES.map((share) => ({ share, bake: "3s", approve: true }));
const PHASES = ["updating", "shifting", "baking", "approval"];
const MOMENTS: readonly Moment[] = [
  { phase: "staging", step: 1 },
  ...SHARES.flatMap((_, i) => PHASES.map((phase) => ({ phase, step: i + 1 }))),
  { phase: "finishing", step: SHARES.length },
];

const wordsOf = ({ phase, step }: Moment): string => `${phase}, ${SHARES[step - 1]}`;
const eventOf = ({ phase, step }: Moment): RegExp => new RegExp(`"phase":"${phase}"[^\\n]*"step":${step},`);

/** All gates before the moment, each passed as soon as it is reached. */
async function goTo(w: Gates, running: ReturnType<Gates["start"]>, moment: Moment): Promise<void> {
  const gates = moment.phase === "finishing" ? moment.step : moment.step - 1;
  for (let step = 1; step <= gates; step += 1) {
    await running.says(eventOf({ phase: "approval", step }));
    await w.glidepath("promote");
  }
  await running.says(eventOf(moment));
}

/** The canary of a release that nobody had before. */
const lastOf = (report: LoadReport, release: string): number =>
  Math.max(
    0,
    ...report.answers.filter((one) => one.answeredBy.startsWith(`${release}@`)).map((one) => one.lastSentAt),
  );

type Once = Omit<Aborted, "maxLoad">;

async function abortOnce(w: Gates, release: string, moment: Moment): Promise<Once> {
  await w.addRelease(release, BOOTS);
  const loads = w.gates.map((port) => startLoad({ url: `http://127.0.0.1:${port}/`, rate: 100 }));
  await Promise.all(loads.map((load) => load.warm));
  const running = w.start(["release", release, "--json"]);
  await goTo(w, running, moment);
  const typed = performance.timeOrigin + performance.now();
  await w.glidepath("abort");
  const ran = await running.done;
  const reports = await Promise.all(loads.map((load) => load.stop()));
  if (ran.code !== 1) throw new Error(`the abort ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
  const last = Math.max(...reports.map((report) => lastOf(report, release)));
  const taken = Date.parse(String(ran.events.find((one) => one["phase"] === "aborting")?.["at"]));
  return {
    gateways: w.gates.length,
    during: wordsOf(moment),
    requests: reports.reduce((sum, one) => sum + one.requests, 0),
    failed: reports.reduce((sum, one) => sum + one.failed, 0),
    lastCanary: last === 0 ? null : Math.round(last - typed),
    afterOrder: last === 0 ? null : Math.round(last - taken),
    took: Math.round(ran.endedAt - typed),
  };
}

const HOSTS = 4;
const settingsFor = (maxLoad: number) => ({
  hosts: HOSTS,
  slots: 1,
  rollout: { key: "cookie:uid", steps: STEPS, drain: "5s", maxLoad },
  sections: { hooks: { beforeRelease: HELD, afterShift: HELD }, analysis: "off" },
});

interface Round {
  readonly gateways: number;
  readonly maxLoad: number;
  readonly moments: readonly Moment[];
}

/** Where three of four slots are the canary's, the fourth may carry everybody, or half of them. */
const isWide = ({ step }: Moment): boolean => step === SHARES.length;

/** Every moment at the default `maxLoad`; those at 100 % also where one slot may carry all traffic. */
const ROUNDS: readonly Round[] = [1, 4].flatMap((gateways) => [
  { gateways, maxLoad: 2, moments: MOMENTS },
  { gateways, maxLoad: HOSTS, moments: MOMENTS.filter(isWide) },
]);

async function roundOf({ gateways, maxLoad, moments }: Round): Promise<readonly Aborted[]> {
  const all: Aborted[] = [];
  if (moments.length === 0) return all;
  const w = await openGates({ ...settingsFor(maxLoad), gateways });
  try {
    await w.bringUp("v1");
    for (const [i, moment] of moments.entries()) {
      const one = { ...(await abortOnce(w, `v2.${i}`, moment)), maxLoad };
      process.stderr.write(`bench: abort ${JSON.stringify(one)}\n`);
      all.push(one);
    }
    return all;
  } finally {
    await w.close();
  }
}

/** On one gateway and on four; GLIDEPATH_MOMENTS (a pattern such as `^updating`) asks for some only. */
export async function benchAbort(): Promise<readonly Aborted[]> {
  const asked = new RegExp(process.env["GLIDEPATH_MOMENTS"] ?? "");
  const all: Aborted[] = [];
  for (const round of ROUNDS) {
    const moments = round.moments.filter((moment) => asked.test(wordsOf(moment)));
    all.push(...(await roundOf({ ...round, moments })));
  }
  return all;
}

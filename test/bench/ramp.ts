// A release whose slots are cold for ten seconds, with a ramp and without: what users notice.
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { table } from "../../src/demo/table.ts";
import { percentile, type LoadReport, type Span } from "../support/load.ts";
import { openWorkspace } from "../support/workspace.ts";

/** 2 ms of computing a request, 40 when cold; one request in fifty takes 60 ms anyway. */
const WARM = { costUs: 2000 };
const COLD = { ...WARM, coldMs: 10_000 };
const LOAD = { rate: 100, users: 500, post: 0, slow: 0.02, slowMs: 60 };
const BEFORE_MS = 20_000;
const AFTER_MS = 10_000;
const WINDOW_MS = 5000;
const LONGEST_MS = 400_000;

export interface Ramped {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  readonly p99Before: number;
  /** From the command's start to ten seconds after its end. */
  readonly p99During: number;
  readonly ratio: number;
  /** Of all windows of five seconds. */
  readonly p99Worst: number;
  readonly took: number;
}

/** The whole time to the answer, also what the request itself asked for. */
function p99Of({ samples }: LoadReport, { from, to }: Span): number {
  if (samples === null) throw new Error("no samples");
  const times = samples.sentAt.flatMap((at, i) =>
    at >= from && at < to ? [(samples.delay[i] ?? 0) + (samples.asked[i] ?? 0)] : [],
  );
  return percentile(times, 0.99);
}

function worstOf(report: LoadReport, { from, to }: Span): number {
  const starts = Array.from({ length: Math.floor((to - from) / WINDOW_MS) }, (_, i) => from + i * WINDOW_MS);
  return Math.max(...starts.map((start) => p99Of(report, { from: start, to: start + WINDOW_MS })));
}

const now = (): number => performance.timeOrigin + performance.now();
const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

async function benchOne(name: string, rollout: object): Promise<Ramped> {
  process.stderr.write(`bench: ramp: ${name}\n`);
  const workspace = await openWorkspace({
    // While one is away the others have room: what is measured is the cold one.
    slots: 3,
    releases: { v1: WARM, v2: COLD },
    edit: (sections) => ({ ...sections, rollout, analysis: "off" }),
  });
  try {
    await workspace.bringUp("v1");
    const load = await workspace.load(LOAD);
    const from = now();
    await wait(BEFORE_MS);
    const ran = await workspace.start(["release", "v2", "--json"], { timeoutMs: LONGEST_MS }).done;
    if (ran.code !== 0) throw new Error(`the release failed: ${ran.stdout}${ran.stderr}`);
    await wait(AFTER_MS);
    const to = now();
    const report = await load.stop();
    const during = { from: ran.startedAt, to };
    const [p99Before, p99During] = [p99Of(report, { from, to: ran.startedAt }), p99Of(report, during)];
    return {
      name,
      requests: report.requests,
      failed: report.failed,
      p99Before: round(p99Before),
      p99During: round(p99During),
      ratio: round(p99During / p99Before, 2),
      p99Worst: round(worstOf(report, during)),
      took: round(ran.endedAt - ran.startedAt),
    };
  } finally {
    await workspace.close();
  }
}

export const benchRamp = async (): Promise<readonly Ramped[]> => [
  await benchOne("without a ramp", {}),
  await benchOne("ramp: 30s", { ramp: "30s" }),
];

export function printRamp(results: readonly Ramped[]): void {
  const header = ["cold slots", "requests", "failed", "p99 before ms", "p99 during ms", "ratio"];
  const rows = results.map(({ name, requests, failed, p99Before, p99During, ratio, p99Worst, took }) => [
    name,
    ...[requests, failed, p99Before, p99During, ratio, p99Worst, took].map(String),
  ]);
  console.log(`\n${table([...header, "worst 5 s ms", "took ms"], rows)}`);
}

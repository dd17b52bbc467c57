// What the procedures cost, as tables and as bars of the picture.
import { table } from "../../src/demo/table.ts";
import type { AskedKind } from "../../src/demo/load/report.ts";
import type { Measured } from "./measure.ts";
import type { Panel } from "./picture.ts";
import type { Throughput } from "./throughput.ts";

const KINDS: readonly AskedKind[] = ["keep-alive", "fresh", "POST", "slow"];
const cell = (value: number | null | undefined): string => String(value ?? "-");

function costRow(one: Measured): readonly string[] {
  const { name, requests, failed, failedBefore, p99Before, p99Floor, p99During, p99Ratio } = one;
  const times = [one.took, one.released, one.floor, one.overhead];
  const numbers = [requests, failed, failedBefore, p99Before, p99Floor, p99During, p99Ratio, ...times];
  return [name, ...numbers.map(cell)];
}

function detailRow({ name, asked, firstNew, lastOld, back }: Measured): readonly string[] {
  const failed = KINDS.map((kind) => asked[kind]?.failed ?? 0);
  return [name, ...[...failed, firstNew, lastOld, back?.lastNew, back?.took].map(cell)];
}

const COST = [
  "procedure",
  "requests",
  "failed",
  "of them before",
  "p99 before ms",
  "p99 booting ms",
  "p99 during ms",
  "ratio",
];
const TIMES = ["took ms", "released ms", "floor ms", "overhead ms"];
const DETAIL = [
  "failed of",
  "keep-alive",
  "own connection",
  "POST",
  "slow",
  "first new ms",
  "last old ms",
  "turned round: last new ms",
  "whole ms",
];

export function printProcedures(results: readonly Measured[]): void {
  console.log(table([...COST, ...TIMES], results.map(costRow)));
  console.log(`\n${table(DETAIL, results.map(detailRow))}`);
  const own = results.find(({ name }) => name === "glidepath")?.extra;
  if (own === undefined) return;
  const { cpuMs, maxRssMb, reloads, sameWorkers, result } = own;
  console.log(`\nglidepath itself: ${String(cpuMs)} ms of processor time, ${String(maxRssMb)} MB`);
  console.log(`nginx reloads: ${String(reloads)}; workers kept: ${String(sameWorkers)}`);
  for (const line of receiptLines(result)) console.log(line);
}

interface Told {
  readonly receipt?: {
    readonly commits?: { readonly usual: number | null; readonly longest: number } | null;
    readonly back?: { readonly users: number; readonly whole: number } | null;
  };
}

/** What the receipt of the last release says of its switches. */
function receiptLines(result: unknown): readonly string[] {
  const { commits, back } = (result as Told | undefined)?.receipt ?? {};
  const ms = (value: number | null): string => (value === null ? "?" : `${Math.round(value)} ms`);
  return [
    ...(commits ? [`its receipt: a switch takes ${ms(commits.usual)}, ${ms(commits.longest)} at most`] : []),
    ...(back
      ? [`its receipt: going back would have taken ${ms(back.users)} for all users, ${ms(back.whole)} in all`]
      : []),
  ];
}

const bars = <One extends { readonly name: string }>(
  all: readonly One[],
  valueOf: (one: One) => number | null,
): Panel["bars"] => all.map((one) => ({ name: one.name, value: valueOf(one) }));

/** What stands in the picture: little is good in each. */
export function panelsOf(results: readonly Measured[], paths: readonly Throughput[]): readonly Panel[] {
  const measured: readonly Panel[] =
    results.length === 0
      ? []
      : [
          {
            title: "Failed requests in three releases",
            isLog: true,
            bars: bars(results, (one) => one.failed),
          },
          { title: "p99 during the release / before", bars: bars(results, (one) => one.p99Ratio) },
          {
            title: "Release time beyond boot, stop and drain, s",
            bars: bars(results, (one) => Math.max(0, one.overhead) / 1000),
          },
        ];
  const cost = paths.map(({ name, paths: each }) => ({
    title: `Proxy's processor time a request, µs: ${name}`,
    bars: bars(each, (one) => one.cpuUsPerRequest),
  }));
  return [...measured, ...cost];
}

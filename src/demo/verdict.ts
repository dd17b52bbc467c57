// What came of the demo, counted by the clients and by nginx's own processes, not by the command.
import { type LoadReport, type Window, windowOf } from "./load/report.ts";
import type { PlannedAct } from "./play.ts";
import type { Act } from "./stagehand.ts";
import { table } from "./table.ts";

export interface Played {
  readonly planned: PlannedAct;
  readonly act: Act;
}

export interface Line {
  readonly release: string;
  readonly outcome: string;
  readonly tookMs: number;
  /** Null before the load began. */
  readonly requests: number | null;
  readonly failed: number | null;
  readonly p99: number | null;
  readonly reloads: number;
  readonly sameWorkers: boolean;
}

export interface Verdict {
  readonly lines: readonly Line[];
  readonly requests: number;
  readonly failed: number;
  readonly sentence: string;
  readonly code: 0 | 1;
}

const INTERRUPTED = 5;
const OUTCOMES: Readonly<Record<number, string>> = {
  0: "completed",
  1: "went back",
  3: "refused",
  4: "stuck",
  [INTERRUPTED]: "interrupted",
};

/** Requests count for the release in whose time they were sent: until the next one begins. */
function windowFor(played: readonly Played[], at: number, report: LoadReport | null): Window | null {
  const one = played[at];
  if (one === undefined || report === null || !one.planned.underLoad) return null;
  return windowOf(report, one.act.startedAt, played[at + 1]?.act.startedAt ?? Infinity);
}

function lineOf(played: readonly Played[], at: number, report: LoadReport | null): Line[] {
  const one = played[at];
  if (one === undefined) return [];
  const { planned, act } = one;
  const window = windowFor(played, at, report);
  return [
    {
      release: planned.release,
      outcome: act.code === null ? "interrupted" : (OUTCOMES[act.code] ?? `exit code ${act.code}`),
      tookMs: Math.round(act.endedAt - act.startedAt),
      requests: window?.requests ?? null,
      failed: window?.failed ?? null,
      p99: window?.p99 ?? null,
      reloads: act.reloads,
      sameWorkers: act.sameWorkers,
    },
  ];
}

function sentenceOf(wrong: Played | undefined, missing: boolean, report: LoadReport | null): string {
  if (wrong !== undefined) {
    const { planned, act } = wrong;
    const codes = `exit code ${act.code}, not ${planned.code}`;
    return `Not as it should be: release ${planned.release} ended with ${codes}.`;
  }
  if (missing || report === null) return "The demo was ended before its end.";
  const [first] = report.failures;
  if (first !== undefined) {
    const many = `${shown(report.failed)} of ${shown(report.requests)} requests failed`;
    return `Not as it should be: ${many}, the first with: ${first.message}.`;
  }
  return `${shown(report.requests)} requests, none failed; the bad release went back by itself.`;
}

export function judge(
  play: readonly PlannedAct[],
  played: readonly Played[],
  report: LoadReport | null,
): Verdict {
  // Ended by a signal, or by the person who was asked: no fault of the release's.
  const isCut = ({ act }: Played): boolean => act.code === null || act.code === INTERRUPTED;
  const wrong = played.find((one) => one.act.code !== one.planned.code && !isCut(one));
  const missing = played.length < play.length || played.some(isCut);
  const failed = report?.failed ?? 0;
  return {
    lines: played.flatMap((_, at) => lineOf(played, at, report)),
    requests: report?.requests ?? 0,
    failed,
    sentence: sentenceOf(wrong, missing, report),
    code: wrong === undefined && !missing && report !== null && failed === 0 ? 0 : 1,
  };
}

const shown = (value: number | null): string => (value === null ? "-" : value.toLocaleString("en-US"));

export function resultTable({ lines }: Verdict): string {
  const header = ["release", "outcome", "took", "requests", "failed", "p99 ms", "reloads", "nginx workers"];
  const rows = lines.map((line) => [
    line.release,
    line.outcome,
    `${(line.tookMs / 1000).toFixed(1)}s`,
    shown(line.requests),
    shown(line.failed),
    shown(line.p99),
    String(line.reloads),
    line.sameWorkers ? "the same" : "new ones",
  ]);
  return table(header, rows);
}

export const verdictJson = ({ lines, requests, failed, sentence, code }: Verdict): object => ({
  result: code === 0 ? "good" : "bad",
  sentence,
  requests,
  failed,
  releases: lines,
});

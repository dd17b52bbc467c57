import type { RoleSummary, TestReport, Verdict, VerdictKind } from "../../model/verdict.ts";
import { bad, canary, clean, dim, good, indent, line, plain, table, warn, widthOf, wrap } from "./text.ts";
import type { Line, Span } from "./text.ts";
import { bar, count, ms, percent } from "./words.ts";

/** One moment of a trail, for sparklines. */
export interface Point {
  readonly at: number;
  readonly canary: Counted;
  readonly stable: Counted;
  /** How far the evidence against the canary has come, 0 to 1. */
  readonly reached: number;
  /** How wide the interval is in which the difference of the error rates lies. */
  readonly width: number;
}

interface Counted {
  readonly requests: number;
  readonly failed: number;
}

/** As many as stand beside everything else in 80 columns. */
const MOST_POINTS = 21;
const APART = 1000;

const countedOf = ({ requests, failed }: RoleSummary): Counted => ({ requests, failed });

/** The part of the way to its limit that a test has come, as exact as it is told. */
const reachedOf = ({ wealth, limit }: TestReport): number =>
  limit <= 0 ? 0 : Math.min(1, Math.max(0, Math.round((1000 * wealth) / limit) / 1000));

/** The trail with one more moment, at most one a second. */
export function trailWith(
  trail: readonly Point[],
  { at, canary: ours, stable, tests, difference }: Verdict,
): readonly Point[] {
  const last = trail.at(-1);
  if (last !== undefined && at - last.at < APART) return trail;
  const reached = Math.max(0, ...tests.map(reachedOf));
  const width = difference.high - difference.low;
  const point = { at, canary: countedOf(ours), stable: countedOf(stable), reached, width };
  return [...trail, point].slice(-MOST_POINTS);
}

const CELLS = "▁▂▃▄▅▆▇█";

/** Values from 0 to `most`. */
const spark = (values: readonly number[], most: number): string =>
  values
    .map((value) => CELLS[Math.min(CELLS.length - 1, Math.floor((value / most) * CELLS.length))] ?? "")
    .join("");

/** Failed requests, as parts of all, from moment to moment. */
function rates(trail: readonly Point[], role: "canary" | "stable"): readonly number[] {
  return trail.slice(1).map((point, i) => {
    const before = trail[i]?.[role] ?? point[role];
    const requests = point[role].requests - before.requests;
    return requests <= 0 ? 0 : (point[role].failed - before.failed) / requests;
  });
}

const KINDS: Readonly<Record<VerdictKind, (text: string) => Span>> = {
  continue: plain,
  fail: bad,
  proven: good,
  inconclusive: warn,
  unknown: warn,
};

export const verdictSpan = (kind: VerdictKind): Span => KINDS[kind](kind);

const quantileOf = ({ latency }: RoleSummary, q: number): string =>
  ms(latency.find((each) => each.q === q)?.value ?? null);

function roleRow(name: Span, role: RoleSummary, drawn: string): readonly Line[] {
  const { requests, failed, rate, cold } = role;
  const part = rate.value === null ? "" : ` (${percent(rate.value)})`;
  const failures = `${count(failed)}${part}`;
  return [
    [name],
    line(count(requests)),
    [failed > 0 ? bad(failures) : plain(failures)],
    line(quantileOf(role, 0.5)),
    line(quantileOf(role, 0.99)),
    [dim(drawn + (cold > 0 ? ` ${count(cold)} warming up` : ""))],
  ];
}

/** The requests that were copied, and what the copies came to. */
const copyRows = (
  { mirrored }: Verdict,
  { release, from }: Pick<VerdictOptions, "release" | "from">,
): readonly (readonly Line[])[] =>
  mirrored === undefined
    ? []
    : [
        roleRow(dim(`${from ?? "stable"}, copied`), mirrored.stable, ""),
        roleRow(canary(`${release}, copies`), mirrored.canary, ""),
      ];

const HEAD = ["", "requests", "failed", "p50", "p99", ""].map((text) => line(dim(text)));
const WIDTH = 12;

function testRow(test: TestReport): readonly Line[] {
  const against = bar(reachedOf(test), WIDTH);
  const proof =
    test.proof === null
      ? ""
      : `${percent(Math.min(1, Math.max(0, test.proof.wealth / test.proof.limit)))} proven`;
  const where = test.where === null || test.wealth <= 0 ? "" : ` at ${test.where}`;
  return [
    line(test.name),
    [bad(against.full), dim(against.rest)],
    line(dim(`${percent(reachedOf(test))} against${where}`)),
    line(dim(proof)),
  ];
}

/** From 0.1 point (0) to 100 (1) by its logarithm: it closes in with the root of the requests. */
const closeness = (width: number): number => Math.min(1, Math.max(0, 1 + Math.log10(width) / 3));

export interface VerdictOptions {
  readonly release: string;
  readonly from: string | null;
  readonly observe: boolean;
  readonly columns: number;
}

/** Something is known of the release. */
export const isTold = ({ canary: ours, mirrored }: Verdict): boolean =>
  ours.requests > 0 || mirrored !== undefined;

/** Both releases side by side, and how near a decision is. */
export function verdictLines(
  verdict: Verdict,
  trail: readonly Point[],
  { release, from, observe, columns }: VerdictOptions,
): readonly Line[] {
  const ours = rates(trail, "canary");
  const theirs = rates(trail, "stable");
  const most = Math.max(0.01, ...ours, ...theirs);
  const rows = [
    HEAD,
    roleRow(plain(from ?? "stable"), verdict.stable, spark(theirs, most)),
    roleRow(canary(release), verdict.canary, spark(ours, most)),
    ...copyRows(verdict, { release, from }),
  ];
  const { low, high } = verdict.difference;
  const band = `errors less the stable's: ${signed(low)} to ${signed(high)} points`;
  const widths = trail.map(({ width }) => closeness(width));
  const closing = trail.length > 1 ? spark(widths, 1) : "";
  const mode = observe ? dim(" (observed only)") : plain("");
  const head = line("  judge  ", KINDS[verdict.kind](verdict.kind), mode, "  ");
  return [
    ...told(head, clean(verdict.sentence), columns),
    ...table(rows).map((given) => indent(4, given)),
    ...(trail.length > 1
      ? [
          line(
            "    ",
            dim(
              `evidence  ${spark(
                trail.map(({ reached }) => reached),
                1,
              )}`,
            ),
          ),
        ]
      : []),
    ...table(verdict.tests.map(testRow)).map((given) => indent(4, given)),
    line("    ", dim(`${band}${closing === "" ? "" : `  ${closing}`}`)),
  ];
}

const MARGIN = 9;
const LEAST = 32;

/** The sentence stands beside its head where there is room, else below. */
function told(head: Line, sentence: string, columns: number): readonly Line[] {
  const room = columns - widthOf(head);
  const isBeside = room >= LEAST;
  const [first = "", ...more] = wrap(sentence, isBeside ? room : Math.max(20, columns - MARGIN));
  const below = (isBeside ? more : [first, ...more]).map((text) => indent(MARGIN, line(text)));
  return isBeside ? [[...head, plain(first)], ...below] : [head, ...below];
}

/** For logs and pipes. */
export const judgeLine = ({ kind, sentence }: Verdict): Line =>
  line(dim(`${"judge".padStart(15)}  `), KINDS[kind](kind), `: ${clean(sentence)}`);

const signed = (part: number): string =>
  `${part < 0 ? "−" : "+"}${Number((Math.abs(part) * 100).toFixed(2))}`;

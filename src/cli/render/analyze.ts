import { between, type Instant } from "../../base/time.ts";
import type { Verdict } from "../../model/verdict.ts";
import type { Analyzed } from "../deps.ts";
import { bad, clean, dim, EMPTY, good, indent, line, strong, table, warn, type Line } from "./text.ts";
import { verdictSpan } from "./verdict.ts";
import { clock, count, share, time } from "./words.ts";

const PINNED = "visitors stay (rollout.pin): judged by errors and times, and not by how many came";

function headLines(analyzed: Analyzed): readonly Line[] {
  const { lines, garbage, unasked, from, until, canaryAt, shares, next, pinned } = analyzed;
  const others = garbage === 0 ? "" : `, ${count(garbage)} of another format`;
  const nobody = unasked === 0 ? "" : `, ${count(unasked)} for which no slot was asked`;
  const [first, ...later] = shares;
  const steps = later.map(({ at, share: points }) => `, ${share(points)} from ${clock(at)} on`).join("");
  const own = first === undefined ? "no share gave it any" : `its share is ${share(first.share)}${steps}`;
  const canary =
    canaryAt === null
      ? warn("no request went to a canary")
      : dim(`the canary's first request ended at ${clock(canaryAt)}; ${own}`);
  const another =
    next === null
      ? []
      : [
          line(
            "  ",
            warn(`another canary came at ${clock(next)}: give the logs of its rollout by themselves`),
          ),
        ];
  return [
    line(strong(`${count(lines)} lines`), `${others}${nobody}  ${clock(from)} – ${clock(until)} UTC`),
    line("  ", canary),
    ...(pinned ? [line("  ", dim(PINNED))] : []),
    ...another,
  ];
}

const row = ({ at, kind, sentence }: Verdict): readonly Line[] => [
  line(dim(clock(at))),
  [verdictSpan(kind)],
  line(clean(sentence)),
];

/** What it would have come to. */
function endLine(canaryAt: Instant, course: readonly Verdict[]): Line {
  const failed = course.find(({ kind }) => kind === "fail");
  const proven = course.find(({ kind }) => kind === "proven");
  const after = ({ at }: Verdict): string =>
    `${time(between(canaryAt, at))} after the canary's first request`;
  if (failed !== undefined) {
    return line("→ ", bad("gone back"), ` ${after(failed)}, by the test of ${failed.by ?? "nothing"}`);
  }
  if (proven !== undefined) return line("→ ", good("proven fit for all"), ` ${after(proven)}`);
  return line("→ ", course.at(-1)?.kind === "continue" ? "gone on: nothing against it" : warn("held"));
}

/** What the judge would have done, and when. */
export function analyzeLines(analyzed: Analyzed): readonly Line[] {
  const { canaryAt, course } = analyzed;
  if (canaryAt === null) return headLines(analyzed);
  const told = course.filter(({ at }) => at >= canaryAt);
  return [
    ...headLines(analyzed),
    EMPTY,
    ...table(told.map(row)).map((given) => indent(2, given)),
    EMPTY,
    endLine(canaryAt, told),
  ];
}

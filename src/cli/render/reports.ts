import { between } from "../../base/time.ts";
import type { Rollout } from "../../model/rollout.ts";
import type { Finding } from "../../ports/examine.ts";
import { failuresIn, type Receipt } from "../../model/receipt.ts";
import type { HistoryRecord, JournalEntry } from "../../ports/journal.ts";
import { endLines } from "./receipt.ts";
import { bad, canary, clean, dim, EMPTY, good, indent, line, strong, table, warn } from "./text.ts";
import type { Line, Span } from "./text.ts";
import { clock, count, counted, share, time } from "./words.ts";

const MARKS: Readonly<Record<Finding["severity"], Span>> = {
  fine: good("✓ "),
  warning: warn("! "),
  fault: bad("✗ "),
};

export function findingLines({ severity, subject, found, todo }: Finding): readonly Line[] {
  const [first = "", ...more] = clean(found).split("\n");
  return [
    line(MARKS[severity], strong(subject), `  ${first}`),
    ...more.map((text) => line("    ", dim(text))),
    ...(todo === null ? [] : [line("  → ", todo)]),
  ];
}

const SEVERITIES = ["fine", "warning", "fault"] as const;

/** What is fine first, so that what is not stands last, where the eye is. */
export function checkLines(findings: readonly Finding[]): readonly Line[] {
  const groups = SEVERITIES.map((severity) => findings.filter((finding) => finding.severity === severity));
  const [fine = [], warnings = [], faults = []] = groups;
  const sum = [
    `${counted(fine.length, "check")} fine`,
    counted(warnings.length, "warning"),
    counted(faults.length, "fault"),
  ].join(", ");
  const verdict = faults.length === 0 ? good("ready to release") : bad("not ready to release");
  return [...groups.flat().flatMap(findingLines), EMPTY, line(verdict, dim(` · ${sum}`))];
}

function outcomeSpan(rollout: Rollout): Span {
  const { name } = rollout.phase;
  if (name === "completed") return good(name);
  return name === "rolled-back" || name === "stuck"
    ? bad(name)
    : warn(name === "superseded" ? name : "under way");
}

/** What it did to users stands before what a narrow terminal may cut off. */
const HEAD = ["id", "release", "from", "outcome", "requests", "failed", "started", "took", ""].map((text) =>
  line(dim(text)),
);

function failedIn(receipt: Receipt | null): Span | string {
  const failed = receipt === null ? null : failuresIn(receipt);
  if (failed === null) return "–";
  return failed > 0 ? bad(count(failed)) : "0";
}

function historyRow({ rollout, receipt }: HistoryRecord): readonly Line[] {
  const during = receipt?.uncounted ? undefined : receipt?.during;
  const why = rollout.aborted?.error.message ?? "";
  return [
    line(rollout.id),
    line(rollout.release),
    line(rollout.from ?? "–"),
    [outcomeSpan(rollout)],
    line(during === undefined ? "–" : count(during.requests)),
    line(failedIn(receipt)),
    line(clock(rollout.startedAt)),
    line(rollout.endedAt === null ? "–" : time(between(rollout.startedAt, rollout.endedAt))),
    line(dim(clean(why))),
  ];
}

export const historyLines = (records: readonly HistoryRecord[]): readonly Line[] =>
  records.length === 0 ? [line("no rollout yet")] : table([HEAD, ...records.map(historyRow)]);

function stepsText({ plan }: Rollout): string {
  return plan.steps
    .map(({ share: points, mirror, bake, approve }) => {
      const holds = [...(bake > 0 ? [time(bake)] : []), ...(approve ? ["approval"] : [])];
      const what = mirror === undefined ? share(points) : `mirror ${share(mirror)}`;
      return `${what}${holds.length === 0 ? "" : ` (${holds.join(", ")})`}`;
    })
    .join(", ");
}

/** What a hook said, when that is what the entry is about. */
function outputOf({ data }: JournalEntry): readonly string[] {
  const isSaid = typeof data === "object" && data !== null && "output" in data;
  const text = isSaid && typeof data.output === "string" ? clean(data.output) : "";
  return text === "" ? [] : text.split("\n");
}

function entryRows(rollout: Rollout, entry: JournalEntry): readonly (readonly Line[])[] {
  const { at, kind, because } = entry;
  const row = [
    line(dim(time(between(rollout.startedAt, at)))),
    line(kind === "order" || kind === "taken-over" ? warn(kind) : dim(kind)),
    line(clean(because)),
  ];
  return [row, ...outputOf(entry).map((text) => [EMPTY, EMPTY, line(dim(text))])];
}

/** One rollout with everything that was decided and why. */
export function recordLines(
  { rollout, receipt }: HistoryRecord,
  entries: readonly JournalEntry[],
): readonly Line[] {
  const ended = rollout.endedAt === null ? "" : `, ended ${clock(rollout.endedAt)} UTC`;
  const rows = entries.flatMap((entry) => entryRows(rollout, entry));
  return [
    line(
      strong(`${rollout.app} ${rollout.kind} `),
      dim(rollout.id),
      `  ${rollout.from ?? "nothing"} → `,
      canary(rollout.release),
    ),
    line("  ", dim(`started ${clock(rollout.startedAt)} UTC${ended}`)),
    line("  ", dim(`steps ${stepsText(rollout)}`)),
    EMPTY,
    ...table(rows).map((given) => indent(2, given)),
    EMPTY,
    ...endLines(rollout, receipt, { inFull: true }),
  ];
}

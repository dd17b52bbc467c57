import { appError } from "../../base/errors.ts";
import type { Application } from "../../model/application.ts";
import type { RolloutId } from "../../model/ids.ts";
import type { CommandRow } from "../command.ts";
import { answer, answerTable, fail, pageOf, releaseOf, withOpened, type Context } from "../context.ts";
import type { Opened } from "../deps.ts";
import { DONE, REFUSED } from "../exit.ts";
import type { Finding } from "../../ports/examine.ts";
import { writePage } from "../receipt-file.ts";
import { judgedWithPins, planLines } from "../render/plan.ts";
import { checkLines, historyLines, recordLines } from "../render/reports.ts";
import { line } from "../render/text.ts";
import { historyJson, planJson, recordJson } from "../wire.ts";

const fileFinding = (warning: string): Finding => ({
  severity: "warning",
  subject: "the file",
  found: warning,
  todo: null,
});

function pinFindings(application: Application): readonly Finding[] {
  const found = judgedWithPins(application);
  return found === null ? [] : [{ severity: "fine", subject: "rollout.pin", found, todo: null }];
}

export const check: CommandRow = {
  name: "check",
  summary: "validate the file and the world: SSH, nginx, ports, rights, disk, clock",
  run: (context) =>
    withOpened(context, async ({ application, examiners, warnings }) => {
      const found = await Promise.all(examiners.map((examiner) => examiner.examine()));
      const findings = [...warnings.map(fileFinding), ...pinFindings(application), ...found.flat()];
      const ready = findings.every(({ severity }) => severity !== "fault");
      answer(
        context,
        () => checkLines(findings),
        () => ({ ready, findings }),
      );
      return ready ? DONE : REFUSED;
    }),
};

export const plan: CommandRow = {
  name: "plan",
  args: { "<release>": "the release that would be released" },
  summary: "what a release would do, host by host and gateway by gateway; changes nothing",
  run: async (context) => {
    const wanted = releaseOf(context.args[0] ?? "");
    if (!wanted.ok) return fail(context, wanted.error);
    return withOpened(context, async ({ control, application }) => {
      const story = await control.plan(wanted.value);
      if (!story.ok) return fail(context, story.error);
      answer(
        context,
        () => planLines(story.value, application, pageOf(context, "stdout").columns),
        () => planJson(story.value),
      );
      return DONE;
    });
  },
};

const DEFAULT_LIMIT = 20;

async function list(context: Context, { control }: Opened, limit: number): Promise<number> {
  const records = await control.history(limit);
  answerTable(
    context,
    () => historyLines(records),
    () => records.map(historyJson),
  );
  return DONE;
}

async function inFull(context: Context, { control }: Opened, id: string): Promise<number> {
  const found = await control.record(id as RolloutId);
  if (found === null) {
    return fail(
      context,
      appError("rollout.absent", `there is no rollout ${id}`, { hint: "see `glidepath history`" }),
    );
  }
  const file = context.options["html"];
  const unwritten = typeof file === "string" ? writePage(context, file, found) : null;
  if (unwritten !== null) return fail(context, unwritten);
  answer(
    context,
    () =>
      typeof file === "string"
        ? [line(`the receipt is in ${file}`)]
        : recordLines(found.record, found.entries),
    () => recordJson(found.record, found.entries),
  );
  return DONE;
}

export const history: CommandRow = {
  name: "history",
  args: { "[id]": "one rollout in full, with its journal" },
  summary: "rollouts with outcome, duration, requests and failures, newest first",
  options: [
    { flags: "--limit <n>", help: `how many, ${DEFAULT_LIMIT} by default` },
    { flags: "--html <file.html>", help: "write one rollout's receipt as a page that stands alone" },
  ],
  run: async (context) => {
    const limit = Number(context.options["limit"] ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1) {
      return fail(context, appError("usage", "--limit takes a whole number from 1"));
    }
    const [id] = context.args;
    if (id === undefined && context.options["html"] !== undefined) {
      return fail(context, appError("usage", "--html writes one rollout: glidepath history ID --html FILE"));
    }
    return withOpened(
      context,
      (opened) => (id === undefined ? list(context, opened, limit) : inFull(context, opened, id)),
      { anyway: true },
    );
  },
};

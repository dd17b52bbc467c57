import { appError, ERRORS, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { releaseId, type ReleaseId } from "../model/ids.ts";
import type { CliDeps, Opened, OpenOptions } from "./deps.ts";
import { exitOfError } from "./exit.ts";
import type { Io } from "./io.ts";
import { detailLines, errorLines } from "./render/error.ts";
import { clean, line, print, warn, type Line, type Page } from "./render/text.ts";
import { errorJson } from "./wire.ts";

/** Options that every command takes, before its name or after it. */
export interface Flags {
  readonly file: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly color: boolean;
}

/** One call of a command. */
export interface Context {
  readonly deps: CliDeps;
  readonly io: Io;
  readonly flags: Flags;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

export const pageOf = ({ io, flags }: Context, stream: "stdout" | "stderr"): Page => ({
  columns: io.columns(),
  color: flags.color && io.color[stream],
  unicode: io.unicode,
});

/** The answer of a command: for people, or as one JSON document. */
export function answer(context: Context, lines: () => readonly Line[], json: () => unknown): void {
  if (context.flags.json) context.io.stdout(`${JSON.stringify(json())}\n`);
  else context.io.stdout(print(lines(), pageOf(context, "stdout"), false));
}

/** The same for a table: cut at the terminal's edge, because a row that goes on below itself is no table. */
export function answerTable(context: Context, lines: () => readonly Line[], json: () => unknown): void {
  const page = { ...pageOf(context, "stdout"), columns: context.io.paper() };
  if (context.flags.json) context.io.stdout(`${JSON.stringify(json())}\n`);
  else context.io.stdout(print(lines(), page));
}

/** A word on the side: never part of the answer. */
export const tell = (context: Context, lines: readonly Line[]): void =>
  context.io.stderr(print(lines, pageOf(context, "stderr"), false));

/** Says what failed; the value is the exit code. */
export function fail(context: Context, error: AppError): number {
  tell(context, errorLines(error));
  if (context.flags.json) context.io.stdout(`${JSON.stringify(errorJson(error))}\n`);
  return exitOfError(error);
}

/**
 * Opens the file for `work`, and closes it again whatever happens. `anyway`: a list may be broken that
 * matters only to who routes requests. At night a release must be left all the same.
 */
export async function withOpened(
  context: Context,
  work: (opened: Opened) => Promise<number>,
  options: OpenOptions = {},
): Promise<number> {
  const opened = await context.deps.open(context.flags.file, options);
  if (!opened.ok) return fail(context, options.anyway === true ? withFormer(opened.error) : opened.error);
  const { fault } = opened.value;
  if (fault !== null) tell(context, [line(warn("! "), clean(fault.message)), ...detailLines(fault.details)]);
  try {
    return await work(opened.value);
  } finally {
    await opened.value.close();
  }
}

/** A file that broke while a release is under way: whoever wants out of it at night has no time to search. */
const withFormer = (error: AppError): AppError =>
  error.code === "file.invalid" && error.hint === undefined
    ? {
        ...error,
        hint:
          "put it right; a release that is under way goes on by the file as it was when it began: " +
          "orders are taken with a copy of that too, in the same directory (`--file COPY`)",
      }
    : error;

export function releaseOf(text: string): Result<ReleaseId, AppError> {
  const release = releaseId(text);
  if (release !== null) return ok(release);
  const shown = JSON.stringify(text);
  return err(
    appError(
      "release.invalid",
      `${shown} cannot name a release: letters, digits, dot, dash and underscore, at most 64`,
      {
        hint: "name it as the artifact does, for example v3.2.32",
      },
    ),
  );
}

const SHA256 = /^[0-9a-f]{64}$/i;

export function sha256Of(option: string | boolean | undefined): Result<string | null, AppError> {
  if (option === undefined) return ok(null);
  const text = String(option);
  if (SHA256.test(text)) return ok(text.toLowerCase());
  return err(appError("usage", `--sha256 takes 64 hexadecimal digits, not ${JSON.stringify(text)}`));
}

/** A failure whose place had no room for a value carries it as its cause. */
export function appErrorIn(thrown: unknown): AppError | null {
  const cause: unknown = thrown instanceof Error ? thrown.cause : null;
  const is = typeof cause === "object" && cause !== null && "code" in cause && String(cause.code) in ERRORS;
  return is ? (cause as AppError) : null;
}

import * as z from "zod";
import { millis, parseDuration } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import { PLACEHOLDERS, placeholdersIn } from "../model/placeholders.ts";
import type { Placeholder } from "../model/placeholders.ts";
import { parseShare } from "../model/share.ts";
import type { BasisPoints } from "../model/share.ts";
import { show } from "./diagnostic.ts";
import type { Grammar } from "./grammar.ts";

/** The message of every wrong value: what was expected and what was found. */
export const wrong =
  (expected: string) =>
  (issue: { readonly input?: unknown }): string =>
    `expected ${expected}, found ${show(issue.input)}`;

/** A message built where the value is already known. */
const mismatch = (expected: string, value: unknown): string => wrong(expected)({ input: value });

export function text(grammar: Grammar) {
  const string = z.string({ error: wrong(grammar.expected) });
  const allowed = string.regex(grammar.pattern, { error: wrong(grammar.expected) });
  const checked = allowed.superRefine((value, context) => {
    const reason = grammar.pattern.test(value) ? (grammar.refuse?.(value) ?? null) : null;
    if (reason === null) return;
    const message = `${mismatch(grammar.expected, value)}: ${reason}`;
    context.addIssue({ code: "custom", message });
  });
  return checked.meta({ title: grammar.expected });
}

const COMMAND = "a shell command";
/** Any control character but tab and newline. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/** The user's own shell text; only these words in braces are substituted in it. */
export function command(known: readonly Placeholder[] = PLACEHOLDERS) {
  const checked = z.string({ error: wrong(COMMAND) }).superRefine((value, context) => {
    const fault = commandFault(value, known);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  });
  return checked.meta({ title: COMMAND });
}

function commandFault(value: string, known: readonly Placeholder[]): string | null {
  if (value.trim() === "") return mismatch(COMMAND, value);
  if (CONTROL.test(value)) return `${mismatch(COMMAND, value)}: a control character`;
  if (value.length > 10_000) return "a command has at most 10000 characters";
  const word = placeholdersIn(value).find((one) => !known.some((name) => name === one));
  if (word === undefined) return null;
  const list = known.length === 0 ? "nothing" : known.map((name) => `{${name}}`).join(" ");
  return `{${word}} is not substituted here: ${list} is; for the shell's own braces write { ${word} }`;
}

/** Text that is read into something else; the title is what editors and the reference show. */
const titled = (expected: string, pattern: string) =>
  z.string({ error: wrong(expected) }).meta({ title: expected, pattern });

const DURATION = "a duration such as 500ms, 30s, 10m or 2h";
const LONGEST = millis(30 * 86_400_000);

export function duration(least: Duration = millis(1), most: Duration = LONGEST) {
  return titled(DURATION, String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$`).transform((value, context): Duration => {
    const read = parseDuration(value);
    if (read !== null && read >= least && read <= most) return read;
    const range = `from ${least}ms to ${most / 3_600_000}h`;
    const message = read === null ? mismatch(DURATION, value) : mismatch(`a duration ${range}`, value);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

const SHARE = "a share from 0% to 100% with at most two decimals, such as 5% or 0.25%";

export function share(expected = SHARE) {
  return titled(expected, String.raw`^\d{1,3}(\.\d{1,2})? ?%$`).transform((value, context): BasisPoints => {
    const read = parseShare(value);
    if (read !== null) return read;
    context.addIssue({ code: "custom", message: mismatch(expected, value) });
    return z.NEVER;
  });
}

const SIZE = "a size such as 500MB or 2GB";
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};
const MOST_BYTES = 64 * 1024 ** 4;

export function size(most = MOST_BYTES, expected = SIZE) {
  return titled(expected, String.raw`^\d+(\.\d+)? ?([KMGTkmgt][Ii]?)?[Bb]$`).transform(
    (value, context): number => {
      const match = /^(\d{1,9}(?:\.\d{1,3})?) ?([A-Za-z]{1,3})$/.exec(value);
      const bytes = Math.floor(Number(match?.[1]) * (UNITS[(match?.[2] ?? "").toUpperCase()] ?? Number.NaN));
      if (bytes >= 1 && bytes <= most) return bytes;
      context.addIssue({ code: "custom", message: mismatch(expected, value) });
      return z.NEVER;
    },
  );
}

export function whole(what: string, least: number, most: number) {
  const error = wrong(`${what} from ${least} to ${most}`);
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export function decimal(what: string, least: number, most: number) {
  const error = wrong(`${what} from ${least} to ${most}`);
  return z.number({ error }).min(least, { error }).max(most, { error });
}

export const port = () => whole("a port", 1, 65_535);
export const truth = () => z.boolean({ error: wrong("true or false") });
/** Those to which an application can answer. */
export const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;
/** A key that is only ever written `true`. */
export const onlyTrue = () => z.literal(true, { error: wrong("true") });

export function oneOf<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: wrong(`one of ${words.join(", ")}`) });
}

export function list<Item extends z.ZodType>(item: Item, what: string, limits: { least?: number } = {}) {
  const least = limits.least ?? 0;
  const error = wrong(`a list of ${what}${least > 0 ? `, at least ${least}` : ""}`);
  return z.array(item, { error }).min(least, { error }).max(1000, { error });
}

export function mapping<Shape extends z.ZodRawShape>(shape: Shape, what: string) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? undefined : wrong(what)(issue)),
  });
}

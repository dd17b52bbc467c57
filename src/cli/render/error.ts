import type { AppError } from "../../base/errors.ts";
import { bad, clean, dim, line, plain, type Line } from "./text.ts";

/**
 *   ✗ what went wrong, in one sentence
 *       the other program's own words
 *     → what to do now
 */
export function errorLines(error: AppError): readonly Line[] {
  const [first = "", ...more] = clean(error.message).split("\n");
  return [
    line(bad("✗ "), plain(first)),
    ...more.map((text) => line("  ", text)),
    ...detailLines(error.details),
    ...(error.hint === undefined ? [] : [line("  → ", error.hint)]),
  ];
}

export function detailLines(details: string | undefined): readonly Line[] {
  if (details === undefined) return [];
  return clean(details)
    .trimEnd()
    .split("\n")
    .map((text) => line("    ", dim(text)));
}

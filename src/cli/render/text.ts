import { Ansis } from "ansis";
import stringWidth from "string-width";

/** What a piece of text means; how it looks is decided at the end. Words carry the meaning, not colour. */
export type Style = "plain" | "strong" | "dim" | "good" | "bad" | "warn" | "canary";
export interface Span {
  readonly text: string;
  readonly style: Style;
}
export type Line = readonly Span[];

/** What the text is written on. */
export interface Page {
  readonly columns: number;
  readonly color: boolean;
  /** false: everything is said in ASCII. */
  readonly unicode: boolean;
}

const styled =
  (style: Style) =>
  (text: string): Span => ({ text, style });
export const plain = styled("plain");
export const strong = styled("strong");
export const dim = styled("dim");
export const good = styled("good");
export const bad = styled("bad");
export const warn = styled("warn");
export const canary = styled("canary");

export const line = (...parts: readonly (string | Span)[]): Line =>
  parts.map((part) => (typeof part === "string" ? plain(part) : part));
export const EMPTY: Line = [];
export const indent = (by: number, given: Line): Line => [plain(" ".repeat(by)), ...given];
export const textOf = (given: Line): string => given.map((span) => span.text).join("");
export const widthOf = (given: Line): number => stringWidth(textOf(given));

/** Somebody else's words, without what could move the cursor or change colours. */
export const clean = (text: string): string =>
  text.replaceAll(/\p{Cc}\[[0-?]*[ -/]*[@-~]/gu, "").replaceAll(/(?![\n\t])\p{Cc}/gu, "");

const segments = new Intl.Segmenter();

function clipText(text: string, width: number): string {
  let kept = "";
  let used = 0;
  for (const { segment } of segments.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return kept;
}

/** At most `width` columns; what is cut off shows as `…`. */
export function clip(given: Line, width: number): Line {
  if (widthOf(given) <= width) return given;
  const kept: Span[] = [];
  let left = width - 1;
  for (const span of given) {
    const text = clipText(span.text, left);
    kept.push({ ...span, text });
    left -= stringWidth(text);
    if (text !== span.text) break;
  }
  return [...kept, dim("…")];
}

export const pad = (given: Line, width: number): Line => [
  ...given,
  plain(" ".repeat(Math.max(0, width - widthOf(given)))),
];

/** A space where a line may end: not before a `%`, nor within a command in backticks. */
const BREAK = / (?!%)(?=(?:[^`]*`[^`]*`)*[^`]*$)/;

/** Breaks at spaces; a word longer than the width stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(BREAK)) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (current !== "" && stringWidth(longer) > width) {
      lines.push(current);
      current = word;
    } else current = longer;
  }
  return [...lines, current];
}

/** Columns as wide as their widest cell, two spaces between. */
export function table(rows: readonly (readonly Line[])[]): readonly Line[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(0, ...rows.map((row) => widthOf(row[i] ?? []))),
  );
  return rows.map((row) =>
    row.flatMap((cell, i) => (i === row.length - 1 ? cell : [...pad(cell, widths[i] ?? 0), plain("  ")])),
  );
}

const ASCII: Readonly<Record<string, string>> = {
  "✓": "ok",
  "✗": "x",
  "→": "->",
  "·": "-",
  "…": "~",
  "█": "#",
  "▁": "_",
  "▂": ".",
  "▃": "-",
  "▄": "-",
  "▅": "=",
  "▆": "=",
  "▇": "+",
  "−": "-",
  "░": ".",
  "●": "*",
  "○": "o",
  "◐": "o",
  "–": "-",
  "×": "x",
};
const inAscii = (span: Span): Span => ({
  ...span,
  text: span.text.replaceAll(/\P{ASCII}/gu, (symbol) => ASCII[symbol] ?? symbol),
});

function painters(color: boolean): Readonly<Record<Style, (text: string) => string>> {
  const c = new Ansis(color ? 1 : 0);
  return {
    plain: (text) => text,
    strong: c.bold,
    dim: c.dim,
    good: c.green,
    bad: c.red,
    warn: c.yellow,
    canary: c.cyan,
  };
}

/** Lines as they are written. `cut: false` leaves long lines whole, for text that somebody may copy. */
export function print(lines: readonly Line[], page: Page, cut = true): string {
  const paint = painters(page.color);
  return lines
    .map((given) => (cut ? clip(given, page.columns) : given))
    .map((given) => (page.unicode ? given : given.map(inAscii)))
    .map((given) => `${given.map((span) => paint[span.style](span.text)).join("")}\n`.replace(/ +\n$/, "\n"))
    .join("");
}

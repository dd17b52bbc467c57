/** Text that may stand in a page as it is. Only `html` makes it: data is never of this class. */
export class Safe {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** No character that begins markup or ends an attribute, nor one that no page may have. */
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (one) => ENTITIES[one] ?? "").replaceAll(/(?![\n\t])\p{Cc}/gu, "");

export type Piece = Safe | string | number | readonly Piece[];

function textOf(piece: Piece): string {
  if (piece instanceof Safe) return piece.text;
  if (typeof piece === "object") return piece.map(textOf).join("");
  return escaped(String(piece));
}

/** Markup as it is written, and in it everything else escaped. */
export const html = (markup: TemplateStringsArray, ...pieces: readonly Piece[]): Safe =>
  new Safe(markup.map((part, i) => part + textOf(pieces[i] ?? "")).join(""));

export const NOTHING: Safe = html``;

/** What `{port}`, `{dir}`, `{release}` and `{host}` stand for. */
export interface PlaceholderValues {
  readonly port?: number | string;
  readonly dir?: string;
  readonly release?: string;
  readonly host?: string;
}
export type Placeholder = keyof PlaceholderValues;

export const PLACEHOLDERS: readonly Placeholder[] = ["port", "dir", "release", "host"];

/** A word in braces. `${word}` is the shell's own and left to it; so is `{ word }`. */
const WORD = /(?<!\$)\{([A-Za-z]+)\}/g;

/** Puts the known values in, once: what a value contains is not looked at again. All else stays as it is. */
export function expand(template: string, values: PlaceholderValues): string {
  const known = new Map<string, unknown>(Object.entries(values));
  return template.replaceAll(WORD, (whole, word: string) => {
    const value = known.get(word);
    return typeof value === "string" || typeof value === "number" ? String(value) : whole;
  });
}

/** The words in braces, in their order. */
export const placeholdersIn = (template: string): readonly string[] =>
  [...template.matchAll(WORD)].map((match) => match[1] ?? "");

/** Reads a published sha256: bare, as sha256sum writes it, or as BSD's tools do. Pure. */

const HEX = /^[0-9a-f]{64}$/;

export const isDigest = (text: string): boolean => HEX.test(text.toLowerCase());

interface Line {
  readonly hex: string;
  /** null: the line carries nothing but the digest. */
  readonly name: string | null;
}

function readLine(line: string): Line | null {
  const text = line.trim();
  if (isDigest(text)) return { hex: text.toLowerCase(), name: null };
  const gnu = /^\\?([0-9A-Fa-f]{64}) [ *](.+)$/.exec(text);
  if (gnu !== null) return { hex: (gnu[1] ?? "").toLowerCase(), name: gnu[2] ?? "" };
  const bsd = /^SHA256 \((.+)\) = ([0-9A-Fa-f]{64})$/.exec(text);
  if (bsd !== null) return { hex: (bsd[2] ?? "").toLowerCase(), name: bsd[1] ?? "" };
  return null;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The digest of `name` in a text; null if the text has none for it, or two that differ. */
export function digestIn(text: string, name: string): string | null {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map(readLine)
    .filter((line) => line !== null);
  const fitting = lines.filter((line) => line.name === null || baseName(line.name) === name);
  const found = new Set(fitting.map((line) => line.hex));
  return found.size === 1 ? ([...found][0] ?? null) : null;
}

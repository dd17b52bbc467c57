import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node, Pair } from "yaml";
import { finding, pathText, show } from "./diagnostic.ts";
import type { Finding, Path, Place } from "./diagnostic.ts";

/** The file as plain values, and where each of them stands. */
export interface ReadDocument {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Syntax errors have a place, but no key. */
  readonly syntax: readonly SyntaxMistake[];
  /** The place of a key (of an item, in a list), or of the nearest that exists above it. */
  placeOf(path: Path): Place;
}

export interface SyntaxMistake extends Place {
  readonly message: string;
  readonly hint?: string;
}

/** Far above what people write, far below what hurts. */
const MOST_CHARACTERS = 256 * 1024;
const MOST_NODES = 20_000;
const DEEPEST = 32;

const START: Place = { line: 1, column: 1 };

export function readDocument(text: string): ReadDocument {
  if (text.length > MOST_CHARACTERS) {
    return broken([finding("limit", [], `the file has more than ${MOST_CHARACTERS / 1024} KiB`)], []);
  }
  const lines = new LineCounter();
  const document = composed(text, lines);
  if (document === null) return broken([finding("limit", [], "the file is nested too deeply")], []);
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntax = syntaxMistakes(document, text, place);
  const walk = new Walk(place);
  const value = walk.node(document.contents, []);
  return { value, findings: walk.findings, syntax, placeOf: (path) => walk.placeOf(path) };
}

function broken(findings: readonly Finding[], syntax: ReadDocument["syntax"]): ReadDocument {
  return { value: undefined, findings, syntax, placeOf: () => START };
}

/** Null where the nesting is deeper than the parser's stack. */
function composed(text: string, lineCounter: LineCounter): Document.Parsed | null {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, version: "1.2" });
  } catch {
    return null;
  }
}

/** The first, and one for each later line where the parser found its way again: all else follows. */
function syntaxMistakes(
  document: Document.Parsed,
  text: string,
  place: (offset: number) => Place,
): readonly SyntaxMistake[] {
  const source = text.split("\n");
  const mistakes = new Map<number, SyntaxMistake>();
  for (const { pos, message, code } of [...document.errors, ...document.warnings]) {
    const { line, column } = place(pos[0]);
    if (mistakes.has(line) || (mistakes.size > 0 && code === "UNEXPECTED_TOKEN")) continue;
    const hint = PLACEHOLDER.test(source[line - 1] ?? "") ? { hint: "put a text with {…} in quotes" } : {};
    const said = code === "MULTIPLE_DOCS" ? SECOND_DOCUMENT : oneLine(message);
    mistakes.set(line, { line, column, message: said, ...hint });
  }
  return [...mistakes.values()];
}

const SECOND_DOCUMENT = "a second document begins here: a file describes one application (remove the ---)";
const PLACEHOLDER = /\{(?:port|dir|release|host)\}/;

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/** Values that are text by nature, whatever YAML makes of them: `env: { DEBUG: 1 }`. */
const takenAsText = (path: Path): boolean =>
  (path[0] === "run" && path[1] === "env" && path.length === 3) || path[3] === "is";

/** One walk over the nodes in the file's order. Aliases are followed, within the limits. */
class Walk {
  readonly findings: Finding[] = [];
  readonly #places = new Map<string, Place>();
  readonly #anchors = new Map<string, Node>();
  readonly #place: (offset: number) => Place;
  #nodes = 0;

  constructor(place: (offset: number) => Place) {
    this.#place = place;
  }

  placeOf(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const place = this.#places.get(pathText(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return START;
  }

  node(node: unknown, path: Path): unknown {
    this.#nodes += 1;
    if (this.#nodes > MOST_NODES || path.length > DEEPEST) return this.#tooMuch(path);
    if (isAlias(node)) return this.#alias(node.source, path);
    if (isScalar(node)) {
      this.#anchor(node);
      const plain = node.type === "PLAIN" && node.value !== null && takenAsText(path);
      return plain ? (node.source ?? "") : node.value;
    }
    if (isMap(node)) {
      this.#anchor(node);
      return this.#map(node.items, path);
    }
    if (isSeq(node)) {
      this.#anchor(node);
      return node.items.map((item, i) => this.#item(item, [...path, i]));
    }
    return null;
  }

  #anchor(node: Node & { anchor?: string | undefined }): void {
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
  }

  #alias(source: string, path: Path): unknown {
    const target = this.#anchors.get(source);
    if (target !== undefined) return this.node(target, path);
    this.findings.push(finding("syntax", path, `no anchor ${show(source)} stands above this alias`));
    return undefined;
  }

  #item(item: unknown, path: Path): unknown {
    this.#mark(path, item);
    return this.node(item, path);
  }

  #map(pairs: readonly Pair[], path: Path): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (const pair of pairs) {
      const key = isScalar(pair.key) ? String(pair.key.value) : null;
      if (key === null || key === "__proto__") {
        this.findings.push(finding("syntax", path, "a key must be plain text"));
        continue;
      }
      const here = [...path, key];
      if (Object.hasOwn(map, key)) this.#twice(here, pair.key);
      else this.#mark(here, pair.key);
      map[key] = this.node(pair.value, here);
    }
    return map;
  }

  /** The place of the second key is where the reader must look, so it replaces the first. */
  #twice(path: Path, key: unknown): void {
    const first = this.placeOf(path);
    this.#mark(path, key);
    const message = `written twice: first at ${first.line}:${first.column}`;
    this.findings.push(finding("duplicate-key", path, { message, hint: "keep one of them" }));
  }

  #mark(path: Path, node: unknown): void {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    if (range) this.#places.set(pathText(path), this.#place(range[0]));
  }

  #tooMuch(path: Path): undefined {
    if (this.findings.some(({ code }) => code === "limit")) return undefined;
    const message = `more than ${MOST_NODES} values, or nested more than ${DEEPEST} deep`;
    this.findings.push(
      finding("limit", path.slice(0, 1), { message, hint: "write it out without aliases in aliases" }),
    );
    return undefined;
  }
}

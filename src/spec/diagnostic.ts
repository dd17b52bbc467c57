/** Where something stands in the tree of the file: `["hosts", 0, "slots"]`. */
export type Path = readonly (string | number)[];

export type DiagnosticCode =
  /** Not YAML. */
  | "syntax"
  /** More than a file for people ever has. */
  | "limit"
  | "duplicate-key"
  | "unknown-key"
  | "missing"
  | "type"
  | "value"
  /** Right by itself, wrong together with something else. */
  | "conflict"
  /** In a file that this one names; the message says where. */
  | "list"
  | "unsupported"
  /** A warning: the file is taken as it is. */
  | "warning";

/** A mistake before it is known on which line it stands. */
export interface Finding {
  readonly code: DiagnosticCode;
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

/** From 1, as editors count. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One mistake, or one warning, in the file. */
export interface Diagnostic extends Place {
  readonly code: DiagnosticCode;
  /** The key: `hosts[0].slots`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** `glidepath.yaml:12:5 hosts[0].slots: ...`, and the hint on the same line. */
export function renderDiagnostic(file: string, diagnostic: Diagnostic): string {
  const { line, column, path, message, hint } = diagnostic;
  const where = `${file}:${line}:${column}${path === "" ? "" : ` ${path}`}`;
  return `${where}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

const PLAIN_KEY = /^[A-Za-z0-9_-]{1,64}$/;

export function pathText(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += `${text === "" ? "" : "."}${PLAIN_KEY.test(part) ? part : show(part)}`;
  }
  return text;
}

const LONGEST_SHOWN = 60;

/** A value as messages show it: short, on one line, and without anything that a terminal would obey. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a mapping";
  if (typeof value !== "string") return typeof value === "bigint" ? `${value}` : JSON.stringify(value);
  const short = value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value;
  return JSON.stringify(short).replaceAll(/\p{C}|[^\P{Z} ]/gu, escaped);
}

const escaped = (char: string): string => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;

/** `said`: the message, or the message with what to do. */
export function finding(code: DiagnosticCode, path: Path, said: string | Said): Finding {
  if (typeof said === "string") return { code, path, message: said };
  const { message, hint } = said;
  return hint === undefined ? { code, path, message } : { code, path, message, hint };
}

interface Said {
  readonly message: string;
  readonly hint: string | undefined;
}

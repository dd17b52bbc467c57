import type * as z from "zod";
import { finding, show } from "./diagnostic.ts";
import type { Finding, Path } from "./diagnostic.ts";
import { keysAt } from "./keys.ts";
import { nearest } from "./nearest.ts";
import { lookUp } from "./tree.ts";

type Issue = z.core.$ZodIssue;

/** The schema's complaints in our words; at most one for a value, but every unknown key. */
export function shapeFindings(value: unknown, issues: readonly Issue[]): readonly Finding[] {
  return issues.flatMap((issue) => fromIssue(value, issue, []));
}

function fromIssue(value: unknown, issue: Issue, above: Path): readonly Finding[] {
  const path = [...above, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === "invalid_union") return fromUnion(value, issue, path);
  const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const found = lookUp(value, path);
  if (found === undefined)
    return [finding("missing", path, message.replace(/^expected (.*), found .*$/s, "is required: $1"))];
  const code = issue.code === "invalid_type" ? "type" : "value";
  return [finding(code, path, { message, hint: hintFor(message, found) })];
}

/** The branch that the value was meant for is the one whose complaint is not about its type as a whole. */
function fromUnion(value: unknown, issue: z.core.$ZodIssueInvalidUnion, path: Path): readonly Finding[] {
  const meant = issue.errors.filter((branch) => !branch.some(isAboutWhole));
  const [branch] = meant;
  if (meant.length === 1 && branch !== undefined) return branch.flatMap((one) => fromIssue(value, one, path));
  const code = lookUp(value, path) === undefined ? "missing" : "type";
  const { message } = issue;
  return [finding(code, path, { message, hint: hintFor(message, lookUp(value, path)) })];
}

const isAboutWhole = (issue: Issue): boolean =>
  issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");

function unknownKey(path: Path, key: string): Finding {
  const known = keysAt(path);
  const close = nearest(key, known);
  const hint = close === null ? `known here: ${known.join(", ")}` : `did you mean ${close}?`;
  return finding("unknown-key", [...path, key], { message: `unknown key ${show(key)}`, hint });
}

/** What people write instead, and what it should have been. */
function hintFor(message: string, found: unknown): string | undefined {
  const wants = (word: string): boolean => message.startsWith(`expected ${word}`);
  if (wants("a list")) return isScalar(found) ? "write it as a list: [...]" : undefined;
  if (wants("true") && typeof found === "string" && /^(?:yes|on|no|off)$/i.test(found)) {
    return "YAML 1.2 knows true and false only";
  }
  if (typeof found === "string" && /^\d+$/.test(found) && /^expected a (?:port|number)/.test(message)) {
    return "leave the quotes out";
  }
  if (typeof found !== "number") return undefined;
  if (wants("a duration")) return `with a unit: ${found}s`;
  if (wants("a share")) return `with a percent sign: ${found}%`;
  if (wants("a size")) return `with a unit: ${found}B`;
  return undefined;
}

const isScalar = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);

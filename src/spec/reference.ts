import { branches, jsonSchema } from "./keys.ts";
import type { SchemaNode } from "./keys.ts";

/** The reference of the file, as Markdown, from the schema alone. */
export function referenceMarkdown(): string {
  const schema = jsonSchema();
  const sections = tables("", schema).map(([path, node]) => section(path, node));
  return [...HEAD, ...sections].join("\n");
}

const HEAD = [
  "# glidepath.yaml",
  "",
  "Written by `script/generate-reference` from the parser's own schema: do not edit.",
  "",
  "Every key, what it takes, and its default. Unknown keys are refused; every mistake is reported at once,",
  "with its line and column. Durations: `500ms`, `30s`, `10m`, `2h`. Shares: `5%`, `0.25%`. In commands",
  "`{port}`, `{dir}`, `{release}` and `{host}` stand for the slot's; in hooks `{release}` only.",
  "",
];

/** A mapping and those below it, in the file's order. */
function tables(path: string, node: SchemaNode): readonly (readonly [string, SchemaNode])[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return branches(child).flatMap((branch) => nested(at, branch));
  });
  return [[path, node], ...below];
}

function nested(path: string, node: SchemaNode): readonly (readonly [string, SchemaNode])[] {
  if (node.properties !== undefined) return tables(path, node);
  if (node.items === undefined) return [];
  return branches(node.items).flatMap((item) => nested(`${path}[]`, item));
}

function section(path: string, node: SchemaNode): string {
  const rows = Object.entries(node.properties ?? {}).map(([key, child]) => {
    const needed = node.required?.includes(key) === true ? "required" : standard(child.default);
    return `| \`${key}\` | ${cell(takes(child))} | ${needed} | ${cell(child.description ?? "")} |`;
  });
  const title = path === "" ? "## The file" : `## \`${path}\``;
  return [title, "", "| key | takes | default | |", "|---|---|---|---|", ...rows, ""].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", String.raw`\|`);

function standard(value: unknown): string {
  if (value === undefined || isEmpty(value)) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** What may stand there, in words. */
export function takes(node: SchemaNode): string {
  if (node.anyOf !== undefined) return node.anyOf.map(takes).join("; or ");
  if (node.const !== undefined) return `\`${JSON.stringify(node.const).replaceAll('"', "")}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(", ");
  if (node.type === "array") return `list: ${takes(node.items ?? {})}`;
  if (node.type === "boolean") return "`true`, `false`";
  if (node.type === "integer" || node.type === "number") return range(node);
  return node.title ?? "mapping";
}

function range({ type, minimum, maximum }: SchemaNode): string {
  const what = type === "integer" ? "whole number" : "number";
  return `${what} from ${minimum} to ${maximum}`;
}

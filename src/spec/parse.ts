import type { Result } from "../base/result.ts";
import { err, ok } from "../base/result.ts";
import type { Application } from "../model/application.ts";
import { buildApplication } from "./build.ts";
import { gatewayFindings } from "./build-traffic.ts";
import { finding, pathText } from "./diagnostic.ts";
import type { Diagnostic, Finding } from "./diagnostic.ts";
import { readDocument } from "./document.ts";
import type { ReadDocument } from "./document.ts";
import { readLists, type ReadText } from "./lists.ts";
import { poolFindings } from "./rules/pool.ts";
import { releaseFindings } from "./rules/release.ts";
import { trafficFindings, trafficWarnings } from "./rules/traffic.ts";
import { fileSchema } from "./schema.ts";
import { withServing } from "./serving.ts";
import type { HostNameOf } from "./serving.ts";
import { stepsIn } from "./steps.ts";
import { shapeFindings } from "./shape.ts";
import { get, has, section, treeOf } from "./tree.ts";
import type { Tree } from "./tree.ts";
import { unsupportedFindings } from "./unsupported.ts";

export interface FileContext {
  /** The file as the person named it; only shown. */
  readonly path: string;
  /** The file's directory; absolute. */
  readonly directory: string;
  /** Who runs Glidepath here. */
  readonly user?: string;
  /** Reads the lists that rules name. */
  readonly read?: ReadText;
  /** A list with a mistake in it counts as empty: for whoever routes nothing by it. */
  readonly withoutLists?: boolean;
  readonly hostNameOf?: HostNameOf;
}

export interface ParsedFile {
  readonly application: Application;
  readonly warnings: readonly Diagnostic[];
}

/** glidepath.yaml as the model, or everything that is wrong with it. Never throws. */
export function parseApplication(
  text: string,
  context: FileContext,
): Result<ParsedFile, readonly Diagnostic[]> {
  const document = readDocument(text);
  const cut = document.findings.some(({ code }) => code === "limit");
  if (cut) return err(located(document, document.findings));
  const parsed = fileSchema.safeParse(document.value);
  const shape = parsed.success ? [] : shapeFindings(document.value, parsed.error.issues);
  const file = treeOf(document.value);
  const found = [...document.findings, ...shape, ...crossFindings(file)];
  if (document.syntax.length > 0)
    return err(
      [...syntaxMistakes(document), ...trusted(document, located(document, found))].toSorted(byPlace),
    );
  if (!parsed.success || found.length > 0) return err(located(document, found));
  const { directory, read = () => null, hostNameOf = () => null } = context;
  const { lists, findings } = readLists(parsed.data.rollout.rules, { directory, read });
  if (findings.length > 0 && context.withoutLists !== true) return err(located(document, findings));
  const built = buildApplication(parsed.data, directory, { ...stepsIn(file), lists });
  const { application, findings: unserved } = withServing(built, parsed.data, hostNameOf);
  const late = [...gatewayFindings(application.gateways, parsed.data), ...unserved];
  if (late.length > 0) return err(located(document, late));
  return ok({ application, warnings: located(document, warnings(file, context)) });
}

const crossFindings = (file: Tree): readonly Finding[] => [
  ...releaseFindings(file),
  ...poolFindings(file),
  ...trafficFindings(file),
  ...unsupportedFindings(file),
];

/** After a syntax error a key may only seem to be missing, and what is on its line is not what was meant. */
function trusted(document: ReadDocument, found: readonly Diagnostic[]): readonly Diagnostic[] {
  const lines = new Set(document.syntax.map(({ line }) => line));
  return found.filter(({ code, line }) => code !== "missing" && code !== "conflict" && !lines.has(line));
}

const syntaxMistakes = (document: ReadDocument): readonly Diagnostic[] =>
  document.syntax.map((mistake) => Object.assign({ code: "syntax" as const, path: "" }, mistake));

function warnings(file: Tree, context: FileContext): readonly Finding[] {
  const found = [...trafficWarnings(file)];
  const run = section(file, "run");
  const user = get(run, "user") ?? context.user;
  if (user === "root" && get(run, "static") !== true) {
    const at = has(run, "user") ? ["run", "user"] : ["run"];
    found.push(
      finding("warning", at, {
        message: "the application runs as root",
        hint: "name another user in run.user",
      }),
    );
  }
  const url = get(section(file, "artifact"), "url");
  if (typeof url === "string" && !url.includes("{release}")) {
    found.push(
      finding("warning", ["artifact", "url"], {
        message: "is the same for every release",
        hint: "put {release} into it",
      }),
    );
  }
  return found;
}

/** With their places, in the file's order; of several about one key the first, which is the most basic. */
function located(document: ReadDocument, findings: readonly Finding[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  const all: Diagnostic[] = [];
  for (const { path, ...rest } of findings) {
    const text = pathText(path);
    const key = rest.code === "missing" || rest.code === "list" ? `${text} ${rest.message}` : text;
    if (seen.has(key)) continue;
    seen.add(key);
    all.push({ ...rest, ...document.placeOf(path), path: text });
  }
  return all.toSorted(byPlace);
}

const byPlace = (a: Diagnostic, b: Diagnostic): number => a.line - b.line || a.column - b.column;

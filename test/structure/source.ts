// Reads one source file as the rules need it: what it imports, how long its functions are,
// and what impure names it uses.
import { Visitor, type VisitorObject, parseSync } from "oxc-parser";

/** Sources by their path from the top of the checkout, `src/base/time.ts`. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly reexport: boolean;
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
}

export interface Impurity {
  readonly what: string;
  readonly line: number;
}

export interface Source {
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSize[];
  readonly impurities: readonly Impurity[];
  /** Nothing but imports and re-exports. */
  readonly onlyReexports: boolean;
}

type Program = Parameters<Visitor["visit"]>[0];
type NodeOf<K extends keyof VisitorObject> = Parameters<NonNullable<VisitorObject[K]>>[0];
type AnyFunction = NodeOf<"FunctionDeclaration" | "FunctionExpression" | "ArrowFunctionExpression">;
type Span = Pick<Program, "start" | "end">;
type LineAt = (offset: number) => number;

/** Global names whose use makes a file depend on the moment, on chance or on the outside. */
const IMPURE_NAMES = new Set([
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "Promise",
  "crypto",
  "fetch",
  "Temporal",
]);
const IMPURE_MEMBERS = new Set([
  "Date.now",
  "Math.random",
  "process.env",
  "process.argv",
  "process.cwd",
  "process.hrtime",
  "process.nextTick",
  "process.exit",
]);

export function readSource(path: string, text: string): Source {
  const parsed = parseSync(path, text, { lang: "ts" });
  const syntax = parsed.errors[0];
  if (syntax) throw new Error(`${path} does not parse: ${syntax.message}`);
  const lineAt = lineFinder(text);
  return {
    path,
    lines: text.replace(/\n$/, "").split("\n"),
    imports: importsOf(parsed.program, lineAt),
    functions: functionsOf(parsed.program, lineAt),
    impurities: impuritiesOf(parsed.program, lineAt),
    onlyReexports: isOnlyReexports(parsed.program),
  };
}

function lineFinder(text: string): LineAt {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}

function importsOf(program: Program, lineAt: LineAt): Import[] {
  const found: Import[] = [];
  const add = (from: NodeOf<"ImportDeclaration">["source"], reexport: boolean): void => {
    found.push({ specifier: from.value, line: lineAt(from.start), reexport });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source, false),
    ExportAllDeclaration: (node) => add(node.source, true),
    ExportNamedDeclaration: (node) => {
      if (node.source) add(node.source, true);
    },
    ImportExpression: (node) => {
      if (node.source.type === "Literal" && typeof node.source.value === "string") add(node.source, false);
    },
    TSImportType: (node) => add(node.source, false),
  }).visit(program);
  return found;
}

function isOnlyReexports(program: Program): boolean {
  const isReexport = (node: Program["body"][number]): boolean =>
    node.type === "ExportAllDeclaration" || (node.type === "ExportNamedDeclaration" && node.source !== null);
  return (
    program.body.some(isReexport) &&
    program.body.every((node) => isReexport(node) || node.type === "ImportDeclaration")
  );
}

function functionsOf(program: Program, lineAt: LineAt): FunctionSize[] {
  const found: FunctionSize[] = [];
  const names = new Map<number, string>();
  const nameIt = (key: { readonly type: string; readonly name?: unknown }, value: Span | null): void => {
    if (value && typeof key.name === "string") names.set(value.start, key.name);
  };
  const add = (node: AnyFunction): void => {
    if (!node.body) return;
    const line = lineAt(node.start);
    const own = "id" in node && node.id ? node.id.name : null;
    const parameters = node.params.filter((p) => !(p.type === "Identifier" && p.name === "this")).length;
    const name = own ?? names.get(node.start) ?? "(anonymous)";
    found.push({ name, line, lines: lineAt(node.end - 1) - line + 1, parameters });
  };
  new Visitor({
    VariableDeclarator: (node) => nameIt(node.id, node.init),
    MethodDefinition: (node) => nameIt(node.key, node.value),
    PropertyDefinition: (node) => nameIt(node.key, node.value),
    Property: (node) => nameIt(node.key, node.value),
    FunctionDeclaration: add,
    FunctionExpression: add,
    ArrowFunctionExpression: add,
  }).visit(program);
  return found;
}

function impuritiesOf(program: Program, lineAt: LineAt): Impurity[] {
  const found: Impurity[] = [];
  const add = (what: string, node: Span): void => {
    found.push({ what, line: lineAt(node.start) });
  };
  const asyncFunction = (node: AnyFunction): void => {
    if (node.async) add("async", node);
  };
  const keys = propertyNames(program);
  new Visitor({
    FunctionDeclaration: asyncFunction,
    FunctionExpression: asyncFunction,
    ArrowFunctionExpression: asyncFunction,
    AwaitExpression: (node) => add("await", node),
    ForOfStatement: (node) => {
      if (node.await) add("for await", node);
    },
    NewExpression: (node) => {
      if (isNamed(node.callee, "Date") && node.arguments.length === 0) add("new Date()", node);
    },
    CallExpression: (node) => {
      if (isNamed(node.callee, "Date")) add("Date()", node);
    },
    MemberExpression: (node) => {
      if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return;
      const member = `${node.object.name}.${node.property.name}`;
      if (IMPURE_MEMBERS.has(member)) add(member, node);
    },
    Identifier: (node) => {
      if (IMPURE_NAMES.has(node.name) && !keys.has(node.start)) add(node.name, node);
    },
  }).visit(program);
  return found;
}

const isNamed = (node: NodeOf<"CallExpression">["callee"], name: string): boolean =>
  node.type === "Identifier" && node.name === name;

/** Where a name is only the name of a property, as in `{ fetch: 1 }` or `plan.fetch`. */
function propertyNames(program: Program): ReadonlySet<number> {
  const found = new Set<number>();
  const add = (node: { readonly computed: boolean; readonly key: Span }): void => {
    if (!node.computed) found.add(node.key.start);
  };
  new Visitor({
    MemberExpression: (node) => {
      if (!node.computed) found.add(node.property.start);
    },
    Property: (node) => {
      if (!node.computed && !node.shorthand) found.add(node.key.start);
    },
    MethodDefinition: add,
    PropertyDefinition: add,
    TSPropertySignature: add,
    TSMethodSignature: add,
  }).visit(program);
  return found;
}

import { hasGap } from "../../base/gap.ts";

/** One directive of an nginx config, read and never written. */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** null: it ends with a semicolon. */
  readonly block: readonly Directive[] | null;
  /** From its first character to behind its semicolon or brace, in its file's text. */
  readonly span: readonly [from: number, to: number];
}

export interface FoundServer {
  readonly listen: readonly string[];
  readonly serverName: readonly string[];
  readonly locations: readonly { readonly path: string; readonly proxyPass: string | null }[];
}

export interface FoundUpstream {
  readonly name: string;
  readonly servers: readonly { readonly address: string; readonly params: readonly string[] }[];
}

/** What `nginx -T` tells. */
export interface Survey {
  /** The main file. */
  readonly main: string;
  /** Directories of which the http block includes files: `/etc/nginx/conf.d`, … */
  readonly includeDirs: readonly string[];
  /** Files that were read. */
  readonly files: readonly string[];
  /** Worker's user; null: as compiled in. */
  readonly user: string | null;
  readonly workerShutdownTimeout: string | null;
  readonly servers: readonly FoundServer[];
  readonly upstreams: readonly FoundUpstream[];
}

type Token = { readonly from: number; readonly to: number } & (
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "{" | "}" | ";" }
);

const WORD = String.raw`(?:\$\{[^}]*\}|\\[^]|[^\s{};"'\\#])(?:\$\{[^}]*\}|\\[^]|[^\s{};\\])*`;
const QUOTED = String.raw`"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'`;
const TOKEN = new RegExp(String.raw`\s+|#[^\n]*|[{};]|${QUOTED}|${WORD}`, "gy");

/** Never fails: nginx itself has accepted the text. What cannot be read ends it. */
function tokensOf(text: string): readonly Token[] {
  const found: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [whole, double, single] = match;
    const at = { from: match.index, to: match.index + whole.length };
    if (whole === "{" || whole === "}" || whole === ";") found.push({ ...at, kind: whole });
    else if (!/^\s|^#/.test(whole)) found.push({ ...at, kind: "word", text: double ?? single ?? whole });
  }
  return found;
}

export function directivesOf(text: string): readonly Directive[] {
  const tokens = tokensOf(text);
  let at = 0;
  const read = (): readonly Directive[] => {
    const all: Directive[] = [];
    let words: string[] = [];
    let from = 0;
    for (; at < tokens.length; at += 1) {
      const token = tokens[at] as Token;
      if (token.kind === "}") return all;
      if (words.length === 0) from = token.from;
      if (token.kind === "word") words.push(token.text);
      else {
        const [name = "", ...args] = words;
        words = [];
        if (token.kind === "{") at += 1;
        const block = token.kind === "{" ? read() : null;
        all.push({ name, args, block, span: [from, tokens[at]?.to ?? text.length] });
      }
    }
    return all;
  };
  return read();
}

const FILE = /^# configuration file (.+):$/gm;

/**
 * The files of `nginx -T`, by path, in the order in which nginx read them. None where its middle is missing:
 * a file that is not there would say what nginx does not.
 */
export function filesOf(dump: string): ReadonlyMap<string, string> {
  if (hasGap(dump)) return new Map();
  const heads = [...dump.matchAll(FILE)];
  return new Map(
    heads.map((head, i) => [
      head[1] ?? "",
      dump.slice(head.index + head[0].length, heads[i + 1]?.index ?? dump.length),
    ]),
  );
}

/** A directive as nginx came to it, with the file that it stands in. */
export interface Placed extends Directive {
  readonly file: string;
  readonly block: readonly Placed[] | null;
}

/** Every include in its place; the first file is the main one. */
function placed(files: ReadonlyMap<string, string>): readonly Placed[] {
  const main = [...files.keys()][0] ?? "";
  return expanded(files, main, directivesOf(files.get(main) ?? ""));
}

/** The whole configuration, every include in its place. */
export const everything = (dump: string): readonly Placed[] => placed(filesOf(dump));

const httpIn = (top: readonly Placed[]): readonly Placed[] =>
  top.filter((one) => one.name === "http").flatMap((one) => one.block ?? []);

/** What stands in the `http` block, in the order in which nginx reads it. */
export const httpOf = (files: ReadonlyMap<string, string>): readonly Placed[] => httpIn(placed(files));

/** null when the text is no dump. */
export function surveyOf(dump: string): Survey | null {
  const files = filesOf(dump);
  const main = [...files.keys()][0];
  if (main === undefined) return null;
  const top = placed(files);
  const http = httpIn(top);
  const raw = directivesOf(files.get(main) ?? "").filter((one) => one.name === "http");
  const value = (name: string): string | null => top.find((one) => one.name === name)?.args[0] ?? null;
  return {
    main,
    files: [...files.keys()],
    includeDirs: unique(
      named(
        raw.flatMap((one) => one.block ?? []),
        "include",
      ).map((one) => dirOf(main, one)),
    ),
    user: value("user"),
    workerShutdownTimeout: value("worker_shutdown_timeout"),
    servers: named(http, "server").map(serverOf),
    upstreams: named(http, "upstream").map(upstreamOf),
  };
}

export const named = <T extends Directive>(all: readonly T[], name: string): readonly T[] =>
  all.filter((one) => one.name === name);
const unique = <T>(all: readonly T[]): readonly T[] => [...new Set(all)];
const parent = (path: string): string => path.slice(0, path.lastIndexOf("/"));
const resolved = (main: string, path: string): string =>
  path.startsWith("/") ? path : `${parent(main)}/${path}`;
const dirOf = (main: string, { args }: Directive): string => parent(resolved(main, args[0] ?? ""));

const byPath = ([one]: readonly [string, string], [other]: readonly [string, string]): number =>
  one < other ? -1 : 1;

/** What an include brings in, in its order; relative ones start at the main file's directory. */
export function filesBy(
  files: ReadonlyMap<string, string>,
  { args }: Directive,
): readonly (readonly [path: string, text: string])[] {
  const main = [...files.keys()][0] ?? "";
  const pattern = globPattern(resolved(main, args[0] ?? ""));
  return [...files].filter(([path]) => path !== main && pattern.test(path)).toSorted(byPath);
}

/** Includes replaced by what they include. */
function expanded(
  files: ReadonlyMap<string, string>,
  file: string,
  all: readonly Directive[],
): readonly Placed[] {
  return all.flatMap((one): readonly Placed[] => {
    if (one.name !== "include") {
      return [{ ...one, file, block: one.block === null ? null : expanded(files, file, one.block) }];
    }
    return filesBy(files, one).flatMap(([path, text]) => expanded(files, path, directivesOf(text)));
  });
}

export function globPattern(glob: string): RegExp {
  const escaped = glob.replaceAll(/[.+^$(){}|\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}$`);
}

function serverOf({ block }: Directive): FoundServer {
  const all = block ?? [];
  return {
    listen: named(all, "listen").map((one) => one.args[0] ?? ""),
    serverName: named(all, "server_name").flatMap((one) => one.args),
    locations: named(all, "location").map((one) => ({
      path: one.args.at(-1) ?? "",
      proxyPass: named(one.block ?? [], "proxy_pass")[0]?.args[0] ?? null,
    })),
  };
}

const upstreamOf = ({ args, block }: Directive): FoundUpstream => ({
  name: args[0] ?? "",
  servers: named(block ?? [], "server").map((one) => ({
    address: one.args[0] ?? "",
    params: one.args.slice(1),
  })),
});

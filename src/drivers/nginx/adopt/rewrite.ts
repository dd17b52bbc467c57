import { directivesOf, type Directive } from "../survey.ts";
import type { Use } from "./uses.ts";

/** What a location of the user's becomes: the snippet in place of `proxy_pass`, and nothing twice. */

/** Headers that the snippet sends to the slots, and the values of theirs that mean the same. */
const OUR_HEADERS: Readonly<Record<string, readonly string[]>> = {
  host: ["$http_host", "$host"],
  "x-real-ip": ["$remote_addr"],
  "x-forwarded-for": ["$proxy_add_x_forwarded_for"],
  "x-forwarded-proto": ["$scheme"],
  upgrade: ["$http_upgrade"],
  connection: ["", "upgrade", "$connection_upgrade", "close"],
};

/** Directives that the snippet sets; twice in one location nginx takes none of them. */
const SET_BY_US = new Set([
  "root",
  "proxy_http_version",
  "proxy_connect_timeout",
  "proxy_read_timeout",
  "proxy_send_timeout",
  "proxy_next_upstream",
  "proxy_next_upstream_tries",
  "proxy_next_upstream_timeout",
  "proxy_redirect",
  "limit_conn_dry_run",
  "limit_conn_log_level",
]);
/** Of these the values go into glidepath.yaml, or mean what the snippet does. */
const KEPT_OTHERWISE = new Set([
  "proxy_http_version",
  "proxy_connect_timeout",
  "proxy_read_timeout",
  "proxy_send_timeout",
]);

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

export interface Rewritten {
  readonly text: string;
  readonly notes: readonly string[];
}

export interface RewriteOptions {
  readonly snippet: string;
  /** Files of the dump, for what the location includes. */
  readonly files: ReadonlyMap<string, string>;
  /** `key: auto`: the snippet has an `add_header` of its own, which ends the inheritance of others. */
  readonly addsHeader: boolean;
}

/** All uses are in this one text; everything outside of what must change stays as it is, byte for byte. */
export function rewrite(text: string, uses: readonly Use[], options: RewriteOptions): Rewritten {
  const parts = uses.map((use) => rewriteOne(text, use, options));
  const pieces = parts.flatMap((part) => part.pieces).toSorted((a, b) => b.from - a.from);
  const changed = pieces.reduce(
    (sum, piece) => sum.slice(0, piece.from) + piece.text + sum.slice(piece.to),
    text,
  );
  return { text: changed, notes: [...new Set(parts.flatMap((part) => part.notes))] };
}

function rewriteOne(
  text: string,
  use: Use,
  options: RewriteOptions,
): { readonly pieces: readonly Piece[]; readonly notes: readonly string[] } {
  const pad = indentOf(text, use.pass.span[0]);
  const own = use.location.block ?? [];
  const inherited = inheritedBy(use, options);
  const put = [`include ${options.snippet};`, ...inherited.map(written)].join(`\n${pad}`);
  const notes: string[] = inherited.length > 0 ? [REPEATED] : [];
  const pieces: Piece[] = [{ from: use.pass.span[0], to: use.pass.span[1], text: put }];
  for (const one of own) {
    if (one === use.pass) continue;
    const piece = one.name === "include" ? included(text, one, options) : dropped(text, one);
    if (piece === null) continue;
    pieces.push(piece);
    notes.push(...noteOn(one));
  }
  return { pieces, notes };
}

const REPEATED =
  "access_log and add_header of the levels above are repeated in the location: its own end their inheritance";

/** Our own access_log and add_header end the inheritance of the user's: so they are repeated here. */
function inheritedBy({ location, around }: Use, { addsHeader }: RewriteOptions): readonly Directive[] {
  const nearest = (name: string): readonly Directive[] => {
    if (location.block?.some((one) => one.name === name) === true) return [];
    const levels = around.map(({ block }) => (block ?? []).filter((one) => one.name === name));
    return levels.findLast((found) => found.length > 0) ?? [];
  };
  const logs = nearest("access_log").filter(({ args }) => args[0] !== "off");
  return [...logs, ...(addsHeader ? nearest("add_header") : [])];
}

function isOurs({ name, args }: Directive): boolean {
  if (name === "proxy_set_header") return (args[0] ?? "").toLowerCase() in OUR_HEADERS;
  return SET_BY_US.has(name) || (name === "access_log" && args[0] === "off");
}

const dropped = (text: string, one: Directive): Piece | null =>
  isOurs(one) ? { ...lineSpan(text, one), text: "" } : null;

/** An included file with something of ours in it gives way to the rest of what it says. */
function included(text: string, one: Directive, { files }: RewriteOptions): Piece | null {
  const wanted = one.args[0] ?? "";
  const found = [...files].find(([path]) => path === wanted || path.endsWith(`/${wanted}`));
  const inside = found === undefined ? [] : directivesOf(found[1]);
  if (!inside.some(isOurs)) return null;
  const rest = inside.filter((each) => !isOurs(each)).map(written);
  if (rest.length === 0) return { ...lineSpan(text, one), text: "" };
  return { from: one.span[0], to: one.span[1], text: rest.join(`\n${indentOf(text, one.span[0])}`) };
}

function noteOn({ name, args }: Directive): readonly string[] {
  const said = [name, ...args].join(" ");
  if (name === "proxy_set_header") {
    const same = OUR_HEADERS[(args[0] ?? "").toLowerCase()] ?? [];
    return same.includes(args[1] ?? "")
      ? []
      : [`${said} gives way to the snippet's own value of that header`];
  }
  if (name === "include" || KEPT_OTHERWISE.has(name)) return [];
  return [`${said} gives way to what the snippet says`];
}

/** As nginx reads it back: everything that is not a plain word in quotes. */
function written({ name, args }: Directive): string {
  const words = args.map((arg) =>
    /^[^\s{};"'\\#]+$/.test(arg) ? arg : `"${arg.replaceAll(/(["\\])/g, String.raw`\$1`)}"`,
  );
  return `${[name, ...words].join(" ")};`;
}

function indentOf(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return /^[ \t]*/.exec(line)?.[0] ?? "";
}

/** The whole line where the directive stands alone on it; else the directive and the blank before it. */
function lineSpan(text: string, { span: [from, to] }: Directive): { from: number; to: number } {
  const start = text.lastIndexOf("\n", from - 1) + 1;
  const end = text.indexOf("\n", to);
  const isAlone =
    text.slice(start, from).trim() === "" &&
    /^[ \t]*(#.*)?$/.test(text.slice(to, end === -1 ? undefined : end));
  if (isAlone && end !== -1) return { from: start, to: end + 1 };
  return { from: text[from - 1] === " " ? from - 1 : from, to };
}

import { directivesOf, filesBy, type Directive } from "../survey.ts";
import { nearest, type Use } from "./uses.ts";

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

/** The snippet sends this header, with a value that means the same. */
export const isSentAlike = ([header = "", value = ""]: readonly string[]): boolean =>
  OUR_HEADERS[header.toLowerCase()]?.includes(value) === true;

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
  const said = use.location.block ?? [];
  const inherited = inheritedBy(use, options);
  const put = [`include ${options.snippet};`, ...inherited.map((one) => sourceOf(one, text, options))].join(
    `\n${pad}`,
  );
  const notes: string[] = inherited.length > 0 ? [REPEATED] : [];
  notes.push(...notesOnLevels(use));
  const pieces: Piece[] = [{ from: use.pass.span[0], to: use.pass.span[1], text: put }];
  for (const one of said) {
    if (one === use.pass) continue;
    const inside = one.name === "include" ? includedBy(one, options) : null;
    const piece = inside === null ? dropped(text, one) : unfolded(text, one, inside);
    if (piece === null) continue;
    pieces.push(piece);
    notes.push(...(inside ?? [one]).flatMap((each) => (isOurs(each) ? noteOn(each) : [])));
  }
  return { pieces, notes };
}

const REPEATED =
  "access_log, add_header and proxy_set_header of the levels above are repeated in the location, whose own " +
  "would end their inheritance";

const own = ({ levels }: Use, name: string): boolean =>
  levels.at(-1)?.some((one) => one.name === name) === true;

/** What the location has from above, and has no more once it says such a thing itself. */
const above = (use: Use, name: string): readonly Directive[] =>
  own(use, name) ? [] : nearest(use.levels.slice(0, -1), name);

/** Our own directives end the inheritance of the user's: so they are repeated here. */
function inheritedBy(use: Use, { addsHeader }: RewriteOptions): readonly Directive[] {
  const logs = above(use, "access_log").filter(({ args }) => args[0] !== "off");
  const sent = above(use, "proxy_set_header").filter((one) => !isOurs(one));
  return [...logs, ...(addsHeader ? above(use, "add_header") : []), ...sent];
}

/** What held in the location by inheritance and means something else, or nothing, once ours is there. */
function notesOnLevels(use: Use): readonly string[] {
  const [limit] = above(use, "limit_conn");
  const sent = nearest(use.levels, "proxy_set_header");
  const isHostSaid = sent.some(({ args }) => args[0]?.toLowerCase() === "host");
  const names = ["proxy_set_header", ...SET_BY_US].filter((name) => !UNHEEDED.test(name));
  const overruled = names.flatMap((name) => above(use, name));
  return [
    ...overruled.flatMap((one) => (isOurs(one) ? noteOn(one) : [])),
    ...(limit === undefined ? [] : [`limit_conn ${limit.args.join(" ")} of a level above ${ONLY_COUNTS}`]),
    ...(isHostSaid ? [] : ["Host is what the client asked for, no longer the upstream's name"]),
  ];
}

/** Of the levels above these mean nothing to a location that only leads on. */
const UNHEEDED = /^(root|limit_conn_.*)$/;
const ONLY_COUNTS = "limits nobody here: the snippet's own only counts";

/** As it was written, wherever that was. */
function sourceOf(one: Directive, text: string, { files }: RewriteOptions): string {
  const whole = "file" in one ? (files.get(String(one.file)) ?? text) : text;
  return whole.slice(...one.span);
}

function isOurs({ name, args }: Directive): boolean {
  if (name === "proxy_set_header") return (args[0] ?? "").toLowerCase() in OUR_HEADERS;
  return SET_BY_US.has(name) || (name === "access_log" && args[0] === "off");
}

const dropped = (text: string, one: Directive): Piece | null =>
  isOurs(one) ? { ...lineSpan(text, one), text: "" } : null;

interface Included extends Directive {
  readonly source: string;
}

const includedBy = (one: Directive, { files }: RewriteOptions): readonly Included[] =>
  filesBy(files, one).flatMap(([, text]) =>
    directivesOf(text).map((each) => Object.assign(each, { source: text.slice(...each.span) })),
  );

/** An included file with something of ours in it gives way to the rest of what it says. */
function unfolded(text: string, one: Directive, inside: readonly Included[]): Piece | null {
  if (!inside.some(isOurs)) return null;
  const rest = inside.filter((each) => !isOurs(each)).map(({ source }) => source);
  if (rest.length === 0) return { ...lineSpan(text, one), text: "" };
  return { from: one.span[0], to: one.span[1], text: rest.join(`\n${indentOf(text, one.span[0])}`) };
}

function noteOn({ name, args }: Directive): readonly string[] {
  const said = [name, ...args].join(" ");
  if (name === "proxy_set_header") {
    return isSentAlike(args) ? [] : [`${said} gives way to the snippet's own value of that header`];
  }
  if (KEPT_OTHERWISE.has(name)) return [];
  return [`${said} gives way to what the snippet says`];
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
    /^[ \t]*(#.*)?\r?$/.test(text.slice(to, end === -1 ? undefined : end));
  if (isAlone && end !== -1) return { from: start, to: end + 1 };
  return { from: text[from - 1] === " " ? from - 1 : from, to };
}

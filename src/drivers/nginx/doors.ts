import { poolOf } from "../../model/application.ts";
import { controlAddress, endpoint, prefix } from "./names.ts";
import type { Site } from "./place.ts";
import { httpOf, named, type Directive, type Placed } from "./survey.ts";

/** The files of an nginx config by path, the main one first. */
type Files = ReadonlyMap<string, string>;

interface Socket {
  /** `0.0.0.0:80` for `80`, `*:80` and `0.0.0.0:80`, which are one to nginx. */
  readonly at: string;
  readonly words: string;
  readonly isDefault: boolean;
  readonly ssl: boolean;
}

/** A `server` block: where it listens, for whom, and what becomes of a request there. */
interface Server {
  readonly file: string;
  readonly ours: boolean;
  readonly sockets: readonly Socket[];
  /** Empty: it has none that a browser could ask for. */
  readonly names: readonly string[];
  /** A location of it leads to the application, by our own block or by the snippet. */
  readonly leads: boolean;
  /** Or a location leads to one of its slots, by whatever way. */
  readonly serves: boolean;
  readonly redirects: boolean;
  /** Ours in its place would do all that it does. */
  readonly plain: boolean;
}

/** Where a request can come to: a socket, and a name; null: any that no server has. */
interface Door {
  readonly socket: Socket;
  readonly name: string | null;
}

/**
 * Our config as it would be among the files, and what of it nginx then reads. `files` has our present one,
 * if there is one.
 */
export interface Change {
  readonly files: Files;
  readonly wanted: string;
}

/**
 * What is answered now and would not be as before, one sentence each. Ours can go only where servers of the
 * user's lead to the application, and can come only where it does all that a server did that it covers.
 */
export function lossesBy(site: Site, { files, wanted }: Change): readonly string[] {
  const before = readServers(site, files);
  const after = readServers(site, withOwn(site, files, wanted));
  const goes = !after.some((server) => server.ours);
  return goes ? left(site, before, after) : covered(before, after);
}

/** Whether any location of the user's leads to the application. */
export const isIncluded = (site: Site, files: Files): boolean =>
  readServers(site, files).some((server) => server.leads && !server.ours);

/** Our own block is taken away: who answers then? */
function left(site: Site, before: readonly Server[], after: readonly Server[]): readonly string[] {
  return doorsOf(before.filter((server) => server.ours)).flatMap((door) => {
    const now = answering(before, door);
    if (now?.ours !== true) return [];
    const then = answering(after, door);
    const where = wordsOf(door);
    if (then === null) return [`${where}: no server{} listens there`];
    if (isSecure(after, door) !== door.socket.ssl) {
      return [`${where}: it is served ${door.socket.ssl ? "with" : "without"} ssl now, and would not be so`];
    }
    if (then.leads || (then.redirects && !now.leads)) return [];
    return [`${where}: the server{} of ${then.file} does not lead to ${site.application.name}`];
  });
}

/** Our own block comes, or is another one: whom does it hide? */
function covered(before: readonly Server[], after: readonly Server[]): readonly string[] {
  return doorsOf(after.filter((server) => server.ours)).flatMap((door) => {
    const now = answering(before, door);
    if (now === null || now.ours || answering(after, door)?.ours !== true) return [];
    // Any other site is still found by its own names.
    if (!now.serves && !(door.name !== null && now.names.includes(door.name))) return [];
    const secure = isSecure(before, door);
    if (now.plain && secure === door.socket.ssl) return [];
    const why = now.plain ? `which listens ${secure ? "with" : "without"} ssl` : "which does more than this";
    return [`${wordsOf(door)}: it would hide the server{} of ${now.file}, ${why}`];
  });
}

const wordsOf = ({ socket, name }: Door): string => `listen ${socket.words}, ${name ?? "any other name"}`;

/** Each name at each socket, and the rest of the names. Who is not found there is left out by who asks. */
const doorsOf = (servers: readonly Server[]): readonly Door[] =>
  servers.flatMap(({ sockets, names }) =>
    sockets.flatMap((socket) => [...names, null].map((name) => ({ socket, name }))),
  );

// ── who answers ──────────────────────────────

/** As nginx chooses: the exact address before all addresses; then by name; then the default. */
function answering(servers: readonly Server[], { socket, name }: Door): Server | null {
  const exact = servers.filter(({ sockets }) => sockets.some(({ at }) => at === socket.at));
  const here = exact.length > 0 ? exact : servers.filter((one) => listensAt(one, anyOf(socket.at)));
  const isDefault = ({ sockets }: Server): boolean =>
    sockets.some(({ at, isDefault: is }) => is && (at === socket.at || at === anyOf(socket.at)));
  return byName(here, name) ?? here.find(isDefault) ?? here[0] ?? null;
}

const listensAt = ({ sockets }: Server, at: string): boolean => sockets.some((one) => one.at === at);

const anyOf = (at: string): string => {
  const port = at.slice(at.lastIndexOf(":") + 1);
  return at.startsWith("[") ? `[::]:${port}` : `0.0.0.0:${port}`;
};

const isSecure = (servers: readonly Server[], { socket }: Door): boolean => {
  const at = servers.some((one) => listensAt(one, socket.at)) ? socket.at : anyOf(socket.at);
  return servers.some(({ sockets }) => sockets.some((one) => one.at === at && one.ssl));
};

function byName(servers: readonly Server[], name: string | null): Server | null {
  if (name === null) return null;
  const asked = name.replace(/^\*\.|^\./, "any.").replace(/\.\*$/, ".any");
  const found = servers.flatMap((server) =>
    server.names.map((own) => ({ server, rank: own === name ? 1e6 : rankOf(own, asked) })),
  );
  const best = Math.max(0, ...found.map(({ rank }) => rank));
  return best === 0 ? null : (found.find(({ rank }) => rank === best)?.server ?? null);
}

/** 0: it does not match. The longest of `*.…`, then of `….*`, then expressions. */
function rankOf(own: string, asked: string): number {
  if (own === asked || (own.startsWith(".") && own.slice(1) === asked)) return 1e6;
  if (own.startsWith("~")) return matches(own.slice(1), asked) ? 1 : 0;
  if (own.startsWith("*.") || own.startsWith(".")) {
    return asked.endsWith(own.replace("*", "")) ? 2000 + own.length : 0;
  }
  return own.endsWith(".*") && asked.startsWith(own.slice(0, -1)) ? 10 + own.length : 0;
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "i").test(text);
  } catch {
    // PCRE knows more than this: whoever cannot tell says no.
    return false;
  }
}

// ── what a config says ──────────────────────────────

const OWN_HEAD = (site: Site): string => `# glidepath app=${site.application.name} `;

/** The paths of what Glidepath wrote for the application: one, or none yet. */
export const ownFiles = (site: Site, files: Files): readonly string[] =>
  [...files].flatMap(([path, text]) => (text.trimStart().startsWith(OWN_HEAD(site)) ? [path] : []));

/** In the place of our present file; else where its name comes. */
const withOwn = (site: Site, files: Files, wanted: string): Files =>
  new Map([...files, [ownFiles(site, files)[0] ?? site.gateway.config, wanted]]);

function readServers(site: Site, files: Files): readonly Server[] {
  const own = new Set(ownFiles(site, files));
  const { address } = controlAddress(site.application.name, site.gateway.config);
  const http = httpOf(files);
  const v = prefix(site.application.name);
  const read: Reading = {
    own,
    switches: [`$${v}_upstream`, `\${${v}_upstream}`],
    slots: slotMarks(site, named(http, "upstream")),
  };
  return named(http, "server")
    .map((block) => serverOf(block, read))
    .filter(({ ours, sockets }) => !ours || !sockets.some(({ at }) => at.startsWith(`${address}:`)));
}

/** Where a `…_pass` leads, whatever the scheme before it and the path behind it. */
interface Reading {
  readonly own: ReadonlySet<string>;
  readonly switches: readonly string[];
  readonly slots: readonly string[];
}

function slotMarks({ application }: Site, upstreams: readonly Placed[]): readonly string[] {
  const slots = new Set(poolOf(application.hosts).map(({ address, port }) => endpoint(address, port)));
  const groups = upstreams.filter(({ block }) =>
    named(block ?? [], "server").some(({ args }) => slots.has(args[0] ?? "")),
  );
  return [...slots, ...groups.map(({ args }) => args[0] ?? "")];
}

function serverOf(block: Placed, { own, switches, slots }: Reading): Server {
  const all = block.block ?? [];
  const below = deep(all);
  const passes = (marks: readonly string[]): boolean =>
    below.some(({ name, args: [to = ""] }) => name.endsWith("_pass") && marks.includes(targetOf(to)));
  const leads = passes(switches);
  return {
    file: block.file,
    ours: own.has(block.file),
    sockets: socketsOf(all),
    names: named(all, "server_name")
      .flatMap(({ args }) => args.map((name) => name.toLowerCase()))
      .filter((name) => name !== "" && name !== "_"),
    leads,
    serves: leads || passes(slots),
    redirects: below.some(({ name }) => name === "return" || name === "rewrite"),
    plain: isPlain(all),
  };
}

/** `127.0.0.1:8001` of `http://127.0.0.1:8001/a` and of `http://127.0.0.1:8001$request_uri`. */
const TARGET = /^(?:[a-z]+:\/\/)?(\$?[^/?$]*)(.*)$/i;
const targetOf = (to: string): string => TARGET.exec(to)?.[1] ?? "";

/** The path that was asked for is the one that arrives. */
function keepsPath(to: string): boolean {
  const [, target = "", path = ""] = TARGET.exec(to) ?? [];
  return path === "" || path === "$request_uri" || (path === "/" && !target.startsWith("$"));
}

const deep = (all: readonly Placed[]): readonly Placed[] =>
  all.flatMap((one) => [one, ...deep(one.block ?? [])]);

const REPLACED: ReadonlySet<string> = new Set([
  "listen",
  "server_name",
  "location",
  "ssl",
  "ssl_certificate",
  "ssl_certificate_key",
  "access_log",
  "error_log",
]);

/** By its own name: a link may lead to the directory that it is in. */
const SNIPPET = "/location.conf";

const leadsOn = ({ name, args: [to = ""], file }: Placed): boolean =>
  file.endsWith(SNIPPET) || (name === "proxy_pass" ? keepsPath(to) : name.startsWith("proxy_"));

/** One location for everything, which only leads on. */
function isPlain(all: readonly Placed[]): boolean {
  const locations = named(all, "location");
  return (
    locations.length <= 1 &&
    all.every(({ name }) => REPLACED.has(name)) &&
    locations.every(({ args, block }) => args.join(" ") === "/" && (block ?? []).every(leadsOn))
  );
}

const ADDRESSES: Readonly<Record<string, string>> = {
  "": "0.0.0.0",
  "*": "0.0.0.0",
  localhost: "127.0.0.1",
};

/** What nginx does without a `listen`; one that does not run as root takes 8000, which no config tells. */
const UNSAID: readonly string[] = ["*:80"];

/** `ssl on` is how TLS was written before nginx 1.15, and could be before 1.25.1. */
function socketsOf(all: readonly Directive[]): readonly Socket[] {
  const listens = named(all, "listen").map(({ args }) => args);
  const more = named(all, "ssl").some(({ args }) => args[0] === "on") ? ["ssl"] : [];
  return (listens.length === 0 ? [UNSAID] : listens).flatMap((args) => socketOf([...args, ...more]));
}

/** None for QUIC, whose packets come to whom TCP told of it. */
function socketOf([words = "", ...options]: readonly string[]): readonly Socket[] {
  if (options.includes("quic") || words.startsWith("unix:")) return [];
  const [, host = "", port = "80"] = /^(?:(\[[^\]]*\]|[^:]*):)?(\d+)$/.exec(words) ?? [null, words];
  const address = host.toLowerCase();
  const at = `${ADDRESSES[address] ?? address}:${port}`;
  const isDefault = options.includes("default_server") || options.includes("default");
  return [{ at, words, isDefault, ssl: options.includes("ssl") }];
}

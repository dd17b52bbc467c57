import { isMirrored, type Application } from "../../model/application.ts";
import { drainOf } from "../../model/drain.ts";
import { kindZone } from "./kinds.ts";
import { prefix } from "./names.ts";
import { spared } from "./spared.ts";
import { PAIRS } from "./split.ts";

/**
 * Copies of requests for the canary, which nobody waits for: see the README. The request's own copy ends at
 * once, at the copier, another server of ours on loopback. That one sends it to the canary and waits.
 *
 *   client ── location / ── stable
 *                 └ mirror ── MIRROR ──▶ copier (answers at once)
 *                                           └ mirror ── COPY ──▶ canary
 */
const MIRROR = "/.glidepath/mirror";
const COPY = "/.glidepath/copy";

/** The next request on a connection waits for its copy to be handed over: at most so long. */
const HANDED_OVER = "50ms";
/** Copies in flight: a canary that hangs must not take the connections that users need. */
const MOST_COPIES = 32;
/** Seconds that a copy is waited for; about half of a drain, so that it does not hold a slot up. */
const WAITED = { least: 3, most: 10 };

function patienceOf({ policy, gateway }: Application): number {
  const half = Math.floor(drainOf(policy, "requests") / 2000);
  const wanted = Math.min(WAITED.most, Math.max(WAITED.least, half));
  return Math.max(1, Math.min(wanted, Math.floor(gateway.readTimeout / 1000)));
}

/** That many seconds or more, as nginx writes them. */
const longerThan = (patience: number): string =>
  `"~^(?:${patience > 9 ? "" : `[${patience}-9]|`}[1-9][0-9]+)[.]"`;

/**
 * What nginx's own config says of errors is not for copies: it would lead them on to pages, and copy them
 * anew. Any `error_page` keeps others from being inherited; nobody answers with this status.
 */
const NO_PAGES = ["error_page 598 /;", "proxy_intercept_errors off;"];

/** The directory of a generation that is there while it mirrors: see tree.ts. */
const switchOf = (pool: string): string => `${pool}/cur/mirror`;

/**
 * Which requests may be copied: those that change nothing, have no body, are no upgrade or stream, are of a
 * user's, and went to the stable release. Which are: the part of them that the switch says, drawn by chance.
 */
export function mirrorMaps(application: Application): readonly string[] {
  const v = prefix(application.name);
  const about = [
    `$request_method $${v}_role $${v}_counted $http_x_glidepath_mirror`,
    "$http_upgrade$http_transfer_encoding$content_length $http_accept",
  ].join("/");
  const drawn = (name: "top" | "sub"): readonly string[] => [
    `split_clients "${application.name}/mirror/${name}|$request_id" $${v}_draw_${name} {`,
    ...PAIRS.map((pair, i) => `    ${i === 99 ? "*" : "1%"} ${pair};`),
    "}",
  ];
  return [
    ...drawn("top"),
    ...drawn("sub"),
    `map $${v}_draw_top$${v}_draw_sub $${v}_draw {`,
    '    "~^(.)(.)(.)(.)$" $1/$2/$3/$4;',
    "}",
    `map $realpath_root $${v}_copier {`,
    '    default "";',
    `    "~/as/(p[0-9]+)(?:@[^/]+)?$" ${v}_$1;`,
    "}",
    `map "${about}" $${v}_copied {`,
    '    default "";',
    `    "~*^(?:GET|HEAD) stable 1 /0? (?!.*text/event-stream)" $${v}_copier;`,
    "}",
    "# Of a request that is copied both answers count until their head is there: a copy's body is not read.",
    `map $upstream_header_time $${v}_took {`,
    "    default $request_time;",
    '    "~^[0-9.]+$" $upstream_header_time;',
    "}",
    "# Who takes longer than a copy is waited for was left, on both sides alike.",
    `map $${v}_took $${v}_end {`,
    "    default $status;",
    `    ${longerThan(patienceOf(application))} 499;`,
    "}",
    `map $upstream_addr $${v}_sent {`,
    '    "" 0;',
    "    default 1;",
    "}",
    `limit_conn_zone $server_port zone=${v}_copies:32k;`,
  ];
}

/** Of the copy and of the request that was copied; without what is said of an answer's body. */
export function mirrorFormats(application: Application, fields: readonly string[]): readonly string[] {
  if (!isMirrored(application)) return [];
  const v = prefix(application.name);
  return (["twin", "copy"] as const).map((role) => {
    const own: Readonly<Record<string, string>> = {
      $request_time: `$${v}_took`,
      $status: `$${v}_end`,
      "$#_role": role,
      "$#_key": "",
      "$#_kind": "",
      $upstream_response_length: "",
      $upstream_http_content_length: "",
    };
    const text = fields.map((field) => (own[field] ?? field).replace("#", v)).join("\\t");
    return `log_format ${v}_${role} escape=json "${text}";`;
  });
}

interface Place {
  readonly application: Application;
  /** The log's path, quoted as nginx takes it. */
  readonly log: string;
  /** The pool's directory. */
  readonly pool: string;
}

const logged = (log: string, format: string, when: string): string =>
  `access_log ${log} ${format} buffer=64k flush=100ms if=$${when};`;

/** In the location that serves. */
export function mirrorHere({ application, log }: Omit<Place, "pool">): readonly string[] {
  if (!isMirrored(application)) return [];
  const v = prefix(application.name);
  return [
    "# Set where a copy is made: shared with the subrequest that does.",
    `set $${v}_twin 0;`,
    logged(log, `${v}_twin`, `${v}_twin`),
    `mirror ${MIRROR};`,
    "mirror_request_body off;",
    'proxy_set_header X-Glidepath-Mirror "";',
  ];
}

/** Beside the location that serves: hands a copy over, where the switch says that there is one. */
export function mirrorLocation({ application, pool }: Omit<Place, "log">, copier: string): readonly string[] {
  if (!isMirrored(application)) return [];
  const v = prefix(application.name);
  return [
    `location = ${MIRROR} {`,
    ...[
      "internal;",
      ...NO_PAGES,
      ...unlessMirrored(pool, { draw: `$${v}_draw`, to: `$${v}_copied` }),
      `set $${v}_twin 1;`,
      "proxy_pass_request_body off;",
      'proxy_set_header Content-Length "";',
      `proxy_set_header Host $${v}_host;`,
      "proxy_set_header X-Real-IP $remote_addr;",
      "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
      "proxy_set_header X-Forwarded-Proto $scheme;",
      `proxy_connect_timeout ${HANDED_OVER};`,
      `proxy_send_timeout ${HANDED_OVER};`,
      `proxy_read_timeout ${HANDED_OVER};`,
      "proxy_next_upstream off;",
      `proxy_pass http://${copier}$request_uri;`,
    ].map((line) => `    ${line}`),
    "}",
  ];
}

/** Ends at once where nothing is mirrored; then where this request is not. */
const unlessMirrored = (
  pool: string,
  { draw, to }: { readonly draw: string; readonly to: string },
): readonly string[] => [
  `root ${switchOf(pool)}/${draw};`,
  "open_file_cache off;",
  `if (!-e ${switchOf(pool)}) { return 204; }`,
  `if (${to} = "") { return 204; }`,
];

/** Answers at once (there is no such file), and carries the copy to its end all the same. */
export function copier({ application, log, pool }: Place, listen: string): readonly string[] {
  const v = prefix(application.name);
  const { policy, gateway } = application;
  const patience = patienceOf(application);
  const inside = (lines: readonly string[]): readonly string[] => lines.map((line) => `    ${line}`);
  return [
    "server {",
    ...inside([
      `listen ${listen};`,
      "access_log off;",
      "keepalive_timeout 0;",
      ...spared(v),
      "location / {",
      ...inside([
        `root ${pool}/none;`,
        "log_not_found off;",
        ...NO_PAGES,
        `mirror ${COPY};`,
        "mirror_request_body off;",
      ]),
      "}",
      `location = ${COPY} {`,
      ...inside([
        "internal;",
        ...NO_PAGES,
        "# The first of all draws is copied, whatever the part.",
        ...unlessMirrored(pool, { draw: "0/0/0/0", to: `$${v}_copier` }),
        `limit_conn ${v} 65535;`,
        ...(policy.drainKinds === undefined ? [] : [`limit_conn ${kindZone(v)} 65535;`]),
        `limit_conn ${v}_copies ${MOST_COPIES};`,
        "limit_conn_log_level info;",
        "log_subrequest on;",
        logged(log, `${v}_copy`, `${v}_sent`),
        "proxy_ignore_client_abort on;",
        "proxy_pass_request_body off;",
        "proxy_http_version 1.1;",
        "proxy_set_header Host $http_host;",
        'proxy_set_header Connection "";',
        'proxy_set_header Content-Length "";',
        "proxy_set_header X-Glidepath-Mirror 1;",
        `proxy_connect_timeout ${gateway.connectTimeout}ms;`,
        `proxy_send_timeout ${patience}s;`,
        `proxy_read_timeout ${patience}s;`,
        "proxy_next_upstream off;",
        `proxy_pass http://$${v}_copier$request_uri;`,
      ]),
      "}",
    ]),
    "}",
  ];
}

import type { Duration } from "../../base/time.ts";
import type { Application, Gateway, Slot } from "../../model/application.ts";
import { isMirrored, keepaliveOf, poolOf } from "../../model/application.ts";
import { EVERYBODY, groupsOf, MOST_TRIES, type Group, type Layout } from "./groups.ts";
import { cidr, controlAddress, digest, endpoint, headerName, path, prefix, serverName } from "./names.ts";
import { altSvcLines, listenLines, redirectBody } from "./listen.ts";
import { kindMaps, kindZone } from "./kinds.ts";
import { pinMaps, switchVariable } from "./pins.ts";
import { snippetOf } from "./place.ts";
import { copier, mirrorFormats, mirrorHere, mirrorLocation, mirrorMaps } from "./mirror.ts";
import { spared, sparedZones } from "./spared.ts";
import { splitMaps } from "./split.ts";

/** Raised when the text below changes its meaning without the file's being changed. */
const FORMAT = 2;

export interface Topology {
  readonly application: Application;
  readonly gateway: Gateway;
  /** `state/APP` with every symbolic link resolved: nginx compares resolved paths. */
  readonly home: string;
}

/** The whole of what Glidepath writes for an application on one gateway. It depends on the topology alone. */
export interface Config {
  readonly text: string;
  /** What a location of the user's can include. */
  readonly snippet: string;
  /** Names this config: its workers say it, so that a reload can be proved. */
  readonly digest: string;
  /** Names the groups and what is in them; the switch lives in `home/pool-DIGEST`. */
  readonly pool: string;
}

export const layoutOf = ({ hosts, gateway, policy }: Application): Layout => ({
  pool: poolOf(hosts).map((slot) => slot.key),
  split: gateway.split,
  maxUnavailable: policy.maxUnavailable,
});

/** The groups' meaning: a switch built for one pool is never read by the config of another. */
export function poolDigest(application: Application): string {
  const slots = poolOf(application.hosts).map((slot) => `${slot.key} ${endpoint(slot.address, slot.port)}`);
  const names = groupsOf(layoutOf(application)).map((group) => group.name);
  return digest(JSON.stringify([FORMAT, slots, names]));
}

export function writeConfig(topology: Topology): Config {
  const pool = poolDigest(topology.application);
  const { mode } = topology.application.gateway;
  const snippet = lines(locationBody(mode === "upstream" ? topology : withoutServer(topology)));
  const body = (mark: string): string =>
    lines(sections(topology, { pool, mark }).flatMap((section) => [""].concat(section)));
  const mark = digest(`${FORMAT}\n${body("")}\n${mode === "upstream" ? snippet : ""}`);
  return { text: lines(header(topology, { pool, mark })) + body(mark), snippet, digest: mark, pool };
}

interface Marks {
  readonly pool: string;
  readonly mark: string;
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");
const indent = (all: readonly string[]): readonly string[] =>
  all.map((line) => (line === "" ? "" : `    ${line}`));
const block = (head: string, body: readonly string[]): readonly string[] => [
  `${head} {`,
  ...indent(body),
  "}",
];

/** Whether a config decides by the key, the rules and the client's address that the file has now. */
export function decidesBy(application: Application, config: string): boolean {
  const said = config.split("\n").map((one) => one.trim());
  // In mode `upstream` the snippet says it.
  const client = application.gateway.mode === "server" ? clientAddress(application) : [];
  return (
    config.includes(lines(splitMaps(application))) &&
    lines(said.filter((one) => CLIENT.test(one))) === lines(client)
  );
}

const CLIENT = /^(?:set_real_ip_from|real_ip_header|real_ip_recursive) /;

const header = (topology: Topology, { pool, mark }: Marks): readonly string[] => {
  const { name, gateway } = topology.application;
  return [
    `# glidepath app=${name} pool=${pool} config=${mark}`,
    `# Written by Glidepath for ${name}. It changes only when glidepath.yaml does: a release`,
    "# renames one symbolic link. Glidepath refuses to go on when somebody else has changed this file.",
    ...(gateway.mode === "upstream"
      ? [
          "# The location of yours that it serves has this line:",
          `#     include ${path(snippetOf(topology))};`,
        ]
      : []),
  ];
};

function sections(topology: Topology, marks: Marks): readonly (readonly string[])[] {
  const { application } = topology;
  const pool = poolOf(application.hosts);
  return [
    ...groupsOf(layoutOf(application)).map((group) => upstream(application, group, pool)),
    splitMaps(application),
    [...switchMaps(application), ...hostMaps(topology)],
    counters(application),
    logFormat(application),
    ...(isMirrored(application) ? [mirrorMaps(application), copierServer(topology)] : []),
    ...(application.gateway.mode === "server" ? [server(topology)] : []),
    control(topology, marks),
  ];
}

/**
 * `max_fails=0`: nginx counts a request that is slower than the read timeout as a failure of the slot, so
 * that a few slow requests would take slots away from everybody. A dead slot costs one refused connection and
 * another try.
 */
function upstream(application: Application, group: Group, pool: readonly Slot[]): readonly string[] {
  const line = (backup: string) => (place: number) => {
    const slot = pool[place] as Slot;
    return `server ${endpoint(slot.address, slot.port)} max_fails=0${backup};`;
  };
  return block(`upstream ${prefix(application.name)}_${group.name}`, [
    ...group.servers.map(line("")),
    ...group.backups.map(line(" backup")),
    ...(keepaliveOf(application.gateway) === 0
      ? []
      : ["keepalive 64;", `keepalive_timeout ${nginxTime(keepaliveOf(application.gateway))};`]),
  ]);
}

const nginxTime = (time: Duration): string => (time % 1000 === 0 ? `${time / 1000}s` : `${time}ms`);

/** From the resolved directory to the group; nginx falls back to all slots when it cannot read the switch. */
function switchMaps(application: Application): readonly string[] {
  const { name, gateway } = application;
  const v = prefix(name);
  const named = gateway.releaseHeader !== null;
  const setsCookies = issuesCookie(gateway) || gateway.pin !== undefined;
  return [
    ...(setsCookies ? block(`map $https $${v}_safe`, ['default "";', 'on "; Secure";']) : []),
    ...pinMaps(application),
    ...block(`map ${switchVariable(application)} $${v}_upstream`, [
      `default ${v}_${EVERYBODY};`,
      `"~/(?:groups|as)/([a-z][a-z0-9_]*)(?:@[^/]+)?$" ${v}_$1;`,
    ]),
    ...(named
      ? block(`map ${switchVariable(application)} $${v}_release`, [
          'default "";',
          '"~/as/[a-z0-9_]+@([^/=]+)(?:=[^/]*)?$" $1;',
        ])
      : []),
    ...block(`map $${v}_upstream $${v}_group`, [`"~^${v}_(.+)$" $1;`]),
    ...block(
      `map $${v}_group $${v}_role`,
      gateway.split === "users" ? ["default stable;", "~^p canary;"] : ["default all;"],
    ),
    ...block(`map $http_upgrade $${v}_upgrade`, ['default "";', "websocket websocket;"]),
    ...block(`map $http_upgrade $${v}_hop`, [
      keepaliveOf(gateway) === 0 ? "default close;" : 'default "";',
      "websocket upgrade;",
    ]),
  ];
}

/**
 * What the client asked for. HTTP/3 has it outside of the headers: nginx 1.26 makes no `$http_host` of it,
 * and `$host` is without the port.
 */
function hostMaps({ application, gateway }: Topology): readonly string[] {
  const v = prefix(application.name);
  const isEverywhere = gateway.http3 === undefined;
  return [
    ...(isEverywhere
      ? []
      : block(`map $server_port $${v}_authority`, ["default $host:$server_port;", "443 $host;"])),
    ...block(`map $http_host $${v}_host`, [
      "default $http_host;",
      isEverywhere ? '"" $host;' : `"" $${v}_authority;`,
    ]),
  ];
}

/** Requests in flight by group, over all workers, old ones after a reload included. It only counts. */
function counters({ name, policy }: Application): readonly string[] {
  const v = prefix(name);
  const zones = [`limit_conn_zone $${v}_upstream zone=${v}:1m;`, ...sparedZones(v)];
  if (policy.drainKinds === undefined) return zones;
  return [...zones, ...kindMaps(v), `limit_conn_zone "$${v}_upstream $${v}_flow" zone=${kindZone(v)}:1m;`];
}

const LOGGED = [
  "g1",
  "$msec",
  "$request_time",
  "$status",
  "$#_role",
  "$#_group",
  "$#_key",
  "$request_method",
  "$upstream_addr",
  "$upstream_status",
  "$upstream_connect_time",
  "$upstream_response_time",
  "$upstream_bytes_sent",
  "$request_completion",
  "$#_kind",
  "$upstream_response_length",
  "$upstream_http_content_length",
];

/** See the README: another driver reads it. */
function logFormat(application: Application): readonly string[] {
  const { name, policy } = application;
  const v = prefix(name);
  const fields = LOGGED.map((field) => field.replace("#", v)).join("\\t");
  return [
    ...block(`map $sent_http_content_type $${v}_kind`, [
      policy.drainKinds === undefined ? 'default "";' : `default $${v}_own;`,
      '"~*^text/event-stream" events;',
    ]),
    "# Whoever probes through the gateway says so by this header, and is not counted.",
    ...block(`map $http_x_glidepath_probe $${v}_counted`, ["default 0;", '"" 1;']),
    ...(tellsSlot(application)
      ? [
          "# It is told which slot answered, if it knows the pool.",
          ...block(`map $http_x_glidepath_probe $${v}_told`, [
            'default "";',
            `${poolDigest(application)} $upstream_addr;`,
          ]),
        ]
      : []),
    `log_format ${v} escape=json "${fields}";`,
    ...mirrorFormats(application, LOGGED),
  ];
}

/**
 * Headers that are added in a location hide those of the levels above: what answers a probe is told only
 * where headers are added anyway, or the file asks for the probe.
 */
const tellsSlot = ({ gateway, probe }: Application): boolean =>
  issuesCookie(gateway) || gateway.pin !== undefined || gateway.releaseHeader !== null || probe.always;

const issuesCookie = ({ key, split }: Application["gateway"]): boolean =>
  key.by === "auto" && split === "users";

const poolPath = ({ application, home }: Pick<Topology, "application" | "home">): string =>
  `${path(home)}/pool-${poolDigest(application)}`;

function copierAt({ application, gateway }: Topology): string {
  const { address, port } = controlAddress(application.name, gateway.config);
  return `${address}:${port + 1}`;
}

const copierServer = (topology: Topology): readonly string[] =>
  copier(
    { application: topology.application, log: path(topology.gateway.log), pool: poolPath(topology) },
    copierAt(topology),
  );

/** What only a server of ours has: HTTP/3, and the locations through which copies go. */
function withoutServer({ application, gateway: { http3: _http3, ...gateway }, home }: Topology): Topology {
  const settings = { ...application.gateway, mode: "upstream" as const };
  return { application: { ...application, gateway: settings }, gateway, home };
}

/** The same for `server` and `upstream`: everything stands inside the location, where nothing can skip it. */
function locationBody({ application, gateway, home }: Topology): readonly string[] {
  const v = prefix(application.name);
  const { releaseHeader, maxBody } = application.gateway;
  return [
    `root ${poolPath({ application, home })}/cur/$${v}_at;`,
    `limit_conn ${v} 65535;`,
    ...(application.policy.drainKinds === undefined ? [] : [`limit_conn ${kindZone(v)} 65535;`]),
    "limit_conn_dry_run on;",
    "limit_conn_log_level info;",
    `access_log ${path(gateway.log)} ${v} buffer=64k flush=100ms if=$${v}_counted;`,
    ...(application.gateway.mode === "upstream" ? clientAddress(application) : []),
    ...(issuesCookie(application.gateway) ? [`add_header Set-Cookie $${v}_cookie;`] : []),
    ...(application.gateway.pin === undefined ? [] : [`add_header Set-Cookie $${v}_keep;`]),
    ...(releaseHeader === null ? [] : [`add_header ${headerName(releaseHeader)} $${v}_release always;`]),
    ...altSvcLines(gateway),
    ...(tellsSlot(application) ? [`add_header X-Glidepath-Slot $${v}_told always;`] : []),
    ...(maxBody === undefined ? [] : [`client_max_body_size ${maxBody};`]),
    ...(application.gateway.mode === "server" ? mirrorHere({ application, log: path(gateway.log) }) : []),
    ...onward(application),
  ];
}

/** To the group; gRPC has the same means under other names. */
function onward({ name, hosts, gateway }: Application): readonly string[] {
  const v = prefix(name);
  const { connectTimeout, readTimeout } = gateway;
  const tries = Math.min(MOST_TRIES, Math.max(2, poolOf(hosts).length));
  const way = gateway.protocol === "grpc" ? "grpc" : "proxy";
  return [
    ...(way === "grpc"
      ? [
          "# A stream has no length, and may be silent for long.",
          ...(gateway.maxBody === undefined ? ["client_max_body_size 0;"] : []),
          `client_body_timeout ${readTimeout}ms;`,
        ]
      : ["proxy_http_version 1.1;"]),
    `${way}_set_header Host $${v}_host;`,
    `${way}_set_header X-Real-IP $remote_addr;`,
    `${way}_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`,
    `${way}_set_header X-Forwarded-Proto $scheme;`,
    ...(way === "grpc"
      ? []
      : [`proxy_set_header Upgrade $${v}_upgrade;`, `proxy_set_header Connection $${v}_hop;`]),
    `${way}_connect_timeout ${connectTimeout}ms;`,
    `${way}_read_timeout ${readTimeout}ms;`,
    `${way}_send_timeout ${readTimeout}ms;`,
    "# A second slot is tried when the first could not be reached, never after a slow request.",
    `${way}_next_upstream error timeout http_502 http_503;`,
    `${way}_next_upstream_tries ${tries};`,
    `${way}_next_upstream_timeout ${connectTimeout * Math.min(4, tries)}ms;`,
    way === "grpc" ? `grpc_pass grpc://$${v}_upstream;` : `proxy_pass http://$${v}_upstream;`,
  ];
}

/** Trusted proxies tell the client's address; the nearest that is not one of them counts. */
function clientAddress({ gateway: { realIp } }: Application): readonly string[] {
  if (realIp === null) return [];
  return [
    ...realIp.from.map((range) => `set_real_ip_from ${cidr(range)};`),
    `real_ip_header ${headerName(realIp.header)};`,
    "real_ip_recursive on;",
  ];
}

function server(topology: Topology): readonly string[] {
  const { gateway, application } = topology;
  const names = application.gateway.serverName.map(serverName).join(" ") || "_";
  const redirect = redirectBody(gateway, names);
  const main = block("server", [
    ...listenLines(gateway),
    ...(gateway.tls === undefined
      ? []
      : [
          `ssl_certificate ${path(gateway.tls.certificate)};`,
          `ssl_certificate_key ${path(gateway.tls.key)};`,
        ]),
    `server_name ${names};`,
    ...clientAddress(application),
    ...block("location /", locationBody(topology)),
    ...mirrorLocation({ application, pool: poolPath(topology) }, copierAt(topology)),
  ]);
  return redirect === null ? main : [...main, ...block("server", redirect)];
}

/** On loopback: which config the workers run, and 409 while a group has a request in flight. */
function control({ application, gateway, home }: Topology, { pool, mark }: Marks): readonly string[] {
  const v = prefix(application.name);
  const { address, port } = controlAddress(application.name, gateway.config);
  return block("server", [
    `listen ${address}:${port};`,
    "access_log off;",
    "default_type text/plain;",
    ...spared(v),
    "# The last word is the group that serves the stable release: empty when nginx cannot read the switch.",
    ...block("location = /config", [
      `root ${path(home)}/pool-${pool}/cur/stable;`,
      `return 200 "${application.name} ${mark} ${pool} $realpath_root\\n";`,
    ]),
    ...block(`location ~ ^/busy/([a-z][a-z0-9_]*)$`, [
      `root ${path(home)}/pool-${pool}/groups/$1;`,
      `limit_conn ${v} 1;`,
      "limit_conn_status 409;",
      "limit_conn_log_level info;",
      "try_files /idle =204;",
    ]),
    ...(application.policy.drainKinds === undefined
      ? []
      : block(`location ~ ^/\\.glidepath/busy/([a-z][a-z0-9_]*)/[a-z]+$`, [
          `root ${path(home)}/pool-${pool}/groups/$1;`,
          `limit_conn ${kindZone(v)} 1;`,
          "limit_conn_status 409;",
          "limit_conn_log_level info;",
          "try_files /idle =204;",
        ])),
  ]);
}

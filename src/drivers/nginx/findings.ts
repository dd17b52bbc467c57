import { hasGap } from "../../base/gap.ts";
import type { Finding } from "../../ports/examine.ts";
import { layoutOf, writeConfig } from "./config.ts";
import { isIncluded } from "./doors.ts";
import { editedBy } from "./edited.ts";
import { slotLines } from "./groups.ts";
import { http3 } from "./http3.ts";
import { prefix } from "./names.ts";
import { upstreams } from "./passive.ts";
import { overruled } from "./overruled.ts";
import { snippetOf } from "./place.ts";
import { fault, fine, linesOf, section, surveyIn, warning, type Facts, type Look } from "./said.ts";
import { certificate } from "./certificate.ts";
import { filesOf } from "./survey.ts";
import { lackOf, unserved } from "./unserved.ts";
import { unsuitable } from "./unsuitable.ts";

export function sectionsOf(stdout: string): ReadonlyMap<string, string> {
  const parts = `\n${stdout}`.split("\n@@ ").slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1).trim()];
    }),
  );
}

/** Without nginx nothing else can be looked at. */
export function findingsOf(facts: Facts): readonly Finding[] {
  const looks: readonly Look[] =
    section(facts, "binary") === ""
      ? [binary]
      : [
          binary,
          modules,
          realIp,
          http3,
          tools,
          master,
          passes,
          whole,
          ...(facts.application.gateway.passive ? [upstreams] : OWN),
        ];
  const subject = `${facts.gateway.name}: nginx`;
  return looks.flatMap((look) =>
    look(facts).map(({ severity, found, todo }) => ({ subject, severity, found, todo })),
  );
}

const OLDEST = [1, 18] as const;

const binary: Look = (facts) => {
  const path = section(facts, "binary");
  const { nginx } = facts.gateway;
  if (path === "") return [fault(`${nginx} is not there`, "install nginx, or set gateway.nginx to its path")];
  const [, version = "?", major = "0", minor = "0"] =
    /nginx version: [^/]+\/((\d+)\.(\d+)\S*)/.exec(section(facts, "build")) ?? [];
  const old = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  if (old) return [fault(`${path} is version ${version}; 1.18 or newer was expected`, "update nginx")];
  return [fine(`${path}, version ${version}`)];
};

const NEEDED = [
  "http_split_clients",
  "http_map",
  "http_geo",
  "http_limit_conn",
  "http_limit_req",
  "http_access",
  "http_upstream_keepalive",
  "http_proxy",
  "http_rewrite",
] as const;

const modules: Look = (facts) => {
  const build = section(facts, "build");
  const missing = NEEDED.filter(
    (name) => build.includes(`--without-${name}_module`) || build.includes("--without-http "),
  );
  if (missing.length === 0) return [];
  return [fault(`it was built without ${missing.join(", ")}`, "install an nginx with its standard modules")];
};

/** Not among nginx's own defaults, but in most packages. */
const realIp: Look = (facts) => {
  if (facts.application.gateway.realIp === null) return [];
  if (section(facts, "build").includes("--with-http_realip_module")) return [];
  return [fault("it was built without http_realip, which gateway.realIp needs", "use a package that has it")];
};

const tools: Look = (facts) => {
  const missing = linesOf(facts, "tools");
  if (missing.length === 0) return [];
  return [
    fault(`not there: ${missing.join(", ")}`, "install the packages iproute2 (ss), util-linux and coreutils"),
  ];
};

const master: Look = (facts) => {
  const { main } = facts.gateway;
  const found = linesOf(facts, "masters");
  if (found.length === 1) return [fine(`it runs with ${main}`)];
  if (found.length === 0)
    return [
      fault(
        `no nginx runs with ${main}`,
        "start it (for example: systemctl start nginx), or set gateway.main",
      ),
    ];
  return [
    fault(`${found.length} masters run with ${main}, one was expected`, "finish the upgrade of nginx there"),
  ];
};

const passes: Look = (facts) => {
  const said = section(facts, "test");
  if (said.endsWith("passed")) return [];
  const isEarly = said.includes(`unknown log format "${prefix(facts.application.name)}`);
  const todo = isEarly
    ? `nginx reads files by name: give the one that includes ours a name after ${facts.gateway.config}`
    : "repair it until `nginx -t` passes";
  return [fault(`it refuses its own configuration: ${said.replaceAll("\n", "; ")}`, todo)];
};

/** Whatever is missing would be taken for what nginx does not have. */
const whole: Look = (facts) =>
  hasGap(section(facts, "dump"))
    ? [
        warning(
          "its configuration is longer than 1 MiB: what it serves was not looked at",
          "see for yourself that no other server{} has the application's name and port",
        ),
      ]
    : [];

// ── where Glidepath writes ──────────────────────────────

const place: Look = (facts) => {
  const { config, log } = facts.gateway;
  const me = section(facts, "me");
  const denied = ["config", "state"].map((name) => section(facts, name)).filter((said) => said !== "yes");
  const rights = denied.map((path) =>
    fault(`${me} cannot write in ${path}`, `give ${me} the right to, or let Glidepath come as root`),
  );
  const missing = [
    ...(section(facts, "configdir") === "yes" ? [] : [config]),
    ...(section(facts, "log") === "yes" ? [] : [log]),
  ].map((path) => fault(`the directory of ${path} is not there`, "create it"));
  const found = `${log} is no file: requests are in no count, and not judged`;
  const odd = section(facts, "nofile") === "yes" ? [warning(found, "let gateway.log name a file")] : [];
  return [...rights, ...missing, ...odd, ...linesOf(facts, "room").flatMap(room)];
};

/** Less, in KiB, is soon nothing. */
const LITTLE_ROOM = 10 * 1024;

/** nginx says nothing to anybody when a line of its log has no room: it is as if there was no request. */
function room(line: string): ReturnType<Look> {
  const [free = "", path = ""] = /^(\d+) (.+)$/.exec(line)?.slice(1) ?? [];
  if (free === "" || Number(free) >= LITTLE_ROOM) return [];
  const found = `${free} KiB free for ${path}: what finds no room in the log is in no count, and not judged`;
  return [warning(found, "free some space there")];
}

const edited: Look = (facts) => {
  const found = editedBy(facts, {
    sha: section(facts, "sha") || null,
    written: linesOf(facts, "written"),
  });
  return found === null ? [] : [fault(found.message, found.hint ?? "put it back")];
};

const included: Look = (facts) => {
  const survey = surveyIn(facts);
  const { config, main } = facts.gateway;
  if (survey === null) return [];
  if (survey.files.includes(config)) return [fine(`${main} includes ${config}`)];
  const directory = config.slice(0, config.lastIndexOf("/"));
  if (survey.includeDirs.includes(directory) && (!directory.endsWith("conf.d") || config.endsWith(".conf")))
    return [];
  return [fault(`${main} does not include ${config}`, `add \`include ${config};\` to its http block`)];
};

/** What the next release would refuse, so that nobody is cut off by it. */
const stays: Look = (facts) => {
  const files = filesOf(section(facts, "dump"));
  const [snippet, there] = linesOf(facts, "location");
  const { application, gateway } = facts;
  if (files.size === 0 || snippet === undefined || unsuitable(application, gateway) !== null) return [];
  const { text } = writeConfig({ application, gateway, home: snippet.slice(0, snippet.lastIndexOf("/")) });
  const lost = unserved(facts, { files, wanted: text, hasSnippet: there !== undefined });
  if (lost === null) return [];
  return [fault(`${lost.message} (${lost.details?.replaceAll("\n", "; ")})`, lost.hint ?? "")];
};

/** In mode `upstream` nothing of ours is served until the user's own location includes it. */
const location: Look = (facts) => {
  const files = filesOf(section(facts, "dump"));
  if (facts.application.gateway.mode !== "upstream" || files.size === 0) return [];
  if (stays(facts).length > 0) return [];
  const snippet = snippetOf(facts);
  if (isIncluded(facts, files)) return [fine(`a location includes ${snippet}`)];
  const [, there] = linesOf(facts, "location");
  if (there !== undefined) return [lackOf(facts)];
  const todo = `after the first release, write \`include ${snippet};\` in your location`;
  return [warning(`no location includes ${snippet} yet`, todo)];
};

const readable: Look = (facts) => {
  const [user = "", can = "unknown"] = section(facts, "walk").split("\n");
  if (can === "yes" || can === "unknown") return [];
  return [
    fault(
      `nginx's user ${user} cannot enter ${can}, below which the switch is`,
      `chmod o+x ${can}, or choose another gateway.state`,
    ),
  ];
};

/** One list for each server{} of ours. */
const listensOf = ({ gateway: { listen, redirect } }: Facts): readonly (readonly string[])[] =>
  redirect === undefined ? [listen] : [listen, redirect.listen];

const portOf = (listen: string): string => /(\d+)(?: |$)/.exec(listen)?.[1] ?? "";

/** A listener of nginx's own, under whatever name, is no conflict; nor one of a config that is gone. */
const listening: Look = (facts) => {
  if (facts.application.gateway.mode !== "server") return [];
  const masters = linesOf(facts, "masters").map((line) => `pid=${line.split(" ")[0]},`);
  const sockets = linesOf(facts, "listening").map((line) => ({
    port: portOf(line.split(/\s+/)[3] ?? ""),
    own: masters.some((pid) => line.includes(pid)),
  }));
  const configured = (surveyIn(facts)?.servers ?? []).flatMap((server) => server.listen.map(portOf));
  const own = sockets.filter((socket) => socket.own).map((socket) => socket.port);
  const known = new Set([...configured, ...own]);
  const taken = new Set(sockets.map((socket) => socket.port));
  const foreign = listensOf(facts)
    .flat()
    .filter((one) => taken.has(portOf(one)) && !known.has(portOf(one)));
  return foreign.map((one) =>
    fault(`port ${portOf(one)} is taken by another program than nginx`, "free it, or change gateway.listen"),
  );
};

const names: Look = (facts) => {
  const survey = surveyIn(facts);
  const { mode, serverName } = facts.application.gateway;
  if (mode !== "server" || survey === null) return [];
  const installed = survey.files.includes(facts.gateway.config) ? 1 : 0;
  const wanted = serverName.length === 0 ? ["_"] : serverName;
  return wanted.flatMap((name) => {
    const isTaken = listensOf(facts).some((listens) => {
      const ours = new Set(listens.map(portOf));
      const same = survey.servers.filter(
        (server) => server.serverName.includes(name) && server.listen.some((one) => ours.has(portOf(one))),
      );
      return same.length > installed;
    });
    if (!isTaken) return [];
    return [
      warning(
        `another server{} has the name ${name} on the same port: nginx serves only the first it reads`,
        "remove it, or use gateway.mode: upstream inside it",
      ),
    ];
  });
};

const shutdown: Look = (facts) => {
  const survey = surveyIn(facts);
  if (survey === null || survey.workerShutdownTimeout !== null) return [];
  return [
    warning(
      "worker_shutdown_timeout is not set: after a reload, old workers stay as long as their last WebSocket",
      "set it in the main file to more than your longest request, for example `worker_shutdown_timeout 1h;`",
    ),
  ];
};

/** More of these and a reload takes nginx seconds, and memory in every worker. */
const MOST_SLOT_LINES = 50_000;

const size: Look = ({ application }) => {
  const layout = layoutOf(application);
  const count = slotLines(layout);
  if (count <= MOST_SLOT_LINES) return [];
  const { pool, split, maxUnavailable } = layout;
  const todo =
    split === "servers" && maxUnavailable > 1
      ? "lower rollout.maxUnavailable: every window of slots that may be out has a group of its own"
      : "divide the pool into several applications, each with a glidepath.yaml and a location of its own";
  // Measured: a thousand bytes each.
  const memory = `about ${Math.round(count / 1000)} MB of memory in nginx`;
  return [warning(`${pool.length} slots make a config with ${count} lines of servers, ${memory}`, todo)];
};

const OWN: readonly Look[] = [
  place,
  edited,
  included,
  location,
  stays,
  readable,
  listening,
  names,
  certificate,
  overruled,
  shutdown,
  size,
];

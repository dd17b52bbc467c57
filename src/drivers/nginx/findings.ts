import type { Application, Gateway } from "../../model/application.ts";
import type { Finding } from "../../ports/examine.ts";
import { surveyOf, type FoundUpstream, type Survey } from "./survey.ts";

/** What the examining script printed, by section. */
export interface Facts {
  readonly application: Application;
  readonly gateway: Gateway;
  readonly sections: ReadonlyMap<string, string>;
}

export function sectionsOf(stdout: string): ReadonlyMap<string, string> {
  const parts = `\n${stdout}`.split("\n@@ ").slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), part.slice(end + 1).trim()];
    }),
  );
}

type Said = Pick<Finding, "found" | "severity" | "todo">;
const fine = (found: string): Said => ({ severity: "fine", found, todo: null });
const fault = (found: string, todo: string): Said => ({ severity: "fault", found, todo });
const warning = (found: string, todo: string): Said => ({ severity: "warning", found, todo });

type Look = (facts: Facts) => readonly Said[];

const section = ({ sections }: Facts, name: string): string => sections.get(name) ?? "";
const surveyIn = (facts: Facts): Survey | null => surveyOf(section(facts, "dump"));

/** Without nginx nothing else can be looked at. */
export function findingsOf(facts: Facts): readonly Finding[] {
  const looks: readonly Look[] =
    section(facts, "binary") === ""
      ? [binary]
      : [binary, modules, tools, master, passes, ...(facts.application.gateway.passive ? [upstreams] : OWN)];
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

const tools: Look = (facts) => {
  const missing = section(facts, "tools")
    .split("\n")
    .filter((tool) => tool !== "");
  if (missing.length === 0) return [];
  return [
    fault(`not there: ${missing.join(", ")}`, "install the packages iproute2 (ss), util-linux and coreutils"),
  ];
};

const master: Look = (facts) => {
  const { main } = facts.gateway;
  const found = section(facts, "masters")
    .split("\n")
    .filter((line) => line !== "");
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
  return [
    fault(
      `it refuses its own configuration: ${said.replaceAll("\n", "; ")}`,
      "repair it until `nginx -t` passes",
    ),
  ];
};

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
  return [...rights, ...missing];
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

const portOf = (listen: string): string => listen.slice(listen.lastIndexOf(":") + 1);

/** A listener of nginx's own, under whatever name, is no conflict. */
const listening: Look = (facts) => {
  const { listen } = facts.gateway;
  const taken = new Set(
    section(facts, "listening")
      .split("\n")
      .map((line) => portOf(line.trim().split(/\s+/)[3] ?? "")),
  );
  const known = new Set((surveyIn(facts)?.servers ?? []).flatMap((server) => server.listen.map(portOf)));
  const foreign = listen.filter((one) => taken.has(portOf(one)) && !known.has(portOf(one)));
  if (facts.application.gateway.mode !== "server") return [];
  return foreign.map((one) =>
    fault(`port ${portOf(one)} is taken by another program than nginx`, "free it, or change gateway.listen"),
  );
};

const names: Look = (facts) => {
  const survey = surveyIn(facts);
  const { mode, serverName } = facts.application.gateway;
  if (mode !== "server" || survey === null) return [];
  const ours = new Set(facts.gateway.listen.map(portOf));
  const installed = survey.files.includes(facts.gateway.config) ? 1 : 0;
  const wanted = serverName.length === 0 ? ["_"] : serverName;
  return wanted.flatMap((name) => {
    const same = survey.servers.filter(
      (server) => server.serverName.includes(name) && server.listen.some((one) => ours.has(portOf(one))),
    );
    if (same.length <= installed) return [];
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

const OWN: readonly Look[] = [place, included, readable, listening, names, shutdown];

// ── the passive form ──────────────────────────────

/**
 * The short form relies on nginx's own detection of dead slots: with its defaults it punishes for too long.
 */
const upstreams: Look = (facts) => {
  const slots = new Set(
    facts.application.hosts.flatMap((host) => host.slots.map((slot) => `${slot.address}:${slot.port}`)),
  );
  const found = (surveyIn(facts)?.upstreams ?? []).filter((one) =>
    one.servers.some(({ address }) => slots.has(address)),
  );
  if (found.length === 0) {
    return [
      fault(
        "no upstream of this nginx has the slots",
        "write an upstream with a `server ADDRESS:PORT fail_timeout=1s;` for each",
      ),
    ];
  }
  const limits = warning(
    "passive: nginx finds out by failing requests; one that cannot be repeated (POST) can be lost meanwhile",
    "use gateway.mode: upstream for releases that lose nothing",
  );
  return [...found.flatMap((one) => settings(one, slots)), limits];
};

function settings({ name, servers }: FoundUpstream, slots: ReadonlySet<string>): readonly Said[] {
  const here = new Set(servers.map((server) => server.address));
  const absent = [...slots].filter((slot) => !here.has(slot));
  const slow = servers.filter(
    ({ params }) => !params.includes("fail_timeout=1s") && !params.includes("fail_timeout=1"),
  );
  return [
    ...absent.map((slot) =>
      fault(`upstream ${name} does not have ${slot}`, `add \`server ${slot} fail_timeout=1s;\``),
    ),
    ...slow.map(({ address }) =>
      fault(
        `upstream ${name}: ${address} is avoided for 10 s after a failure (nginx's default), not for 1 s`,
        `write \`server ${address} max_fails=1 fail_timeout=1s;\``,
      ),
    ),
  ];
}

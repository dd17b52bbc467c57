import { appError, type AppError } from "../../../base/errors.ts";
import { err, ok, type Result } from "../../../base/result.ts";
import { millis, parseDuration, seconds, type Duration } from "../../../base/time.ts";
import type { Application, Gateway } from "../../../model/application.ts";
import { DONE, refused, type Outcome } from "../../../model/outcome.ts";
import type { Adopter, Adoption, FoundProcess, FoundSlot, SiteChange } from "../../../ports/adopt.ts";
import type { HostPort, HostReply } from "../../../ports/host.ts";
import { writeConfig } from "../config.ts";
import { sha256 } from "../names.ts";
import { EXIT } from "../scripts.ts";
import { homeOf, snippetOf } from "../place.ts";
import { filesOf, httpOf, named, surveyOf, type FoundUpstream, type Survey } from "../survey.ts";
import { tarOf } from "../tar.ts";
import { troubleOf } from "../trouble.ts";
import { rewrite } from "./rewrite.ts";
import { DUMP, PROCESSES, READ_SITE, TAKE_OVER, UNDO } from "./script.ts";
import { nearest, usesIn, usesOf, withLevels, type Use } from "./uses.ts";

export interface AdopterOptions {
  readonly host: HostPort;
  /** The nginx program and its main file; null: as compiled in. */
  readonly nginx: string;
  readonly main: string | null;
}

/** What this machine's nginx serves, as it was last looked at. */
interface Seen {
  readonly dump: string;
  readonly uses: readonly Use[];
  readonly site: string;
  readonly text: string;
}

export function nginxAdopter(options: AdopterOptions): Adopter {
  const seen = new Map<string, Seen>();
  return {
    find: async (upstream) => {
      const found = await find(options, upstream);
      if (!found.ok) return found;
      seen.set(upstream, found.value.seen);
      return ok(found.value.adoption);
    },
    change: (application, { upstream }) => {
      const known = seen.get(upstream);
      return known === undefined ? err(gone(upstream)) : ok(changeOf(application, known));
    },
    takeOver: (application, change) => takeOver(options, application, change),
    undo: (application) => undo(options, application),
  };
}

const gone = (upstream: string): AppError =>
  appError("gateway.absent", `the upstream ${upstream} was not looked at`);

// ── find ──────────────────────────────

async function find(
  options: AdopterOptions,
  upstream: string,
): Promise<Result<{ adoption: Adoption; seen: Seen }, AppError>> {
  const { host } = options;
  const args = [options.nginx, options.main ?? ""];
  const reply = await host.run({ script: DUMP, args, timeout: seconds(20) });
  if (reply.kind === "lost" || reply.code !== 0) return err(unread(options, reply));
  const end = reply.stdout.indexOf("\n");
  const dump = reply.stdout.slice(end + 1);
  const survey = surveyOf(dump);
  if (survey === null) return err(unread(options, { ...reply, stderr: "it is longer than 1 MiB" }));
  const servers = survey.upstreams.find(({ name }) => name === upstream);
  if (servers === undefined) return err(unknownUpstream(upstream, survey));
  const { uses, obstacles } = usesOf(dump, upstream);
  const obstacle = obstacleTo(upstream, uses, [...obstacles, ...obstaclesIn(servers)]);
  if (obstacle !== null) return err(obstacle);
  const read = await readSite(host, uses[0]?.path ?? "");
  if (!read.ok) return read;
  const { site, text } = read.value;
  const adoption: Adoption = {
    upstream,
    slots: await slotsOf(host, servers),
    chosen: chosenBy(dump, upstream),
    nginx: { binary: reply.stdout.slice(0, end), main: survey.main },
    confDir: confDirOf(survey),
    site,
    serverName: namesOf(uses),
    connectTimeout: longest(uses, ["proxy_connect_timeout"]),
    readTimeout: longest(uses, ["proxy_read_timeout", "proxy_send_timeout"]),
  };
  return ok({ adoption, seen: { dump, site, text, uses: again(uses, usesIn(site, text, upstream).uses) } });
}

const CHOOSES = /^(ip_hash|hash|least_conn|least_time|random|sticky.*|queue)$/;

const chosenBy = (dump: string, upstream: string): readonly string[] =>
  named(httpOf(filesOf(dump)), "upstream")
    .filter(({ args }) => args[0] === upstream)
    .flatMap(({ block }) => block ?? [])
    .flatMap(({ name, args }) => (CHOOSES.test(name) ? [[name, ...args].join(" ")] : []));

/** In the file's own text, with what nginx said of the levels around. */
const again = (dumped: readonly Use[], read: readonly Use[]): readonly Use[] =>
  read.map((use, i) => withLevels(use, dumped[i]?.levels));

async function readSite(
  host: HostPort,
  path: string,
): Promise<Result<Pick<Seen, "site" | "text">, AppError>> {
  const reply = await host.run({ script: READ_SITE, args: [path], timeout: seconds(10) });
  const [site = "", sum = "", ...lines] = reply.kind === "exited" ? reply.stdout.split("\n") : [];
  const text = lines.join("\n");
  if (reply.kind === "exited" && reply.code === 0 && sum.startsWith(sha256(text))) return ok({ site, text });
  const isRead = reply.kind === "exited" && reply.code === 0;
  const why = isRead ? "is not UTF-8 text, or larger than 1 MiB" : "cannot be read";
  return err(
    appError("gateway.unsupported", `${path} ${why}`, {
      details: reply.kind === "lost" ? reply.why : reply.stderr,
      hint: "bring the site into a readable file of its own, then adopt again",
    }),
  );
}

function unread({ nginx, main }: AdopterOptions, reply: HostReply): AppError {
  const words = reply.kind === "lost" ? reply.why : reply.stderr;
  const which = main === null ? nginx : `${nginx} -c ${main}`;
  return appError("gateway.config", `the configuration that ${which} -T prints cannot be read`, {
    details: words,
    hint: "run it as a user that may (root), and repair what nginx complains of",
  });
}

function unknownUpstream(upstream: string, survey: Survey): AppError {
  const all = survey.upstreams.map(({ name }) => name);
  const names = all.filter((name) => !name.startsWith("glidepath_"));
  const known = names.length === 0 ? "there is none" : `there are: ${names.join(", ")}`;
  return appError("gateway.absent", `nginx has no upstream ${upstream}; ${known}`, {
    hint: "name the upstream whose servers are the copies of the application",
  });
}

const obstaclesIn = ({ name, servers }: FoundUpstream): readonly string[] =>
  servers.flatMap(({ address }) =>
    endpointOf(address) === null
      ? [`upstream ${name}: server ${address}: only an IP address or localhost with a port can be a slot`]
      : [],
  );

function obstacleTo(upstream: string, uses: readonly Use[], obstacles: readonly string[]): AppError | null {
  const paths = [...new Set(uses.map(({ path }) => path))];
  if (obstacles.length > 0) {
    return appError(
      "gateway.unsupported",
      `the upstream ${upstream} is used in a way that cannot be taken over`,
      {
        details: obstacles.join("\n"),
        hint: "change these places and reload nginx, then adopt again",
      },
    );
  }
  if (paths.length === 1) return null;
  if (paths.length === 0) {
    return appError("gateway.absent", `no location leads to the upstream ${upstream}`, {
      hint: `a location with \`proxy_pass http://${upstream};\` was expected`,
    });
  }
  return appError("gateway.unsupported", `the upstream ${upstream} is used in several files`, {
    details: paths.join("\n"),
    hint: "bring its locations into one file: one file is changed and put back as a whole",
  });
}

/** nginx reads what an http block includes in order: the first directory that takes our name. */
function confDirOf({ includeDirs, main }: Survey): string {
  const parent = main.slice(0, main.lastIndexOf("/"));
  return (
    includeDirs.find((dir) => dir.endsWith("conf.d")) ?? includeDirs.find((dir) => dir !== parent) ?? parent
  );
}

const namesOf = (uses: readonly Use[]): readonly string[] => [
  ...new Set(
    uses.flatMap(({ around }) =>
      around
        .filter(({ name }) => name === "server")
        .flatMap(({ block }) => (block ?? []).filter(({ name }) => name === "server_name"))
        .flatMap(({ args }) => args),
    ),
  ),
];

/** The longest that any of these locations allows, own or inherited. */
function longest(uses: readonly Use[], names: readonly string[]): Duration | null {
  const all = uses.flatMap(({ levels }) =>
    names.flatMap((name) => nearest(levels, name).map(({ args }) => nginxTime(args[0] ?? ""))),
  );
  const known = all.filter((each) => each !== null);
  return known.length === 0 ? null : millis(Math.max(...known));
}

/** nginx's times: a number without a unit is seconds. */
const nginxTime = (text: string): Duration | null =>
  /^\d+$/.test(text) ? seconds(Number(text)) : parseDuration(text);

const ENDPOINT = /^(?:(localhost|\d+\.\d+\.\d+\.\d+)|\[([0-9A-Fa-f:.]+)\])(?::(\d+))?$/;

function endpointOf(text: string): { address: string; port: number } | null {
  const match = ENDPOINT.exec(text);
  if (match === null) return null;
  return { address: match[1] ?? match[2] ?? "", port: Number(match[3] ?? 80) };
}

// ── who runs there ──────────────────────────────

async function slotsOf(host: HostPort, { servers }: FoundUpstream): Promise<readonly FoundSlot[]> {
  const wanted = servers.flatMap(({ address, params }) => {
    const endpoint = endpointOf(address);
    return endpoint === null ? [] : { ...endpoint, params };
  });
  const args = wanted.map(({ port }) => String(port));
  const reply = await host.run({ script: PROCESSES, args, timeout: seconds(10) });
  const said = reply.kind === "exited" ? reply.stdout : "";
  const here = new Set([
    "localhost",
    "127.0.0.1",
    "::1",
    ...(/^here (.*)$/m.exec(said)?.[1] ?? "").split(" "),
  ]);
  return wanted.map(({ address, port, params }): FoundSlot => {
    if (!here.has(address) && !address.startsWith("127.")) return { address, port, params, process: null };
    return { address: "local", port, params, process: processAt(said, port) };
  });
}

function processAt(said: string, port: number): FoundProcess | null {
  const part = said.split(/^port /m).find((each) => each.startsWith(`${port}\n`)) ?? "";
  const field = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(part)?.[1] ?? "";
  const command = field("command")
    .split("\u001F")
    .filter((arg) => arg !== "");
  if (command.length === 0) return null;
  const unit = field("unit");
  // So the kernel calls one that was replaced by another of its name.
  const directory = field("directory").replace(/ \(deleted\)$/, "");
  return { user: field("user"), directory, command, unit: unit === "" ? null : unit };
}

// ── change, take over, undo ──────────────────────────────

function changeOf(application: Application, { dump, uses, site, text }: Seen): SiteChange {
  const gateway = ownGateway(application);
  const { snippet } = writeConfig({ application, gateway, home: homeOf({ application, gateway }) });
  const { text: wanted, notes } = rewrite(text, uses, {
    snippet: snippetOf({ application, gateway }),
    files: filesOf(dump),
    addsHeader: snippet.includes("add_header "),
  });
  return { path: site, current: text, wanted, notes };
}

const ownGateway = ({ gateways }: Application): Gateway => {
  const [own] = gateways;
  if (own === undefined) throw new Error("an application has a gateway");
  return own;
};

async function takeOver(
  { host }: AdopterOptions,
  application: Application,
  { path, current, wanted }: SiteChange,
): Promise<Outcome> {
  const gateway = ownGateway(application);
  const args = [homeOf({ application, gateway }), path, "", gateway.main, gateway.nginx, "", sha256(current)];
  const input = tarOf([{ kind: "file", path: "config", text: wanted }]);
  const reply = await host.run({ script: TAKE_OVER, args, input, timeout: seconds(60) });
  return (
    troubleInSite(reply, path) ??
    troubleOf({ ...gateway, config: path }, "taking over the site", reply) ??
    DONE
  );
}

/** The site is the user's own file: what is to be done about it is something else than about ours. */
function troubleInSite(reply: HostReply, path: string): Outcome | null {
  if (reply.kind === "lost") return null;
  const details = reply.stdout.trim();
  if (reply.code === EXIT.edited) {
    const hint = "`glidepath adopt UPSTREAM` shows anew what would change in it";
    return refused(
      appError("gateway.edited", `${path} was changed meanwhile; nothing was done to it`, { hint }),
    );
  }
  if (reply.code !== EXIT.candidateBroken) return null;
  return refused(
    appError("gateway.config", `nginx refuses the new ${path}; the former one is in place`, {
      details,
      hint:
        "the location says, perhaps by a file that it includes, what the snippet says too: take it out, " +
        "reload nginx, then adopt again",
    }),
  );
}

/** The first line that is said is the site's path; the rest is what became of it. */
function editedSite(said: string, home: string): AppError {
  const [path = "", ...difference] = said.trimEnd().split("\n");
  return appError("gateway.edited", `${path} was edited since it was taken over; nothing was changed`, {
    details: difference.join("\n"),
    hint:
      "of what differs take out what you added, the rest is adopt's own; then undo again. " +
      `The file as it was is ${home}/adopted/before`,
  });
}

async function undo({ host }: AdopterOptions, application: Application): Promise<Outcome> {
  const gateway = ownGateway(application);
  const args = [homeOf({ application, gateway }), gateway.config, "", gateway.main, gateway.nginx, "", ""];
  const reply = await host.run({ script: UNDO, args, timeout: seconds(60) });
  if (reply.kind === "exited" && reply.code === EXIT.notPrepared) return refused(notAdopted(application));
  if (reply.kind === "exited" && reply.code === EXIT.edited) {
    return refused(editedSite(reply.stdout, homeOf({ application, gateway })));
  }
  return troubleOf(gateway, "putting the site back", reply) ?? DONE;
}

const notAdopted = ({ name }: Application): AppError =>
  appError("gateway.absent", `${name} was not taken over by \`glidepath adopt\`, or that was undone already`);

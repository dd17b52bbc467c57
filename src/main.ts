import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { present } from "./base/assert.ts";
import { appError, type AppError } from "./base/errors.ts";
import { err, ok, type Result } from "./base/result.ts";
import { buildProgram } from "./cli/program.ts";
import type { Analyzed, AnalyzeRequest, Explanation, Opened, Survey } from "./cli/deps.ts";
import { processIo } from "./cli/terminal.ts";
import { accessLog } from "./drivers/accesslog/accesslog.ts";
import { artifacts } from "./drivers/artifact/artifact.ts";
import { artifactExaminer } from "./drivers/artifact/examine.ts";
import { hooks } from "./drivers/hooks/hooks.ts";
import { runCommand } from "./drivers/local/command.ts";
import { localHost } from "./drivers/local/host.ts";
import { nginxAdopter } from "./drivers/nginx/adopt/adopter.ts";
import { getOver } from "./drivers/local/http.ts";
import { runProgram } from "./drivers/local/process.ts";
import { nginxExaminer, survey } from "./drivers/nginx/examine.ts";
import { placeOf } from "./drivers/nginx/explain.ts";
import { decidesBy, poolDigest } from "./drivers/nginx/config.ts";
import { nginxGateway } from "./drivers/nginx/gateway.ts";
import { probeUsers } from "./drivers/nginx/probe-users.ts";
import { idleExaminer, idlePort } from "./drivers/probe/examine.ts";
import { hostHeader } from "./drivers/probe/http.ts";
import { probes } from "./drivers/probe/probes.ts";
import { readRecorded, type ForeignFormat } from "./drivers/accesslog/recorded.ts";
import { prometheus } from "./drivers/prometheus/prometheus.ts";
import { slotExaminer } from "./drivers/slots/examine.ts";
import { slots } from "./drivers/slots/slots.ts";
import { hostNameOf } from "./drivers/ssh/describe.ts";
import { reachHosts } from "./drivers/ssh/examine.ts";
import { sshHosts } from "./drivers/ssh/host.ts";
import { openStore, type Store } from "./drivers/store/store.ts";
import { systemClock } from "./drivers/system/clock.ts";
import { trickle } from "./drivers/trickle/trickle.ts";
import { systemIds } from "./drivers/system/ids.ts";
import { createControl } from "./engine/control.ts";
import { replay } from "./engine/replay.ts";
import type { EnginePorts } from "./engine/ports.ts";
import { poolOf, type Application, type Gateway } from "./model/application.ts";
import type { Asked } from "./model/asked.ts";
import type { HostName } from "./model/ids.ts";
import { isEnded, isStuck } from "./model/rollout.ts";
import type { ControlPlane } from "./ports/control.ts";
import type { Examiner, Finding } from "./ports/examine.ts";
import type { HostPort, Hosts } from "./ports/host.ts";
import { tooSmall } from "./rollout/create.ts";
import { renderDiagnostic, type Diagnostic } from "./spec/diagnostic.ts";
import { parseApplication } from "./spec/parse.ts";

/** The composition root: which driver is behind which port, and nothing else. */

interface ReadFile {
  readonly application: Application;
  readonly warnings: readonly string[];
}

function unreadable(file: string, cause: unknown): AppError {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (syscall === "uv_cwd") {
    return appError("file.missing", `there is no ${file}: the directory in which this was started is gone`, {
      hint: "go to where it is (`cd`), also when it was made anew at the same place",
    });
  }
  const hint =
    code === "EACCES"
      ? "be the user who may read it, or let this one do so: see `ls -l` of it and of its directories"
      : "`glidepath init` writes one; --file names another";
  const details = cause instanceof Error ? cause.message : String(cause);
  return appError("file.missing", code === "ENOENT" ? `there is no ${file}` : `${file} cannot be read`, {
    details,
    hint,
  });
}

function readFile(file: string, withoutLists = false): Result<ReadFile, AppError> {
  let path: string;
  let text: string;
  try {
    path = resolve(file);
    text = readFileSync(path, "utf8");
  } catch (cause) {
    return err(unreadable(file, cause));
  }
  const user = userName();
  const context = { path: file, directory: dirname(path), user, read: textOf, hostNameOf, withoutLists };
  const parsed = parseApplication(text, context);
  const told = (all: readonly Diagnostic[]): readonly string[] =>
    all.map((one) => renderDiagnostic(file, one));
  if (parsed.ok) return ok({ application: parsed.value.application, warnings: told(parsed.value.warnings) });
  const mistakes = told(parsed.error);
  const count = mistakes.length === 1 ? "one mistake" : `${mistakes.length} mistakes`;
  return err(appError("file.invalid", `${file} has ${count}`, { details: mistakes.join("\n") }));
}

/** A user whom the system knows by no name, as in a container or when its directory is down, is a number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function hostsOf({ hosts, sshConfig }: Application): Hosts {
  const known = new Map<HostName, HostPort>();
  const far = sshHosts({ runProgram, getOver, config: sshConfig });
  return (name) => {
    const address = hosts.find((host) => host.name === name)?.address ?? "local";
    const host = known.get(name) ?? (address === "local" ? localHost(name) : far(name, address));
    known.set(name, host);
    return host;
  };
}

function portsOf(application: Application, hosts: Hosts, store: Store): EnginePorts {
  return {
    slots: slots({ application, hosts, clock: systemClock, hostHeader: hostHeader(application) }),
    gateways: nginxGateway({ application, hosts, clock: systemClock }),
    artifacts: artifacts({ application, hosts, cache: cacheOf(application) }),
    probes: probes({ application, hosts, runCommand }),
    hooks: hooks({ application }),
    telemetry: accessLog({ application, hosts }),
    metrics: prometheus,
    trickle: trickle({
      application,
      clock: systemClock,
      host: hostHeader(application),
      token: poolDigest(application),
      users: probeUsers(application),
      reach: (gateway) => reachOf(application, gateway),
    }),
    idle: idlePort({ application, hosts }),
    journal: store.journal,
    lease: store.lease,
    clock: systemClock,
    ids: systemIds(),
  };
}

/** The address of a gateway's machine as seen from here. */
function reachOf({ sshConfig }: Application, { address }: Gateway): string {
  if (address === "local") return "127.0.0.1";
  return hostNameOf(address, sshConfig) ?? address.slice(address.lastIndexOf("@") + 1);
}

const cacheOf = ({ state, name }: Application): string => join(state, "artifacts", name);

function poolExaminer(application: Application): Examiner {
  const subject = `the pool of ${application.name}`;
  const slots = poolOf(application.hosts).length;
  const error = tooSmall(application);
  const finding: Finding =
    slots >= 2
      ? { severity: "fine", subject, found: `${slots} slots`, todo: null }
      : { severity: "fault", subject, found: error.message, todo: error.hint ?? null };
  return { examine: () => Promise.resolve([finding]) };
}

function examinersOf(application: Application, hosts: Hosts): readonly Examiner[] {
  return [
    poolExaminer(application),
    artifactExaminer(cacheOf(application)),
    worldExaminer(application, hosts),
  ];
}

/** What cannot be reached is said once; all else is looked at. */
function worldExaminer(application: Application, hosts: Hosts): Examiner {
  const examine = async (): Promise<readonly Finding[]> => {
    const reached = await reachHosts(application.hosts, hosts);
    const near = application.hosts.filter(({ name }) => reached.hosts.has(name));
    const gateways = application.gateways.filter(({ name }) => reached.hosts.has(name));
    const examiners = [
      slotExaminer({ application: { ...application, hosts: near }, hosts }),
      nginxExaminer({ application: { ...application, gateways }, hosts }),
      idleExaminer({ application: { ...application, hosts: near }, hosts }),
    ];
    const found = await Promise.all(examiners.map((one) => one.examine()));
    return [...reached.findings, ...found.flat()];
  };
  return { examine };
}

async function open(file: string, { anyway = false } = {}): Promise<Result<Opened, AppError>> {
  const whole = readFile(file);
  const read = whole.ok || !anyway ? whole : readFile(file, true);
  if (!read.ok) return read;
  const { application, warnings } = read.value;
  const store = await openStore(application.state, { clock: systemClock });
  if (!store.ok) return store;
  const hosts = hostsOf(application);
  const ports = portsOf(application, hosts, store.value);
  const control = createControl(application, ports);
  return ok({
    application,
    control,
    warnings,
    fault: whole.ok ? null : whole.error,
    examiners: examinersOf(application, hosts),
    explain: (asked) => explain({ application, control, ports }, asked),
    analyze: (request) => analyze(application, request),
    close: () => Promise.resolve(store.value.close()),
  });
}

interface Explaining {
  readonly application: Application;
  readonly control: ControlPlane;
  readonly ports: Pick<EnginePorts, "gateways">;
}

/** By what the gateways route now: the first that answers, as all route the same. */
async function explain(
  { application, control, ports }: Explaining,
  asked: Asked,
): Promise<Result<Explanation, AppError>> {
  const [status, late] = await Promise.all([control.status(), lateGateways(application, ports)]);
  if (!status.ok) return status;
  const { gateways, rollout, stable } = status.value;
  const routing = gateways.flatMap(({ state }) => (state.known ? (state.value.routing ?? []) : []))[0];
  if (routing === undefined) {
    return err(appError("gateway.absent", `${application.name}: no gateway routes it yet`));
  }
  // Where it is stuck both may serve.
  const isOver = rollout === null || (isEnded(rollout) && !isStuck(rollout));
  const canary = isOver ? stable : rollout.release;
  const place = placeOf(application, { ...routing, releases: { canary, stable } }, asked);
  if (!place.ok) return place;
  const { user, role, by, changesAt } = place.value;
  const release = role === "canary" ? canary : stable;
  return ok({ user, release, role, share: routing.share, by, changesAt, late });
}

/** Gateways whose config has another key or other rules than the file: it was changed since. */
async function lateGateways(
  application: Application,
  ports: Pick<EnginePorts, "gateways">,
): Promise<readonly HostName[]> {
  const late = application.gateways.map(async (gateway) => {
    const preview = await ports.gateways.preview(gateway);
    const current = preview.ok ? preview.value.current : null;
    return current === null || decidesBy(application, current) ? [] : [gateway.name];
  });
  return (await Promise.all(late)).flat();
}

function foreignOf({ format, canary }: AnalyzeRequest): ForeignFormat | null {
  if (format === null || canary === null) return null;
  const [, name, value] = /^\$([a-z0-9_]+)=(.*)$/i.exec(canary) ?? [];
  if (name !== undefined && value !== undefined) {
    return { format, canary: { by: "variable", name, value } };
  }
  return { format, canary: { by: "address", addresses: new Set(canary.split(/[, ]+/)) } };
}

/** A log of somebody else's does not tell users apart. */
async function analyze(
  { analysis, gateway }: Application,
  request: AnalyzeRequest,
): Promise<Result<Analyzed, AppError>> {
  if (analysis === null) {
    const hint = "leave the key out, or say there what is tolerated";
    return err(appError("usage", "the file says `analysis: off`: there is nothing to judge by", { hint }));
  }
  const foreign = foreignOf(request);
  const recorded = await readRecorded(request.logs, foreign);
  if (!recorded.ok) return recorded;
  const { slices, ...counts } = recorded.value;
  const settings = foreign === null ? analysis : { ...analysis, unit: "request" as const };
  const pinned = gateway.pin !== undefined;
  const replayed = replay(settings, slices, { shares: request.shares, pinned });
  return ok({ ...counts, ...present(replayed, "a request that is recorded"), pinned });
}

/** What this machine's nginx serves, in the few words that `init` asks about. */
async function surveyHere(): Promise<Survey | null> {
  const found = await survey(localHost("local" as HostName));
  if (found === null) return null;
  const { binary, main, includeDirs, servers, upstreams } = found;
  return {
    binary,
    main,
    confDir:
      includeDirs.find((path) => path.endsWith("conf.d")) ?? includeDirs[0] ?? join(dirname(main), "conf.d"),
    listens: [...new Set(servers.flatMap(({ listen }) => listen))],
    upstreams: upstreams.map(({ name, servers: members }) => ({
      name,
      servers: members.map(({ address }) => address),
    })),
  };
}

// What bin/glidepath says is about this process alone, and not about what runs on its behalf.
const outlivesTerminal = process.env["GLIDEPATH_NOHUP"] !== undefined;
delete process.env["GLIDEPATH_NOHUP"];
delete process.env["NODE_COMPILE_CACHE"];

const version = (): string => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
};

const program = buildProgram({
  io: processIo({ outlivesTerminal }),
  clock: systemClock,
  version: version(),
  by: `${userName()}@${hostname()}`,
  open,
  survey: surveyHere,
  adopter: (options) => nginxAdopter({ host: localHost("local" as HostName), ...options }),
  // Its load and its verdicts are for nobody else.
  demo: async (options) => (await import("./demo/demo.ts")).runDemo({ ...options, outlivesTerminal }),
});

// The bundle is CommonJS, which cannot wait at its top.
async function main(): Promise<void> {
  process.exitCode = await program.run(process.argv.slice(2));
}
void main();

import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { instant, millis, seconds, type Instant } from "../../base/time.ts";
import {
  withoutHosts,
  withoutSlots,
  type Application,
  type Gateway,
  type Slot,
} from "../../model/application.ts";
import { TRAFFIC_KINDS, type TrafficKind } from "../../model/drain.ts";
import { generation, type ReleaseId } from "../../model/ids.ts";
import type { GatewayState, InFlight, Observed } from "../../model/observation.ts";
import { DONE, refused, type Outcome } from "../../model/outcome.ts";
import { inRotation, type RoutingTable } from "../../model/routing.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ConfigPreview, GatewayPort } from "../../ports/gateway.ts";
import type { HostCommand, HostReply, Hosts } from "../../ports/host.ts";
import { layoutOf, poolDigest, writeConfig, type Config } from "./config.ts";
import { askBusy, askConfig, type Running } from "./control.ts";
import { editedBy } from "./edited.ts";
import { groupsOf, isRepresentable, type Layout } from "./groups.ts";
import { groupsWith, inFlightOf, isAlone, withKinds, type Measured } from "./inflight.ts";
import { install, withdraw } from "./install.ts";
import { readLook, type Look } from "./look.ts";
import { sha256 } from "./names.ts";
import { pinLabel } from "./pins.ts";
import { controlOf, homeOf, isPassive, type Place } from "./place.ts";
import { ADD_SNIPPET, BUILD, COMMIT, FIND_MASTERS, LOOK, LOOK_AND_BUILD, READ } from "./scripts.ts";
import { tarOf } from "./tar.ts";
import { generationTree, groupsTree, memoOf, type Entry, type Says } from "./tree.ts";
import { troubleOf } from "./trouble.ts";
import { notIncluded, stillOurs, unservedBy } from "./unserved.ts";
import { unsuitable } from "./unsuitable.ts";

export interface NginxGatewayOptions {
  readonly application: Application;
  readonly hosts: Hosts;
  /** Looks are told by it; default: the machine's. */
  readonly clock?: Pick<Clock, "now">;
}

/**
 * Where nothing is written for nginx, only what was ordered is remembered: see the README on the passive
 * form.
 */
const MEMO = "memo";

export function nginxGateway({ application, hosts, clock }: NginxGatewayOptions): GatewayPort {
  const now = (): Instant => clock?.now() ?? instant(Date.now());
  const at = (gateway: Gateway, table?: RoutingTable): Place => {
    return { application: servedBy(application, table), gateway, host: hosts(gateway.name) };
  };
  return {
    observe: (gateway, measure) => observe(at(gateway), measure, now()),
    areBusy: (gateway, slots) => areBusy(at(gateway), slots),
    prepare: (gateway, table) => prepare(at(gateway, table), table),
    commit: (gateway, table) => commit(at(gateway, table), table),
    withdraw: (gateway, table) =>
      application.gateway.passive ? nothing() : withdraw(at(gateway, table), table),
    preview: (gateway) => preview(at(gateway)),
    refusal: async (gateway) => {
      const ready = await lookReady(at(gateway));
      return ready.ok ? null : ready.error;
    },
  };
}

/** The pool as `table` has it: without lost hosts, and without who is put aside. */
const servedBy = (application: Application, table: RoutingTable | null | undefined): Application =>
  withoutSlots(withoutHosts(application, table?.excluded ?? []), table?.aside ?? []);

/** The passive form installs nothing. */
const nothing = (): Promise<Outcome> => Promise.resolve(DONE);

interface Looking {
  readonly measure: readonly Slot[];
  /** The config file's hash is wanted. */
  readonly hash: boolean;
}

async function look(place: Place, { measure, hash }: Looking): Promise<Result<Look, string>> {
  const { gateway, host } = place;
  const slots = measure.flatMap((slot) => [slot.address, String(slot.port)]);
  const args = [homeOf(place), gateway.config, hash ? "hash" : "", ...slots];
  const reply = await host.run({ script: LOOK, args, timeout: seconds(10) });
  if (reply.kind === "lost") return err(reply.why);
  return reply.code === 0 ? ok(readLook(reply.stdout)) : err(`${reply.stdout}${reply.stderr}`.trim());
}

// ── observe ──────────────────────────────

/** `at`: what was seen is at least as old as the question. */
async function observe(place: Place, measure: readonly Slot[], at: Instant): Promise<Observed<GatewayState>> {
  const [seen, running] = await Promise.all([
    look(place, { measure, hash: false }),
    isPassive(place) ? null : askConfig(controlOf(place)),
  ]);
  if (!seen.ok) return { known: false, at, why: seen.error };
  if (!seen.value.hasSs && measure.length > 0) {
    return { known: false, at, why: "ss is not there (package iproute2): requests in flight cannot be seen" };
  }
  const { table } = seen.value;
  const serving = isServing(seen.value, running);
  // What answers with our config is there; whoever does not answer is looked for.
  const alive = serving ? ok(true) : await hasMaster(place);
  if (!alive.ok) return { known: false, at, why: alive.error };
  const value: GatewayState = {
    running: alive.value,
    serving: isPassive(place) ? alive.value : serving,
    generation: table?.generation ?? generation(seen.value.newest),
    ...(table?.writer === undefined ? {} : { writer: table.writer }),
    routing: table?.routing ?? null,
    inFlight: await measureAll(place, seen.value, measure),
  };
  return { known: true, at, value };
}

/** The workers say that they run the file that is there, and can follow its switch. */
const isServing = ({ mark }: Look, running: Running | null): boolean =>
  mark !== null && running?.config === mark.config && running.readable;

async function hasMaster({ gateway, host }: Place): Promise<Result<boolean, string>> {
  const args = [gateway.main, gateway.nginx];
  const reply = await host.run({ script: FIND_MASTERS, args, timeout: seconds(10) });
  if (reply.kind === "lost") return err(reply.why);
  return reply.code === 0 ? ok(reply.stdout !== "") : err(`${reply.stdout}${reply.stderr}`.trim());
}

async function measureAll(
  place: Place,
  seen: Look,
  measure: readonly Slot[],
): Promise<Readonly<Record<string, InFlight>>> {
  const counts = await Promise.all(
    measure.map(async (slot) => [slot.key, await measureOne(place, seen, slot)] as const),
  );
  return Object.fromEntries(counts);
}

/** Groups are asked only about slots that are out of rotation: others have requests all the time. */
async function measureOne(place: Place, seen: Look, slot: Slot): Promise<InFlight> {
  const connections = seen.connections.get(`${slot.address} ${slot.port}`) ?? [];
  const routing = seen.table?.routing ?? null;
  if (isPassive(place) || routing === null)
    return inFlightOf({ connections, alone: "unknown", shared: "unknown" });
  if (inRotation(routing, slot.key)) return inFlightOf({ connections, alone: "idle", shared: "unknown" });
  // The pool that runs there may be without some.
  const served = servedBy(place.application, seen.table);
  const layout = layoutOf(served);
  if (!layout.pool.includes(slot.key)) return inFlightOf({ connections, alone: "idle", shared: "unknown" });
  const groups = groupNames(layout, slot);
  const measured = async (kind: TrafficKind | null): Promise<Measured> => {
    const alone = await askBusy(controlOf(place), groups.alone, kind);
    const shared = connections.length === 0 ? "idle" : await askBusy(controlOf(place), groups.shared, kind);
    return { connections, alone, shared };
  };
  const all = inFlightOf(await measured(null));
  if (all.requests === 0 && connections.length > 0 && !(await runs(place, seen, served)))
    return inFlightOf({ connections, alone: "unknown", shared: "unknown" });
  if (all.requests === 0 || place.application.policy.drainKinds === undefined) return all;
  const kinds = TRAFFIC_KINDS.map(async (kind) => [kind, await measured(kind)] as const);
  return withKinds(all, await Promise.all(kinds));
}

/** Workers that are given another pool know nothing of the groups that were asked for. */
const runs = async (place: Place, seen: Look, pool: Application): Promise<boolean> =>
  seen.mark?.pool === poolDigest(pool) && isServing(seen, await askConfig(controlOf(place)));

/** No process is needed for it. Where another pool runs there, a look comes a little later at most. */
async function areBusy(place: Place, slots: readonly Slot[]): Promise<boolean> {
  if (isPassive(place)) return false;
  const layout = layoutOf(place.application);
  for (const slot of slots) {
    const { alone, shared } = groupNames(layout, slot);
    if ((await askBusy(controlOf(place), [...alone, ...shared])) !== "busy") return false;
  }
  return true;
}

interface GroupNames {
  readonly alone: readonly string[];
  readonly shared: readonly string[];
}

function groupNames(layout: Layout, slot: Slot): GroupNames {
  const groups = groupsWith(groupsOf(layout), layout.pool.indexOf(slot.key));
  const names = (which: boolean): string[] =>
    groups.filter((one) => isAlone(one) === which).map((one) => one.name);
  return { alone: names(true), shared: names(false) };
}

// ── prepare ──────────────────────────────

async function prepare(place: Place, table: RoutingTable): Promise<Outcome> {
  const mistake = unsuitable(place.application, place.gateway);
  if (mistake !== null) return refused(mistake);
  const [reply, asked] = await Promise.all([
    lookAndBuild(place, table),
    isPassive(place) ? null : askConfig(controlOf(place)),
  ]);
  const trouble = troubleOf(place.gateway, "building the switch", reply);
  if (trouble !== null) return trouble;
  const seen = readLook(reply.kind === "exited" ? reply.stdout : "");
  if (isPassive(place)) return seen.mark === null ? DONE : refused(stillOurs(place));
  const edited = editedBy(place, seen);
  if (edited !== null) return refused(edited);
  const config = writeConfig({ ...place, home: seen.home });
  const built = seen.built ? DONE : await build(place, seen, { table, pool: config.pool });
  if (built.kind !== "done") return built;
  const isThere = seen.sha === sha256(config.text);
  // The network may have been away when it was asked: the host answers now, and nobody is reloaded for that.
  const running = asked ?? (isThere ? await askConfig(controlOf(place)) : null);
  if (isThere && running?.config === config.digest) {
    return seen.snippet ? DONE : addSnippet(place, config);
  }
  const lost = await unservedBy(place, seen, config.text);
  if (lost !== null) return refused(lost);
  const installed = await install(place, config, table);
  // Whoever starts nginx again starts it with our config, and with the switch as it stands then.
  return isThere && isDown(installed) ? { kind: "done", serving: false } : installed;
}

async function addSnippet(place: Place, { digest, snippet }: Config): Promise<Outcome> {
  const { gateway, host } = place;
  const args = [homeOf(place), gateway.config, digest];
  const input = tarOf([{ kind: "file", path: "location", text: snippet }]);
  const reply = await host.run({ script: ADD_SNIPPET, args, input, timeout: seconds(15) });
  return troubleOf(gateway, "writing what a location can include", reply) ?? DONE;
}

const isDown = (outcome: Outcome): boolean =>
  outcome.kind === "refused" && outcome.error.code === "gateway.not-running";

/** In one run, because nearly always nothing but the generation is new. */
function lookAndBuild(place: Place, table: RoutingTable): Promise<HostReply> {
  const { gateway, host } = place;
  const pool = poolOf(place);
  const args = [homeOf(place), gateway.config, pool, String(table.generation), table.writer];
  const input = tarOf(generationEntries(place, table));
  return host.run({ script: LOOK_AND_BUILD, args, input, timeout: seconds(30) });
}

const poolOf = (place: Place): string => (isPassive(place) ? MEMO : poolDigest(place.application));

interface Building {
  readonly table: RoutingTable;
  readonly pool: string;
}

/**
 * A new pool needs its groups, and a switch for its config's first moment: the former routing if this pool
 * has the same slots, so that preparing changes nothing that is served; else the new one.
 */
async function build(place: Place, seen: Look, { table, pool }: Building): Promise<Outcome> {
  const { gateway, host, application } = place;
  const layout = layoutOf(application);
  const former = seen.table !== null && isRepresentable(layout.pool, seen.table.routing) ? seen.table : table;
  const fresh = seen.mark?.pool !== pool;
  const entries = [
    ...(fresh ? groupsTree(layout).map((entry) => below(".new-", entry)) : []),
    ...(fresh && former.generation !== table.generation ? generationEntries(place, former) : []),
    ...generationEntries(place, table),
  ];
  const start = fresh ? former.generation : table.generation;
  const fence = [String(table.generation), table.writer];
  const args = [homeOf(place), pool, ...fence, String(start), fresh ? "fresh" : ""];
  // A slow disk makes some hundred entries a second.
  const timeout = seconds(30 + entries.length / 200);
  const command: HostCommand = { script: BUILD, args, input: tarOf(entries), timeout };
  return troubleOf(gateway, "building the switch", await host.run(command)) ?? DONE;
}

function generationEntries(place: Place, table: RoutingTable): readonly Entry[] {
  const directory = `.new-gen-${table.generation}`;
  const { name, gateway } = place.application;
  const labelOf = gateway.pin === undefined ? null : (release: ReleaseId) => pinLabel(name, release);
  const says: Says = { named: gateway.releaseHeader !== null, labelOf };
  const layout = layoutOf(place.application);
  const entries = isPassive(place) ? memoOf(table) : generationTree(layout, table, says);
  return [{ kind: "directory", path: directory }, ...entries.map((entry) => below(`${directory}/`, entry))];
}

const below = (prefix: string, entry: Entry): Entry => ({ ...entry, path: `${prefix}${entry.path}` });

// ── commit, preview ──────────────────────────────

async function commit(place: Place, table: RoutingTable): Promise<Outcome> {
  const { gateway, host, application } = place;
  const config = isPassive(place) ? "" : gateway.config;
  const args = [homeOf(place), poolOf(place), String(table.generation), table.writer, config];
  const reply = await host.run({ script: COMMIT, args, timeout: seconds(15) });
  return troubleOf(gateway, `switching ${application.name}`, reply) ?? DONE;
}

interface Ready {
  readonly seen: Look;
  /** Null in the passive form, which writes none. */
  readonly wanted: string | null;
}

/** What `prepare` would find before it writes anything. */
async function lookReady(place: Place): Promise<Result<Ready, AppError>> {
  const mistake = unsuitable(place.application, place.gateway);
  if (mistake !== null) return err(mistake);
  const looked = await look(place, { measure: [], hash: true });
  if (!looked.ok) return err(appError("host.unreachable", `${place.gateway.name}: ${looked.error}`));
  const seen = looked.value;
  if (isPassive(place)) {
    const isOurs = seen.mark !== null || (await askConfig(controlOf(place))) !== null;
    return isOurs ? err(stillOurs(place)) : ok({ seen, wanted: null });
  }
  const edited = editedBy(place, seen);
  if (edited !== null) return err(edited);
  const wanted = writeConfig({ ...place, home: seen.home }).text;
  const lost = seen.sha === sha256(wanted) ? null : await unservedBy(place, seen, wanted);
  return lost === null ? ok({ seen, wanted }) : err(lost);
}

async function preview(place: Place): Promise<Result<ConfigPreview, AppError>> {
  const path = place.gateway.config;
  const ready = await lookReady(place);
  if (!ready.ok) return ready;
  const current = await readFile(place);
  if (!current.ok) return current;
  const { seen, wanted } = ready.value;
  if (wanted === null) {
    const kept = current.value ?? "";
    return ok({ path, current: kept, wanted: kept, reload: false, lack: null });
  }
  const reload = seen.sha !== sha256(wanted);
  return ok({ path, current: current.value, wanted, reload, lack: await notIncluded(place) });
}

async function readFile({ gateway, host }: Place): Promise<Result<string | null, AppError>> {
  const reply = await host.run({ script: READ, args: [gateway.config], timeout: millis(10_000) });
  if (reply.kind === "lost") return err(appError("host.unreachable", `${gateway.name}: ${reply.why}`));
  if (reply.code === 3) return ok(null);
  if (reply.code === 0) return ok(reply.stdout);
  return err(
    appError("gateway.rights", `${gateway.name}: ${gateway.config} cannot be read`, {
      details: reply.stderr.trim(),
    }),
  );
}

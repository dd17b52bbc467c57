import { present } from "../base/assert.ts";
import { appError } from "../base/errors.ts";
import { ok } from "../base/result.ts";
import { instant } from "../base/time.ts";
import type { Gateway, Slot } from "../model/application.ts";
import { generation, type HostName } from "../model/ids.ts";
import type { GatewayState, Observed } from "../model/observation.ts";
import { DONE, refused, type Outcome } from "../model/outcome.ts";
import type { Routing, RoutingTable } from "../model/routing.ts";
import type { GatewayPort } from "../ports/gateway.ts";
import { benchOf, faultsNow, mustBeWritten, tell, trafficOf, type Context, type Line } from "./context.ts";
import { isAlive, isReachable, routingText, type SimGateway } from "./fleet.ts";
import { isLate } from "./fence.ts";
import { groupless, harmsOfSwitch } from "./harms.ts";
import { writeLog } from "./log.ts";
import { answer, deliver, look, type Effect } from "./network.ts";
import { followRouting, inFlight } from "./traffic.ts";

interface Sent {
  readonly table: RoutingTable;
  readonly at: number;
  /** What the gateway followed when it was sent. */
  readonly before: Routing | null;
}
type Act = (context: Context, sim: SimGateway, sent: Sent) => Outcome;

/** Gateways as one controller sees and writes them. */
export function gatewayPort(line: Line): GatewayPort {
  const { context } = line;
  const memories = new Map<HostName, Observed<GatewayState>[]>();
  const find = ({ name }: Gateway): SimGateway => present(context.fleet.gateways.get(name), name);
  const write = (gateway: Gateway, table: RoutingTable, act: Act): Promise<Outcome> => {
    const sim = find(gateway);
    const at = table.generation;
    const sent: Sent = { table, at: context.timeline.now(), before: sim.table?.routing ?? null };
    mustBeWritten(context, `${act.name} ${gateway.name}`, at);
    const effect: Effect = (finish) => finish(fenced(context, sim, table) ?? act(context, sim, sent));
    const what = act === commit ? ` ${routingText(table.routing)}` : "";
    return deliver(line, { name: `${act.name}@${at} ${gateway.name}${what}`, host: sim.host, effect });
  };
  return {
    observe: (gateway, measure) => {
      const sim = find(gateway);
      const memory = memories.get(gateway.name) ?? [];
      memories.set(gateway.name, memory);
      const see = (): GatewayState => stateOf(context, sim, measure);
      return look(line, { name: gateway.name, host: sim.host, see, memory });
    },
    areBusy: (gateway, slots) => {
      const sim = find(gateway);
      const isBusy = ({ key }: Slot): boolean => inFlight(sim, key, trafficOf(context)).requests > 0;
      return answer(line, 1, () => isReachable(sim.host, context.timeline.now()) && slots.every(isBusy));
    },
    prepare: (gateway, table) => write(gateway, table, prepare),
    commit: (gateway, table) => write(gateway, table, commit),
    withdraw: (gateway, table) => write(gateway, table, withdraw),
    refusal: () => Promise.resolve(null),
    preview: ({ config: path }) =>
      Promise.resolve(ok({ path, current: "", wanted: "", reload: false, lack: null })),
  };
}

function stateOf(context: Context, sim: SimGateway, measure: readonly Slot[]): GatewayState {
  const traffic = trafficOf(context);
  return {
    running: isAlive(sim, traffic.now),
    serving: isAlive(sim, traffic.now) && sim.table !== null,
    generation: sim.table?.generation ?? generation(0),
    ...(sim.table === null ? {} : { writer: sim.table.writer }),
    routing: sim.table?.routing ?? null,
    inFlight: Object.fromEntries(measure.map(({ key }) => [key, inFlight(sim, key, traffic)])),
  };
}

/** Law 9: what has seen a newer generation refuses an older write. */
function fenced(context: Context, sim: SimGateway, table: RoutingTable): Outcome | null {
  if (!isLate(table, { generation: sim.seen, writer: sim.seenBy })) return null;
  const at = table.generation;
  const text = `${sim.gateway.name} has seen generation ${sim.seen}, this write is of ${at}`;
  if (!context.acceptStale) {
    return refused(appError("gateway.fenced", text, { hint: "another controller wrote here; look again" }));
  }
  tell(context, () => `! ${sim.gateway.name} accepts @${at} after @${sim.seen}`);
  const what = `${sim.gateway.name} accepts a write at ${at} after one at ${sim.seen}`;
  context.harms.push({ at: instant(context.timeline.now()), law: 9, what });
  return null;
}

function prepare(context: Context, sim: SimGateway, { table }: Sent): Outcome {
  if (sim.table === null && !isAlive(sim, context.timeline.now())) {
    return refused(appError("gateway.not-running", `${sim.gateway.name}: nginx does not run`));
  }
  if (context.dice.events.chance(faultsNow(context).prepareRefused)) {
    return refused(appError("gateway.config", `${sim.gateway.name}: nginx -t refuses the config`));
  }
  if (sim.withdrawn === table.generation) {
    return refused(appError("gateway.fenced", `${sim.gateway.name}: ${table.generation} was taken back`));
  }
  sim.seen = table.generation;
  sim.seenBy = table.writer;
  sim.prepared.set(table.generation, table);
  return { kind: "done", serving: isAlive(sim, context.timeline.now()) };
}

function commit(context: Context, sim: SimGateway, { table, at, before }: Sent): Outcome {
  const prepared = sim.prepared.get(table.generation);
  if (prepared === undefined) {
    return refused(appError("gateway.config", `${sim.gateway.name}: ${table.generation} was not prepared`));
  }
  sim.seen = table.generation;
  sim.seenBy = table.writer;
  if (sim.table?.generation === table.generation) return DONE;
  // What an earlier rollout sent to a gateway that it lost comes when it comes.
  const { rollout } = context;
  const isLost = rollout !== null && rollout.excluded.includes(sim.gateway.name);
  const isOurs = rollout === null || (table.writer === rollout.id && !isLost);
  const bench = { ...benchOf(context), sentAt: at, before };
  if (isOurs)
    context.harms.push(...harmsOfSwitch(sim, prepared.routing, bench), ...groupless(sim, prepared, bench));
  writeLog(context, sim);
  followRouting(sim, prepared.routing, trafficOf(context));
  sim.table = prepared;
  sim.prepared.clear();
  sim.prepared.set(prepared.generation, prepared);
  return DONE;
}

/** Whatever was written leads nobody anywhere, and shall not any more. */
function withdraw(_: Context, sim: SimGateway, { table }: Sent): Outcome {
  sim.withdrawn = table.generation;
  sim.prepared.delete(table.generation);
  return DONE;
}

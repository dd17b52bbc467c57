import { after, seconds } from "../base/time.ts";
import type { Gateway } from "../model/application.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Shot } from "../model/probing.ts";
import { EVERYTHING } from "../model/share.ts";
import type { TricklePort } from "../ports/trickle.ts";
import { present } from "../base/assert.ts";
import type { Context, Line } from "./context.ts";
import { isAlive, isServing } from "./fleet.ts";
import { clock } from "./other-ports.ts";

const BEAT = seconds(1);
/** The share at which each of its users goes over. */
const USERS = [100, 2500, 7500];

/** Requests that are answered at once, by whoever is routed to. */
export function tricklePort(line: Line): TricklePort {
  const { application } = line.context.scenario;
  const ours = clock(line);
  return {
    run: async (run) => {
      for (let turn = 0; !run.signal.aborted; turn += 1) {
        for (const gateway of application.gateways) run.onShot(shotAt(line.context, gateway, turn));
        await ours.sleep(after(ours.now(), BEAT), run.signal);
      }
    },
  };
}

function shotAt({ fleet, timeline }: Context, { name }: Gateway, turn: number): Shot {
  const sim = present(fleet.gateways.get(name), name);
  const at = timeline.now();
  const shot = { gateway: name, kind: "get", begun: at, ended: at } as const;
  if (!isAlive(sim, at)) return { ...shot, end: "failed", said: "connection refused", slot: null };
  const { canary = [], stable = [], share = 0 } = sim.table?.routing ?? {};
  const isCanary = (USERS[turn % USERS.length] ?? EVERYTHING) < share;
  const slot = answering(fleet, isCanary ? [...canary, ...stable] : [...stable, ...canary], at);
  return slot === null
    ? { ...shot, end: "failed", said: "502", slot: null }
    : { ...shot, end: "answered", said: "200", slot };
}

const answering = ({ slots }: Context["fleet"], asked: readonly SlotKey[], at: number): SlotKey | null =>
  asked.find((key) => {
    const slot = slots.get(key);
    return slot !== undefined && isServing(slot, at);
  }) ?? null;

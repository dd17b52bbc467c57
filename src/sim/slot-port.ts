import { appError, type AppError } from "../base/errors.ts";
import { present } from "../base/assert.ts";
import { DONE, refused, unknown, type Outcome } from "../model/outcome.ts";
import { instant } from "../base/time.ts";
import type { HostName, SlotKey, Stamp } from "../model/ids.ts";
import type { Observed, SlotState } from "../model/observation.ts";
import type { SlotPort } from "../ports/slot.ts";
import type { Slot } from "../model/application.ts";
import { ask } from "./asking.ts";
import { faultsNow, mustBeWritten, tell, type Context, type Line } from "./context.ts";
import type { SimSlot } from "./fleet.ts";
import { isLate } from "./fence.ts";
import { deliver, look, type Effect } from "./network.ts";
import { boot, halt } from "./process.ts";

type Seen = ReadonlyMap<SlotKey, SlotState>;

interface Order {
  readonly at: Stamp;
  readonly effect: Effect;
}

/** Slots as one controller sees and writes them. */
export function slotPort(line: Line): SlotPort {
  const { context } = line;
  const memories = new Map<HostName, Observed<Seen>[]>();
  const find = (slot: Slot): SimSlot => present(context.fleet.slots.get(slot.key), slot.key);
  const write = (slot: Slot, name: string, { at, effect }: Order): Promise<Outcome> => {
    mustBeWritten(context, `${name} ${slot.key}`, at.generation);
    return deliver(line, { name: `${name}@${at.generation} ${slot.key}`, host: find(slot).host, effect });
  };
  return {
    observe: async (name, slots) => {
      const host = present(context.fleet.hosts.get(name), name);
      const memory = memories.get(name) ?? [];
      memories.set(name, memory);
      const see = (): Seen => new Map(slots.map((slot) => [slot.key, stateOf(find(slot))]));
      const seen = await look(line, { name, host, see, memory });
      return new Map(slots.map((slot) => [slot.key, part(seen, slot.key)]));
    },
    stop: (slot, at) => {
      const effect: Effect = (finish) => stop(context, find(slot), { at, finish });
      return write(slot, "stop", { at, effect });
    },
    ask: (slot, { kinds }, at) => {
      const asked = (sim: SimSlot): Outcome => ask(context, sim, { at, kinds });
      const effect: Effect = (finish) => whenFree(context, find(slot), (sim) => finish(asked(sim)));
      return write(slot, "ask", { at, effect });
    },
    switch: (slot, release, at) => {
      const relinked = (sim: SimSlot): Outcome => fenced(context, sim, at) ?? relink(sim, release, at);
      const effect: Effect = (finish) => whenFree(context, find(slot), (sim) => finish(relinked(sim)));
      return write(slot, `switch to ${release}`, { at, effect });
    },
    start: (slot, at) => {
      const started = (sim: SimSlot): Outcome => fenced(context, sim, at) ?? start(context, sim, at);
      const effect: Effect = (finish) => whenFree(context, find(slot), (sim) => finish(started(sim)));
      return write(slot, "start", { at, effect });
    },
    logTail: () => Promise.resolve(""),
  };
}

const stateOf = ({ generation, writer, link, process, restarts }: SimSlot): SlotState => ({
  generation,
  writer,
  release: link,
  process,
  restarts,
});

function part(seen: Observed<Seen>, key: SlotKey): Observed<SlotState> {
  if (!seen.known) return seen;
  const value = seen.value.get(key);
  if (value === undefined) return { known: false, at: seen.at, why: `${key} was not looked at` };
  return { known: true, at: seen.at, value };
}

/** One write at a time holds the slot's lock. */
function whenFree(context: Context, slot: SimSlot, run: (slot: SimSlot) => void): void {
  const { timeline } = context;
  if (slot.lockedUntil <= timeline.now()) run(slot);
  else timeline.at(slot.lockedUntil, () => whenFree(context, slot, run));
}

interface Stop {
  readonly at: Stamp;
  readonly finish: (outcome: Outcome) => void;
}

function stop(context: Context, slot: SimSlot, { at, finish }: Stop): void {
  whenFree(context, slot, (sim) => {
    const refusal = fenced(context, sim, at);
    if (refusal !== null) return finish(refusal);
    stamped(sim, at);
    halt(context, sim, () => finish(DONE));
  });
}

/** Law 9: what has seen a newer generation refuses an older write. A new one has to be written down first. */
function fenced(context: Context, slot: SimSlot, at: Stamp): Outcome | null {
  const isFull = context.timeline.now() < slot.host.fullUntil && at.generation > slot.generation;
  if (isFull) return unknown(appError("host.disk", `${slot.slot.key}: no room on the disk`));
  if (!isLate(at, slot)) return null;
  if (!context.acceptStale) return refused(tooOld(slot, at));
  tell(context, () => `! ${slot.slot.key} accepts @${at.generation} after @${slot.generation}`);
  const what = `${slot.slot.key} accepts a write at ${at.generation} after one at ${slot.generation}`;
  context.harms.push({ at: instant(context.timeline.now()), law: 9, what });
  return null;
}

const tooOld = (slot: SimSlot, at: Stamp): AppError =>
  appError(
    "slot.fenced",
    `${slot.slot.key} has seen generation ${slot.generation}, this write is of ${at.generation}`,
    {
      hint: "another controller wrote here; look again",
    },
  );

function stamped(slot: SimSlot, { generation, writer }: Stamp): void {
  slot.generation = generation;
  slot.writer = writer;
}

function relink(slot: SimSlot, release: SimSlot["link"], at: Stamp): Outcome {
  if (slot.process === "running") {
    return refused(appError("slot.busy", `${slot.slot.key} runs; it is switched when stopped`));
  }
  if (release !== null && !slot.host.releases.has(release)) {
    return refused(appError("release.unknown", `${release} is not unpacked on ${slot.host.name}`));
  }
  stamped(slot, at);
  slot.link = release;
  return DONE;
}

function start(context: Context, slot: SimSlot, at: Stamp): Outcome {
  if (slot.link === null) return refused(appError("slot.start", `${slot.slot.key} points to no release`));
  if (slot.process === "running" && slot.intent === "up") {
    stamped(slot, at);
    return DONE;
  }
  const isTaken = context.timeline.now() < slot.takenUntil;
  if (isTaken || context.dice.events.chance(faultsNow(context).startRefused)) {
    return refused(appError("slot.port-taken", `${slot.slot.key}: the port is taken`));
  }
  if (at.generation > slot.generation) {
    slot.wasHealthy = false;
    slot.warmed.clear();
    slot.passed.clear();
  }
  stamped(slot, at);
  slot.intent = "up";
  slot.restarts = 0;
  boot(context, slot);
  return DONE;
}

import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { after, instant, seconds, type Instant } from "../base/time.ts";
import { generation } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import type {
  Fence,
  HistoryRecord,
  Journal,
  JournalEntry,
  Lease,
  LeaseHolder,
  Save,
  Saved,
  SubmittedOrder,
} from "../ports/journal.ts";
import type { Receipt } from "../model/receipt.ts";
import type { RolloutId } from "../model/ids.ts";
import { faultsNow, tell, type Context, type Life, type Line } from "./context.ts";
import { BEFORE } from "./fleet.ts";

/** When a controller is killed by plan: at this write, counted from 1 over all lives. */
export interface Kill {
  readonly write: number;
  /** The write was on disk already. */
  readonly durable: boolean;
}

interface Holding {
  readonly fence: Fence;
  readonly life: Life;
  readonly who: string;
  readonly since: Instant;
  expires: Instant;
}

/** The disk: it survives every controller. */
export interface Store {
  saved: Saved;
  writes: number;
  readonly entries: JournalEntry[];
  readonly orders: (SubmittedOrder & { readonly rollout: RolloutId })[];
  readonly rollouts: Map<RolloutId, HistoryRecord>;
  /** As text, so that nothing that is kept changes afterwards. */
  readonly memories: Map<RolloutId, string>;
  holding: Holding | null;
  leases: number;
}

export function createStore(context: Context): Store {
  const { stable } = context.scenario;
  return {
    saved: { revision: 0, stable, generation: stable === null ? generation(0) : BEFORE, rollout: null },
    writes: 0,
    entries: [],
    orders: [],
    rollouts: new Map(),
    memories: new Map(),
    holding: null,
    leases: 0,
  };
}

export interface StoreParts extends Line {
  readonly store: Store;
  readonly kill: Kill | null;
  /** Told of every state that is on disk from now on. */
  readonly onSaved: (before: Rollout | null, rollout: Rollout) => void;
  readonly onKilled: (life: Life) => void;
}

/** What a dead controller waits for. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export function simJournal(parts: StoreParts): Journal {
  const { store, life, context } = parts;
  const whileAlive = <T>(value: () => T): Promise<T> => (life.alive ? Promise.resolve(value()) : never<T>());
  return {
    load: () => whileAlive(() => ok(structuredClone(store.saved))),
    save: (save) => (life.alive ? write(parts, save) : never()),
    note: (rollout, entry) => whileAlive(() => append(store, { ...entry, rollout })),
    keep: (rollout, fence, memory) =>
      whileAlive(() => {
        if (fenceRefusal(store, fence) === null) store.memories.set(rollout, JSON.stringify(memory));
      }),
    kept: (rollout) => whileAlive(() => JSON.parse(store.memories.get(rollout) ?? "null") as unknown),
    attachReceipt: (id, receipt) => whileAlive(() => attach(store, id, receipt)),
    submit: (rollout, order, by) =>
      whileAlive(() => {
        const submitted = {
          sequence: store.orders.length + 1,
          order,
          by,
          at: context.timeline.now(),
          rollout,
        };
        store.orders.push(submitted);
        tell(context, () => `# ${by}: ${order.kind}`);
        return ok(submitted);
      }),
    orders: (rollout, sequence) =>
      whileAlive(() => store.orders.filter((o) => o.rollout === rollout && o.sequence > sequence)),
    entries: (rollout, sequence) =>
      whileAlive(() => store.entries.filter((e) => e.rollout === rollout && e.sequence > sequence)),
    history: (_app, limit) => whileAlive(() => [...store.rollouts.values()].toReversed().slice(0, limit)),
    find: (id) => whileAlive(() => store.rollouts.get(id) ?? null),
  };
}

function attach(store: Store, id: RolloutId, receipt: Receipt): void {
  const record = store.rollouts.get(id);
  if (record !== undefined) store.rollouts.set(id, { ...record, receipt });
}

function append(store: Store, entry: Omit<JournalEntry, "sequence">): void {
  store.entries.push({ ...entry, sequence: store.entries.length + 1 });
}

/** One save; the controller may die just before it is on disk, or just after. */
function write(parts: StoreParts, save: Save): Promise<Result<number, AppError>> {
  const { store, context, kill } = parts;
  store.writes += 1;
  const faults = faultsNow(context);
  const isPlanned = kill?.write === store.writes;
  const isKilled = isPlanned || context.dice.events.chance(faults.killed);
  const isDurable = isPlanned ? kill.durable : isKilled && context.dice.events.chance(0.5);
  if (isKilled && !isDurable) return die(parts, "before");
  if (context.dice.events.chance(faults.journalFails)) {
    return Promise.resolve(err(appError("journal.unusable", "the disk is full")));
  }
  const result = keep(parts, save);
  return isKilled ? die(parts, "after") : Promise.resolve(result);
}

function die({ context, life, store, onKilled }: StoreParts, when: string): Promise<never> {
  tell(context, () => `# controller ${life.number} is killed ${when} write ${store.writes}`);
  life.alive = false;
  onKilled(life);
  return never();
}

function keep(parts: StoreParts, save: Save): Result<number, AppError> {
  const { store, context, onSaved } = parts;
  const { rollout, stable, entry } = save;
  const refusal = fenceRefusal(store, save.fence);
  if (refusal !== null) return err(refusal);
  if (save.revision !== store.saved.revision) {
    return err(appError("journal.conflict", `revision ${store.saved.revision}, expected ${save.revision}`));
  }
  const before = store.saved.rollout;
  const revision = save.revision + 1;
  const newest = generation(Math.max(store.saved.generation, rollout.generation));
  store.saved = { revision, stable, generation: newest, rollout };
  const receipt = store.rollouts.get(rollout.id)?.receipt ?? null;
  store.rollouts.set(rollout.id, { rollout, receipt });
  append(store, { ...entry, rollout: rollout.id });
  context.rollout = rollout;
  tell(context, () => `= ${rollout.phase.name} ${coursesOf(rollout)}: ${rollout.because}`);
  onSaved(before, rollout);
  return ok(revision);
}

function coursesOf(rollout: Rollout): string {
  const slots = Object.entries(rollout.slots).map(([slot, course]) => `${slot} ${course.at}`);
  const { change } = rollout;
  const under = change === null ? "" : ` ${change.stage} ${change.generation}`;
  return `@${rollout.generation} [${slots.join(", ")}]${under}`;
}

function fenceRefusal(store: Store, fence: Fence): AppError | null {
  return store.holding?.fence.number === fence.number
    ? null
    : appError("lease.lost", `number ${fence.number} is not the holder's`);
}

/** Without a renewal for this long a holder counts as gone. */
const TTL = seconds(15);

export function simLease({ context, store, life }: StoreParts): Lease {
  const now = (): Instant => context.timeline.now();
  const isAlive = (holding: Holding): boolean => holding.life.alive && holding.expires > now();
  const whileAlive = <T>(value: () => T): Promise<T> => (life.alive ? Promise.resolve(value()) : never<T>());
  const acquire = (who: string): Result<Fence, AppError> => {
    const { holding } = store;
    if (holding !== null && isAlive(holding)) {
      return err(appError("lease.held", `${holding.who} holds it`, { hint: "wait for it" }));
    }
    store.leases += 1;
    const fence: Fence = { holder: `${who} ${life.number}`, number: store.leases };
    store.holding = { fence, life, who, since: now(), expires: after(now(), TTL) };
    return ok(fence);
  };
  const renew = (fence: Fence): Result<null, AppError> => {
    const refusal = fenceRefusal(store, fence);
    if (refusal !== null) return err(refusal);
    if (context.dice.events.chance(faultsNow(context).renewFails)) {
      return err(appError("lease.lost", "the lease could not be renewed"));
    }
    if (store.holding !== null) store.holding.expires = after(now(), TTL);
    return ok(null);
  };
  return {
    acquire: (_app, who) => whileAlive(() => acquire(who)),
    renew: (_app, fence) => whileAlive(() => renew(fence)),
    release: (_app, fence) =>
      whileAlive(() => {
        if (store.holding?.fence.number === fence.number) store.holding = null;
      }),
    holder: () => whileAlive(() => holderOf(store, isAlive)),
  };
}

function holderOf(store: Store, isAlive: (holding: Holding) => boolean): LeaseHolder | null {
  const { holding } = store;
  if (holding === null) return null;
  const { who, since, expires } = holding;
  return { who, since, expires: instant(expires), alive: isAlive(holding) };
}

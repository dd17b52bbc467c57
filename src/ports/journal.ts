import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { AppName, Generation, ReleaseId, RolloutId } from "../model/ids.ts";
import type { Receipt } from "../model/receipt.ts";
import type { Order, Rollout } from "../model/rollout.ts";

/** Grows with every holder: a save by a former holder is refused. */
export interface Fence {
  readonly holder: string;
  readonly number: number;
}

/** What the store holds of an application between rollouts and during one. */
export interface Saved {
  readonly revision: number;
  /** The release that all slots run when nothing is going on; null before the first. */
  readonly stable: ReleaseId | null;
  /** The newest generation ever given out. */
  readonly generation: Generation;
  /** The current or last rollout. */
  readonly rollout: Rollout | null;
}

export interface Save {
  /** The revision this was decided on; another one there now: `journal.conflict`. */
  readonly revision: number;
  readonly fence: Fence;
  readonly rollout: Rollout;
  readonly stable: ReleaseId | null;
  readonly entry: Entry;
}

/** One line of the journal. */
export interface Entry {
  readonly at: Instant;
  readonly kind: "started" | "decided" | "order" | "outcome" | "ended" | "receipt" | "taken-over" | "verdict";
  readonly because: string;
  /** Anything that explains it: keys, generations, outcomes. JSON. */
  readonly data: unknown;
}

export interface JournalEntry extends Entry {
  readonly sequence: number;
  readonly rollout: RolloutId;
}

export interface SubmittedOrder {
  readonly sequence: number;
  readonly order: Order;
  readonly by: string;
  readonly at: Instant;
}

export interface HistoryRecord {
  readonly rollout: Rollout;
  readonly receipt: Receipt | null;
}

export interface Journal {
  load(app: AppName): Promise<Result<Saved, AppError>>;
  /** All or nothing, on disk before it returns. The value is the new revision. */
  save(save: Save): Promise<Result<number, AppError>>;
  /** A line that changes no state. */
  note(rollout: RolloutId, entry: Entry): Promise<void>;
  /**
   * Keeps what is known of a rollout besides its state, in place of what was kept before: evidence, and
   * places in logs. JSON. Whoever does not hold the lease any more keeps nothing.
   */
  keep(rollout: RolloutId, fence: Fence, memory: unknown): Promise<void>;
  /** null: nothing was ever kept. */
  kept(rollout: RolloutId): Promise<unknown>;
  attachReceipt(rollout: RolloutId, receipt: Receipt): Promise<void>;
  submit(rollout: RolloutId, order: Order, by: string): Promise<Result<SubmittedOrder, AppError>>;
  /** Orders after `sequence`, oldest first. */
  orders(rollout: RolloutId, sequence: number): Promise<readonly SubmittedOrder[]>;
  entries(rollout: RolloutId, sequence: number): Promise<readonly JournalEntry[]>;
  /** Newest first. */
  history(app: AppName, limit: number): Promise<readonly HistoryRecord[]>;
  find(id: RolloutId): Promise<HistoryRecord | null>;
}

export interface LeaseHolder {
  /** For people: `alice@build1, process 4711`. */
  readonly who: string;
  readonly since: Instant;
  readonly expires: Instant;
  /** false: surely dead (a process of this machine that is gone), or expired. */
  readonly alive: boolean;
}

export interface Lease {
  /**
   * `lease.held` names the holder, since when, and how to take over. A dead or expired holder is replaced at
   * once.
   */
  acquire(app: AppName, who: string): Promise<Result<Fence, AppError>>;
  renew(app: AppName, fence: Fence): Promise<Result<null, AppError>>;
  release(app: AppName, fence: Fence): Promise<void>;
  holder(app: AppName): Promise<LeaseHolder | null>;
}

import type { AppError } from "../../base/errors.ts";
import { ok, type Result } from "../../base/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Journal, Lease } from "../../ports/journal.ts";
import { storeJournal } from "./journal.ts";
import { storeLease } from "./lease.ts";
import { thisProcess, type ProcessIdentity } from "./machine.ts";
import { openDatabase } from "./sqlite.ts";

export interface Store {
  readonly journal: Journal;
  readonly lease: Lease;
  close(): void;
}

export interface StoreOptions {
  readonly clock: Clock;
  /** Who holds the leases that are taken here; default: this process. */
  readonly self?: ProcessIdentity;
}

/** The embedded store in `directory` (made if absent): one SQLite file for all processes of this machine. */
export async function openStore(directory: string, options: StoreOptions): Promise<Result<Store, AppError>> {
  const { clock, self = thisProcess() } = options;
  const opened = await openDatabase(directory);
  if (!opened.ok) return opened;
  const database = opened.value;
  return ok({
    journal: storeJournal(database, clock),
    lease: storeLease(database, { clock, self }),
    close: () => database.sqlite.close(),
  });
}

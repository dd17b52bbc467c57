import type { SQLOutputValue } from "node:sqlite";
import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { after, between, formatDuration, instant, seconds, type Instant } from "../../base/time.ts";
import type { AppName } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Fence, Lease, LeaseHolder } from "../../ports/journal.ts";
import { isDead, type ProcessIdentity } from "./machine.ts";
import { must, transaction, type Database } from "./sqlite.ts";

/** Without a renewal for this long, a holder of another machine counts as gone. */
export const LEASE_TTL = seconds(15);

interface LeaseRow extends ProcessIdentity {
  readonly number: number;
  /** null: given back. */
  readonly holder: string | null;
  readonly who: string;
  readonly since: number;
  readonly expires: number;
}

type Row = Record<string, SQLOutputValue>;

const holderOf = (row: LeaseRow, here: ProcessIdentity, now: Instant): LeaseHolder => ({
  who: row.who,
  since: instant(row.since),
  expires: instant(row.expires),
  alive: now < row.expires && !isDead(row, here),
});

function held(app: AppName, holder: LeaseHolder, now: Instant): AppError {
  const since = formatDuration(between(holder.since, now));
  const wait = formatDuration(between(now, holder.expires));
  return appError("lease.held", `${app} is being released by ${holder.who}, for ${since} now`, {
    hint:
      "wait for it, or give it orders with `glidepath pause`, `promote` or `abort`. To take over, end that " +
      "process and run `glidepath resume` or `glidepath abort`: on this machine at once, elsewhere " +
      `${wait} after its last sign of life`,
  });
}

const lost = (app: AppName, row: LeaseRow | null): AppError => {
  const free = row === null || row.holder === null;
  const whose = free ? "nobody holds it now" : `${row.who} holds it now`;
  return appError("lease.lost", `this process no longer holds the lease of ${app}: ${whose}`, {
    hint: "see how it stands with `glidepath status`",
  });
};

export interface LeaseParts {
  readonly clock: Clock;
  readonly self: ProcessIdentity;
}

export function leaseRow(database: Database, app: AppName): LeaseRow | null {
  const row = database.sqlite.prepare("SELECT * FROM lease WHERE app = ?").get(app);
  return row === undefined ? null : (row as Row as unknown as LeaseRow);
}

/** Null if the fence is the newest and was not given back; asked in the transaction that relies on it. */
export function refusalOf(database: Database, app: AppName, fence: Fence): AppError | null {
  const row = leaseRow(database, app);
  const good = row !== null && row.holder === fence.holder && row.number === fence.number;
  return good ? null : lost(app, row);
}

const TAKE = `
  INSERT INTO lease (app, number, holder, who, machine, pid, started, since, expires)
  VALUES ($app, $number, $holder, $who, $machine, $pid, $started, $since, $expires)
  ON CONFLICT (app) DO UPDATE SET number = excluded.number, holder = excluded.holder, who = excluded.who,
    machine = excluded.machine, pid = excluded.pid, started = excluded.started, since = excluded.since,
    expires = excluded.expires`;

interface Claim {
  readonly app: AppName;
  readonly who: string;
  readonly number: number;
}

function take(database: Database, { clock, self }: LeaseParts, { app, who, number }: Claim): Fence {
  const now = clock.now();
  const fence = { holder: `${self.machine} ${self.pid} ${self.started}`, number };
  database.sqlite.prepare(TAKE).run({
    app,
    number,
    holder: fence.holder,
    who: `${who}, process ${self.pid}`,
    machine: self.machine,
    pid: self.pid,
    started: self.started,
    since: now,
    expires: after(now, LEASE_TTL),
  });
  return fence;
}

function acquire(
  database: Database,
  parts: LeaseParts,
  claim: Omit<Claim, "number">,
): Result<Fence, AppError> {
  const { app } = claim;
  return transaction(database, () => {
    const row = leaseRow(database, app);
    if (row !== null && row.holder !== null) {
      const holder = holderOf(row, parts.self, parts.clock.now());
      if (holder.alive) return err(held(app, holder, parts.clock.now()));
    }
    return ok(take(database, parts, { ...claim, number: (row?.number ?? 0) + 1 }));
  });
}

/** Changes the lease if the fence is still its newest. */
function change(database: Database, { app, fence }: Held, write: () => void): Result<null, AppError> {
  return transaction(database, () => {
    const refusal = refusalOf(database, app, fence);
    if (refusal !== null) return err(refusal);
    write();
    return ok(null);
  });
}
interface Held {
  readonly app: AppName;
  readonly fence: Fence;
}

const RENEW = "UPDATE lease SET expires = ? WHERE app = ?";
const GIVE_BACK = "UPDATE lease SET holder = NULL WHERE app = ?";

/** Who may write. The number survives its holder, so that it only grows. */
export function storeLease(database: Database, parts: LeaseParts): Lease {
  const { sqlite } = database;
  return {
    acquire: async (app, who) => acquire(database, parts, { app, who }),
    renew: async (app, fence) =>
      change(database, { app, fence }, () => {
        sqlite.prepare(RENEW).run(after(parts.clock.now(), LEASE_TTL), app);
      }),
    release: async (app, fence) =>
      void change(database, { app, fence }, () => {
        sqlite.prepare(GIVE_BACK).run(app);
      }),
    holder: async (app) => {
      const row = must(database, () => leaseRow(database, app));
      if (row === null || row.holder === null) return null;
      return holderOf(row, parts.self, parts.clock.now());
    },
  };
}

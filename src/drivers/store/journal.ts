import type { SQLOutputValue } from "node:sqlite";
import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { instant } from "../../base/time.ts";
import { generation, type AppName, type ReleaseId, type RolloutId } from "../../model/ids.ts";
import type { Receipt } from "../../model/receipt.ts";
import type { Order, Rollout } from "../../model/rollout.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Entry,
  Fence,
  HistoryRecord,
  Journal,
  JournalEntry,
  Save,
  Saved,
  SubmittedOrder,
} from "../../ports/journal.ts";
import { refusalOf } from "./lease.ts";
import { piecesOf, restOf, rolloutOf, type KeptPiece } from "./pieces.ts";
import { attempt, must, reading, transaction, type Database } from "./sqlite.ts";

type Row = Readonly<Record<string, SQLOutputValue>>;

const jsonOf = (value: SQLOutputValue | undefined): unknown => JSON.parse(String(value));
const textOrNull = (value: SQLOutputValue | undefined): string | null =>
  value === null ? null : String(value);

const NOTHING_SAVED: Saved = { revision: 0, stable: null, generation: generation(0), rollout: null };

const LOAD = `SELECT revision, stable, generation, id, state FROM saved
  LEFT JOIN rollout ON rollout.id = saved.rollout WHERE saved.app = ?`;
const PIECES = "SELECT part, body FROM piece WHERE rollout = ? ORDER BY part, place";

function stateOf({ sqlite }: Database, row: Row): Rollout {
  const pieces = sqlite.prepare(PIECES).all(String(row["id"])) as unknown as readonly KeptPiece[];
  return rolloutOf(String(row["state"]), pieces);
}

function load(database: Database, app: AppName): Saved {
  const row = database.sqlite.prepare(LOAD).get(app);
  if (row === undefined) return NOTHING_SAVED;
  return {
    revision: Number(row["revision"]),
    stable: textOrNull(row["stable"]) as ReleaseId | null,
    generation: generation(Number(row["generation"])),
    rollout: row["id"] === null ? null : stateOf(database, row),
  };
}

const REVISION = "SELECT revision FROM saved WHERE app = ?";

/** Without the state, which of a large pool is megabytes to read. */
const revisionOf = ({ sqlite }: Database, app: AppName): number =>
  Number(sqlite.prepare(REVISION).get(app)?.["revision"] ?? NOTHING_SAVED.revision);

const conflict = (app: AppName, expected: number, found: number): AppError =>
  appError(
    "journal.conflict",
    `${app} was changed by another process: revision ${found}, expected ${expected}`,
    {
      hint: "see how it stands with `glidepath status`, then try again",
    },
  );

const PUT_ROLLOUT = `INSERT INTO rollout (id, app, started_at, state) VALUES ($id, $app, $startedAt, $state)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state`;
const PUT_SAVED = `INSERT INTO saved (app, revision, stable, generation, rollout)
  VALUES ($app, $revision, $stable, $generation, $rollout)
  ON CONFLICT (app) DO UPDATE SET revision = excluded.revision, stable = excluded.stable,
    generation = max(generation, excluded.generation), rollout = excluded.rollout`;
const PUT_PIECE = `INSERT INTO piece (rollout, part, place, body) VALUES ($rollout, $part, $place, $body)
  ON CONFLICT (rollout, part, place) DO UPDATE SET body = excluded.body`;
const DROP_PIECE = "DELETE FROM piece WHERE rollout = ? AND part = ? AND place = ?";
const DROP_PIECES = "DELETE FROM piece WHERE rollout = ?";
const PUT_ENTRY = `INSERT INTO entry (rollout, at, kind, because, data)
  VALUES ($rollout, $at, $kind, $because, $data)`;

function insertEntry({ sqlite }: Database, rollout: RolloutId, entry: Entry): void {
  const { at, kind, because, data } = entry;
  sqlite.prepare(PUT_ENTRY).run({ rollout, at, kind, because, data: JSON.stringify(data ?? null) });
}

/** Only what differs from what is known to be there. */
function writePieces({ sqlite }: Database, before: Rollout | null, rollout: Rollout): void {
  if (before === null) sqlite.prepare(DROP_PIECES).run(rollout.id);
  const put = sqlite.prepare(PUT_PIECE);
  for (const { part, place, body } of piecesOf(before, rollout)) {
    if (body === null) sqlite.prepare(DROP_PIECE).run(rollout.id, part, place);
    else put.run({ rollout: rollout.id, part, place, body });
  }
}

function write(database: Database, before: Rollout | null, given: Save): number {
  const { revision, rollout, stable, entry } = given;
  const { id, app, startedAt } = rollout;
  const { sqlite } = database;
  sqlite.prepare(PUT_ROLLOUT).run({ id, app, startedAt, state: restOf(rollout) });
  writePieces(database, before, rollout);
  const next = { app, revision: revision + 1, stable, generation: rollout.generation, rollout: id };
  sqlite.prepare(PUT_SAVED).run(next);
  insertEntry(database, id, entry);
  return revision + 1;
}

/** What this process saved last of each application, and the revision that it became. */
type LastSaves = Map<AppName, { readonly revision: number; readonly rollout: Rollout }>;

function save(database: Database, last: LastSaves, given: Save): Result<number, AppError> {
  const { app, id } = given.rollout;
  const known = last.get(app);
  // Nobody has saved since when the revision is ours: then it is known what is there.
  const isThere = known?.revision === given.revision && known.rollout.id === id;
  const saved = transaction(database, () => {
    const refusal = refusalOf(database, app, given.fence);
    if (refusal !== null) return err(refusal);
    const revision = revisionOf(database, app);
    if (revision !== given.revision) return err(conflict(app, given.revision, revision));
    return ok(write(database, isThere ? known.rollout : null, given));
  });
  if (saved.ok) last.set(app, { revision: saved.value, rollout: given.rollout });
  return saved;
}

const PUT_ORDER = "INSERT INTO submitted (rollout, at, by, body) VALUES ($rollout, $at, $by, $body)";

interface Submission {
  readonly rollout: RolloutId;
  readonly order: Order;
  readonly by: string;
  readonly at: SubmittedOrder["at"];
}

function submit(database: Database, given: Submission): Result<SubmittedOrder, AppError> {
  return transaction(database, () => {
    const { rollout, order, by, at } = given;
    if (database.sqlite.prepare("SELECT 1 FROM rollout WHERE id = ?").get(rollout) === undefined) {
      return err(
        appError("rollout.absent", `there is no rollout ${rollout}`, { hint: "see `glidepath history`" }),
      );
    }
    const { lastInsertRowid } = database.sqlite
      .prepare(PUT_ORDER)
      .run({ rollout, at, by, body: JSON.stringify(order) });
    return ok({ sequence: Number(lastInsertRowid), order, by, at });
  });
}

const orderOf = (row: Row): SubmittedOrder => ({
  sequence: Number(row["sequence"]),
  order: jsonOf(row["body"]) as Order,
  by: String(row["by"]),
  at: instant(Number(row["at"])),
});
const entryOf = (row: Row): JournalEntry => ({
  sequence: Number(row["sequence"]),
  rollout: String(row["rollout"]) as RolloutId,
  at: instant(Number(row["at"])),
  kind: String(row["kind"]) as Entry["kind"],
  because: String(row["because"]),
  data: jsonOf(row["data"]),
});
const recordOf = (database: Database, row: Row): HistoryRecord => ({
  rollout: stateOf(database, row),
  receipt: row["receipt"] === null ? null : (jsonOf(row["receipt"]) as Receipt),
});

const PUT_MEMORY = `INSERT INTO memory (rollout, body) VALUES ($rollout, $body)
  ON CONFLICT (rollout) DO UPDATE SET body = excluded.body`;
const APP_OF = "SELECT app FROM rollout WHERE id = ?";
const MEMORY = "SELECT body FROM memory WHERE rollout = ?";

interface Memory {
  readonly rollout: RolloutId;
  readonly fence: Fence;
  readonly memory: unknown;
}

/** Whoever does not hold the lease any more is silently refused: his next save will tell him. */
function keep(database: Database, { rollout, fence, memory }: Memory): Result<null, AppError> {
  return transaction(database, () => {
    const app = textOrNull(database.sqlite.prepare(APP_OF).get(rollout)?.["app"] ?? null) as AppName | null;
    if (app === null || refusalOf(database, app, fence) !== null) return ok(null);
    database.sqlite.prepare(PUT_MEMORY).run({ rollout, body: JSON.stringify(memory) });
    return ok(null);
  });
}

const ORDERS = "SELECT * FROM submitted WHERE rollout = ? AND sequence > ? ORDER BY sequence";
const ENTRIES = "SELECT * FROM entry WHERE rollout = ? AND sequence > ? ORDER BY sequence";
const HISTORY =
  "SELECT id, state, receipt FROM rollout WHERE app = ? ORDER BY started_at DESC, id DESC LIMIT ?";
const FIND = "SELECT id, state, receipt FROM rollout WHERE id = ?";
const ATTACH = "UPDATE rollout SET receipt = ? WHERE id = ?";

/** What was decided, why, and what operators said; on disk before a write returns. */
export function storeJournal(database: Database, clock: Clock): Journal {
  const { sqlite } = database;
  const rows = (sql: string, ...values: (string | number)[]): readonly Row[] =>
    must(database, () => sqlite.prepare(sql).all(...values));
  const records = (sql: string, ...values: (string | number)[]): readonly HistoryRecord[] =>
    must(database, () =>
      reading(database, () =>
        sqlite
          .prepare(sql)
          .all(...values)
          .map((row) => recordOf(database, row)),
      ),
    );
  const last: LastSaves = new Map();
  return {
    load: async (app) => attempt(database, () => reading(database, () => load(database, app))),
    save: async (given) => save(database, last, given),
    note: async (rollout, entry) => must(database, () => insertEntry(database, rollout, entry)),
    keep: async (rollout, fence, memory) => void keep(database, { rollout, fence, memory }),
    kept: async (rollout) => rows(MEMORY, rollout).map((row) => jsonOf(row["body"]))[0] ?? null,
    attachReceipt: async (rollout, receipt) =>
      void must(database, () => sqlite.prepare(ATTACH).run(JSON.stringify(receipt), rollout)),
    submit: async (rollout, order, by) => submit(database, { rollout, order, by, at: clock.now() }),
    orders: async (rollout, sequence) => rows(ORDERS, rollout, sequence).map(orderOf),
    entries: async (rollout, sequence) => rows(ENTRIES, rollout, sequence).map(entryOf),
    history: async (app, limit) => records(HISTORY, app, limit),
    find: async (id) => records(FIND, id)[0] ?? null,
  };
}

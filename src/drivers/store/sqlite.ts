import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** How long one process waits for another one's transaction. */
const BUSY_MS = 5000;
/** SQLite's result codes that need other advice than the rest. */
const ADVICE: Readonly<Record<number, string>> = {
  5: "another process held it for more than 5s: try again, and look for a Glidepath that hangs",
  8: "make it writable for the user that runs Glidepath",
  10: "see whether its disk is full or broken, and who owns it; then try again",
  11: "restore it from a backup, or move it away: the next release then starts with an empty history",
  13: "free some space on its disk, then try again",
  14: "make the directory writable for the user that runs Glidepath, or name another one with `state:`",
  26: "this file is no journal: move it away, or name another directory with `state:`",
};
const A_FILE = "`state:` names a directory, and a file is there: name another one, or move the file away";
const OTHER_ADVICE = "check its disk and its owner, then try again";

export interface Database {
  readonly path: string;
  readonly sqlite: DatabaseSync;
}

interface SqliteError extends Error {
  readonly errcode: number;
}
const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" && "errcode" in error;

const unusable = (path: string, why: string, hint: string): AppError =>
  appError("journal.unusable", `the journal ${path} cannot be used: ${why}`, { hint });

function unusableBy(path: string, error: unknown): AppError {
  if (isSqliteError(error)) {
    // The low byte is the primary code: extended codes only refine it.
    return unusable(path, error.message, ADVICE[error.errcode & 0xff] ?? OTHER_ADVICE);
  }
  if (error instanceof Error && "syscall" in error) {
    const isFile = "code" in error && (error.code === "EEXIST" || error.code === "ENOTDIR");
    return unusable(path, error.message, isFile ? A_FILE : (ADVICE[14] ?? OTHER_ADVICE));
  }
  throw error;
}

/** SQLite's and the file system's failures as values; anything else is a defect and goes on. */
export function attempt<T>(database: Database, work: () => T): Result<T, AppError> {
  try {
    return ok(work());
  } catch (error) {
    return err(unusableBy(database.path, error));
  }
}

/** For the questions that have no failure of their own: throws an error whose cause is the AppError. */
export function must<T>(database: Database, work: () => T): T {
  const result = attempt(database, work);
  if (!result.ok) throw new Error(result.error.message, { cause: result.error });
  return result.value;
}

/** All of `work` or nothing. An error that `work` returns rolls back as well. */
export function transaction<T>(database: Database, work: () => Result<T, AppError>): Result<T, AppError> {
  const { sqlite } = database;
  const result = attempt(database, () => {
    sqlite.exec("BEGIN IMMEDIATE");
    try {
      const value = work();
      sqlite.exec(value.ok ? "COMMIT" : "ROLLBACK");
      return value;
    } catch (error) {
      if (sqlite.isTransaction) sqlite.exec("ROLLBACK");
      throw error;
    }
  });
  return result.ok ? result.value : result;
}

/** What `work` reads is of one moment, however many questions it asks. */
export function reading<T>({ sqlite }: Database, work: () => T): T {
  sqlite.exec("BEGIN");
  try {
    return work();
  } finally {
    if (sqlite.isTransaction) sqlite.exec("COMMIT");
  }
}

/**
 * SQLite before 3.51.3 can damage a database in WAL mode when two processes begin the log anew at once; with
 * a plain rollback journal it cannot.
 */
export function journalMode(sqliteVersion: string): "WAL" | "TRUNCATE" {
  const [major = 0, minor = 0, patch = 0] = sqliteVersion.split(".").map(Number);
  const number = (major * 1000 + minor) * 1000 + patch;
  return number >= 3_051_003 ? "WAL" : "TRUNCATE";
}

function column(sqlite: DatabaseSync, sql: string): string | number {
  const row = sqlite.prepare(sql).get() ?? {};
  return Object.values(row)[0] as string | number;
}

/** The file keeps its mode: only the first process has to change it, and needs it alone for a moment. */
async function setJournalMode(sqlite: DatabaseSync): Promise<void> {
  const mode = journalMode(String(column(sqlite, "SELECT sqlite_version()")));
  for (let left = 50; ; left -= 1) {
    try {
      if (String(column(sqlite, "PRAGMA journal_mode")).toUpperCase() !== mode) {
        sqlite.exec(`PRAGMA journal_mode = ${mode}`);
      }
      return;
    } catch (error) {
      const busy = isSqliteError(error) && (error.errcode & 0xff) === 5;
      if (!busy || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function migrate(database: Database): Result<null, AppError> {
  return transaction(database, () => {
    const found = Number(column(database.sqlite, "PRAGMA user_version"));
    if (found > SCHEMA_VERSION) {
      const why = `a newer Glidepath wrote it (schema ${found}; this one knows ${SCHEMA_VERSION})`;
      return err(unusable(database.path, why, "use that newer Glidepath"));
    }
    for (const step of MIGRATIONS.slice(found)) database.sqlite.exec(step);
    if (found < SCHEMA_VERSION) database.sqlite.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    return ok(null);
  });
}

/** A journal names hosts and commands: it is its owner's alone. SQLite gives its companions the same mode. */
function createFile(directory: string, path: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
}

async function prepare(database: Database): Promise<Result<null, AppError>> {
  const { sqlite, path } = database;
  sqlite.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  await setJournalMode(sqlite);
  const check = String(column(sqlite, "PRAGMA quick_check(1)"));
  if (check !== "ok") return err(unusable(path, check, ADVICE[11] ?? OTHER_ADVICE));
  return migrate(database);
}

/** Opens `directory`/journal.db, made if it is absent, and brings its schema up to date. */
export async function openDatabase(directory: string): Promise<Result<Database, AppError>> {
  const path = join(directory, "journal.db");
  let sqlite: DatabaseSync | null = null;
  try {
    createFile(directory, path);
    sqlite = new DatabaseSync(path, { timeout: BUSY_MS });
    const database = { path, sqlite };
    const ready = await prepare(database);
    if (ready.ok) return ok(database);
    sqlite.close();
    return ready;
  } catch (error) {
    sqlite?.close();
    return err(unusableBy(path, error));
  }
}

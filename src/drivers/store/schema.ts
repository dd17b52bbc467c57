/**
 * One row a version, in order; a row that was released is never edited. `saved` holds what decisions are made
 * on, `rollout` every rollout as it last stood, `piece` what of that grows with the pool, `entry` the
 * journal, `submitted` what operators said, `lease` who may write, `memory` what is known of a rollout
 * besides its state.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE saved (
    app TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    stable TEXT,
    generation INTEGER NOT NULL,
    rollout TEXT REFERENCES rollout (id)
  ) STRICT;
  CREATE TABLE rollout (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    receipt TEXT
  ) STRICT;
  CREATE INDEX rollout_by_app ON rollout (app, started_at, id);
  CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    rollout TEXT NOT NULL REFERENCES rollout (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    because TEXT NOT NULL,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX entry_by_rollout ON entry (rollout, sequence);
  CREATE TABLE submitted (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    rollout TEXT NOT NULL REFERENCES rollout (id),
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX submitted_by_rollout ON submitted (rollout, sequence);
  CREATE TABLE lease (
    app TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    holder TEXT,
    who TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    since INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE memory (
    rollout TEXT PRIMARY KEY REFERENCES rollout (id),
    body TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE piece (
    rollout TEXT NOT NULL REFERENCES rollout (id),
    part TEXT NOT NULL,
    place INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout, part, place)
  ) STRICT;
  `,
];

/** What this Glidepath reads and writes; kept in the file as SQLite's user_version. */
export const SCHEMA_VERSION = MIGRATIONS.length;

import type { Schema } from './open-database.ts';

/**
 * What is said often is kept once, in a table of names, and meant by a number. Rows lie in the order in which they are
 * asked for: evaluations by flag and time, events by name and time, sums by flag and time, last variations by subject; so
 * what comes in goes to few places, and what is read is read in one piece. Subjects are the only names of people;
 * number 0 is nobody.
 */
const NAMES = `
  CREATE TABLE places (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    UNIQUE (project, environment)
  ) STRICT;
  CREATE TABLE flags (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    flag TEXT NOT NULL,
    last_at INTEGER,
    UNIQUE (flag, place)
  ) STRICT;
  CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    flag INTEGER NOT NULL,
    flag_version INTEGER NOT NULL,
    variation TEXT NOT NULL,
    reason TEXT NOT NULL,
    error_code TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    UNIQUE (flag, flag_version, variation, reason, error_code, rule_id)
  ) STRICT;
  CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    client TEXT NOT NULL,
    UNIQUE (source, client)
  ) STRICT;
  CREATE TABLE event_names (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (event, kind, place)
  ) STRICT;
  CREATE TABLE subjects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER NOT NULL,
    subject TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    shuffle INTEGER NOT NULL,
    seen_at INTEGER,
    attributes TEXT,
    UNIQUE (subject, place)
  ) STRICT;
  INSERT INTO subjects (id, place, subject, last_at, shuffle) VALUES (0, 0, '', 0, 0);
  CREATE INDEX subjects_shuffled ON subjects (place, shuffle, seen_at) WHERE seen_at IS NOT NULL;`;

const ROWS = `
  CREATE TABLE evaluations (
    flag INTEGER NOT NULL,
    time INTEGER NOT NULL,
    id INTEGER NOT NULL,
    answer INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    revision INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    weight REAL NOT NULL CHECK (weight >= 1),
    place INTEGER NOT NULL,
    PRIMARY KEY (flag, time, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX evaluations_by_time ON evaluations (place, time, id);
  CREATE INDEX evaluations_by_subject ON evaluations (subject, time, id);
  CREATE TABLE events (
    name INTEGER NOT NULL,
    time INTEGER NOT NULL,
    id INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    flag INTEGER,
    value REAL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (name, time, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX events_by_subject ON events (subject, time);
  CREATE TABLE last_variations (
    subject INTEGER NOT NULL,
    flag INTEGER NOT NULL,
    variation TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (subject, flag, variation)
  ) STRICT, WITHOUT ROWID;`;

const SUMS = ['minutes', 'hours', 'days']
  .map(
    (steps) => `
  CREATE TABLE ${steps} (
    flag INTEGER NOT NULL,
    at INTEGER NOT NULL,
    variation TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    estimate REAL NOT NULL,
    PRIMARY KEY (flag, at, variation, reason)
  ) STRICT, WITHOUT ROWID;`,
  )
  .join('');

/** Batches of a process that is forgotten belong to a number that nobody has any more, and go bit by bit. */
const LEDGER = `
  CREATE TABLE processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    process TEXT NOT NULL UNIQUE,
    accepted INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    highest INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    ended INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX processes_by_age ON processes (last_at);
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    process INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    units INTEGER NOT NULL,
    UNIQUE (process, sequence)
  ) STRICT;
  CREATE TABLE stored_ranges (
    process INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (process, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE losses (
    process INTEGER NOT NULL,
    reason TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (process, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE declared_losses (
    process INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    reason TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (process, sequence, reason)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE letters (
    id TEXT PRIMARY KEY,
    process TEXT,
    sequence INTEGER,
    bytes BLOB NOT NULL,
    error TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    units INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX letters_by_process ON letters (process, sequence);`;

/** Who was erased, by a hash of the place and the name, so that what comes late does not bring them back. */
const ERASURES = `
  CREATE TABLE erasures (subject TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX erasures_by_time ON erasures (at);`;

/**
 * Names that callers make up go when no row has them any more: until then they were used at most, in epoch milliseconds.
 * The edition is another one each time that some come or go.
 */
const AGES = `
  CREATE TABLE names_edition (edition INTEGER NOT NULL) STRICT;
  INSERT INTO names_edition VALUES (0);
${['answers', 'origins', 'event_names']
  .map(
    (names) => `
  ALTER TABLE ${names} ADD COLUMN used_until INTEGER NOT NULL DEFAULT 0;
  UPDATE ${names} SET used_until = (unixepoch() + 86400) * 1000;
  CREATE INDEX ${names}_by_age ON ${names} (used_until);`,
  )
  .join('')}`;

/** For people. docs/exposure-tables.md says what the columns mean. */
const VIEWS = `
  CREATE VIEW flag_evaluations AS
    SELECT strftime('%Y-%m-%dT%H:%M:%fZ', e.time / 1000.0, 'unixepoch') AS time, e.time AS time_ms,
      p.project, p.environment, f.flag, a.flag_version, e.revision, a.variation, a.reason, a.error_code, a.rule_id,
      s.subject, o.source, o.client, e.count, e.weight
    FROM evaluations e JOIN answers a ON a.id = e.answer JOIN flags f ON f.id = e.flag
      JOIN places p ON p.id = f.place JOIN origins o ON o.id = e.origin JOIN subjects s ON s.id = e.subject;
  CREATE VIEW flag_events AS
    SELECT strftime('%Y-%m-%dT%H:%M:%fZ', e.time / 1000.0, 'unixepoch') AS time, e.time AS time_ms,
      p.project, p.environment, n.event, n.kind, s.subject, f.flag, e.value, e.count
    FROM events e JOIN event_names n ON n.id = e.name JOIN places p ON p.id = n.place
      JOIN subjects s ON s.id = e.subject LEFT JOIN flags f ON f.id = e.flag;
  CREATE VIEW flag_subjects AS
    SELECT p.project, p.environment, f.flag, v.variation, s.subject, v.first_at AS first_ms, v.last_at AS last_ms
    FROM last_variations v JOIN flags f ON f.id = v.flag JOIN places p ON p.id = f.place
      JOIN subjects s ON s.id = v.subject;
  CREATE VIEW last_contexts AS
    SELECT p.project, p.environment, s.subject, s.attributes, s.seen_at AS seen_ms
    FROM subjects s JOIN places p ON p.id = s.place WHERE s.seen_at IS NOT NULL;
${['minutes', 'hours', 'days']
  .map(
    (steps) => `
  CREATE VIEW flag_${steps} AS
    SELECT strftime('%Y-%m-%dT%H:%MZ', r.at / 1000, 'unixepoch') AS at, r.at AS at_ms,
      p.project, p.environment, f.flag, r.variation, r.reason, r.count, r.estimate
    FROM ${steps} r JOIN flags f ON f.id = r.flag JOIN places p ON p.id = f.place;`,
  )
  .join('')}`;

/** The store's file. What was stored survives a loss of power. Text compares as UTF-8 bytes: in code point order. */
export const EXPOSURE_STORE_SCHEMA: Schema = {
  file: 'exposures.db',
  synchronous: 'FULL',
  migrations: [NAMES + ROWS + SUMS + LEDGER + VIEWS, ERASURES + AGES],
};

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Change, Head } from '../../core/change.ts';
import { changeText, damaged, readChange } from '../../core/change-text.ts';
import type { AppendResult, ChangeLog } from '../../ports/change-log.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import { type OpenOptions, openDatabase, type Schema } from './open-database.ts';

/** The log's file. Text compares as UTF-8 bytes, which is case-sensitive and in code point order. */
export const CHANGE_LOG_SCHEMA: Schema = {
  file: 'changes.db',
  synchronous: 'FULL',
  migrations: [
    `CREATE TABLE changes (
      project TEXT NOT NULL,
      revision INTEGER NOT NULL CHECK (revision > 0),
      idempotency_key TEXT NOT NULL,
      time TEXT NOT NULL,
      hash TEXT NOT NULL,
      body TEXT NOT NULL,
      PRIMARY KEY (project, revision),
      UNIQUE (project, idempotency_key)
    ) STRICT;
    CREATE INDEX changes_by_time ON changes (project, time, revision);`,
  ],
};

/** What is read at a time before the event loop gets its turn. */
const PAGE_ROWS = 100;
const PAGE_CHARACTERS = 1_000_000;

/** From project to project, by the index: the number of changes does not matter. */
const HEADS = `
  WITH RECURSIVE projects (project) AS (
    SELECT MIN(project) FROM changes
    UNION ALL
    SELECT (SELECT MIN(project) FROM changes WHERE project > projects.project) FROM projects WHERE project IS NOT NULL
  )
  SELECT changes.project, changes.revision, changes.hash FROM projects JOIN changes USING (project)
  WHERE changes.revision = (SELECT MAX(revision) FROM changes WHERE project = projects.project)
  ORDER BY changes.project`;

/** Opens the log in a data directory, which is made if need be. Whoever opens it disposes of it. */
export async function openSqliteChangeLog(directory: string, options?: OpenOptions): Promise<ChangeLog> {
  const database = await openDatabase(directory, CHANGE_LOG_SCHEMA, options);
  const insert = database.prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)');
  const selectHead = database.prepare(
    'SELECT project, revision, hash FROM changes WHERE project = ? ORDER BY revision DESC LIMIT 1',
  );
  const selectHeads = database.prepare(HEADS);
  const selectAfter = database.prepare(
    'SELECT project, revision, body FROM changes WHERE project = ? AND revision > ? ORDER BY revision LIMIT ?',
  );
  const selectBefore = database.prepare(
    'SELECT project, revision, body FROM changes WHERE project = ? AND revision < ? ORDER BY revision DESC LIMIT ?',
  );
  const selectKey = database.prepare(
    'SELECT project, revision, body FROM changes WHERE project = ? AND idempotency_key = ?',
  );
  const selectTime = database.prepare(
    'SELECT revision FROM changes WHERE project = ? AND time <= ? ORDER BY time DESC, revision DESC LIMIT 1',
  );

  function headNow(project: string): Head | undefined {
    const row = selectHead.get(project);
    return row && headOf(row);
  }

  function changeByKey(project: string, key: string): Change | undefined {
    const row = selectKey.get(project, key);
    return row && changeOf(row);
  }

  function appendNow(change: Change, body: string): AppendResult {
    const { project, revision, idempotencyKey, time, hash } = change;
    const earlier = changeByKey(project, idempotencyKey);
    if (earlier !== undefined) return { kind: 'already_done', change: earlier };
    const head = headNow(project);
    const fits = revision === (head?.revision ?? 0) + 1 && change.previousHash === (head?.hash ?? '');
    if (!fits) return { kind: 'slot_taken' };
    insert.run(project, revision, idempotencyKey, time, hash, body);
    return { kind: 'appended' };
  }

  async function inPages(select: typeof selectAfter, project: string, from: number, limit: number) {
    const changes: Change[] = [];
    for (let last = from; ; await nextTurn()) {
      const rows = Math.min(limit - changes.length, PAGE_ROWS);
      const page = await database.read(() => changesIn(select.iterate(project, last, rows)));
      changes.push(...page);
      const newest = page.at(-1);
      if (newest === undefined || changes.length >= limit) return changes;
      last = newest.revision;
    }
  }

  return {
    append: async (change) => {
      const body = changeText(change);
      return database.write(() => appendNow(change, body));
    },
    head: (project) => database.read(() => headNow(project)),
    heads: () => database.read(() => selectHeads.all().map(headOf)),
    read: async (project, after, limit) => {
      const changes = await inPages(selectAfter, project, after, limit);
      const gap = changes.findIndex((change, index) => change.revision !== after + 1 + index);
      if (gap !== -1) throw damaged(project, after + 1 + gap);
      return changes;
    },
    readBack: (project, before, limit) => inPages(selectBefore, project, before, limit),
    // SQLite would take a lone surrogate for U+FFFD.
    byIdempotencyKey: (project, key) =>
      database.read(() => (key.isWellFormed() ? changeByKey(project, key) : undefined)),
    revisionAt: (project, time) =>
      database.read(() => {
        const row = selectTime.get(project, time);
        return row === undefined ? 0 : numberOf(row, 'revision');
      }),
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]();
    },
  };
}

/** Stops early once there is much to parse. */
function changesIn(rows: Iterable<Row>): Change[] {
  const changes: Change[] = [];
  let characters = 0;
  for (const row of rows) {
    changes.push(changeOf(row));
    characters += textOf(row, 'body').length;
    if (characters > PAGE_CHARACTERS) break;
  }
  return changes;
}

function changeOf(row: Row): Change {
  return readChange(textOf(row, 'body'), textOf(row, 'project'), numberOf(row, 'revision'));
}

function headOf(row: Row): Head {
  return { project: textOf(row, 'project'), revision: numberOf(row, 'revision'), hash: textOf(row, 'hash') };
}

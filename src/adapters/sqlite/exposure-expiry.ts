import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Retention, Step } from '../../ports/exposure-store.ts';
import { numberOf } from './columns.ts';
import { AGING_NAMES, newEdition } from './exposure-names.ts';
import { STEPS, stepMs, tableOf } from './exposure-sums.ts';
import type { Database } from './open-database.ts';

/** So much is removed, or looked at, before others get their turn. */
const ROWS_A_STEP = 2_000;

/** One step of removing, as a transaction of its own: what to go on with, or undefined at the end. */
type Removing = (from: number) => number | undefined;

/**
 * Removes what is too old, in steps that others may write between. A step that was cut off leaves nothing half removed
 * that anybody could see: the next time goes on.
 */
export async function expireExposures(database: Database, retention: Retention): Promise<void> {
  for (const removing of removals(database, retention))
    for (let next: number | undefined = 0; next !== undefined; ) {
      const from: number = next;
      next = await database.write(() => removing(from));
      await nextTurn();
    }
}

function removals(database: Database, { rowsBefore, minutesBefore, rollupsBefore }: Retention): Removing[] {
  const endsBefore = (step: Step, before: number) => before - stepMs(step) + 1;
  const sums = STEPS.map((step) => {
    const before = endsBefore(step, step === 'minute' ? minutesBefore : rollupsBefore);
    return byKey(database, 'flags', tableOf(step), 'flag, at, variation, reason', 'flag', 'at', before);
  });
  return [
    byKey(database, 'flags', 'evaluations', 'flag, time, id', 'flag', 'time', rowsBefore),
    byKey(database, 'event_names', 'events', 'name, time, id', 'name', 'time', rowsBefore),
    ...AGING_NAMES.map((names) => forgetNames(database, names, rowsBefore)),
    ...sums,
    forgetFlags(database),
    expireSubjects(database, rollupsBefore),
    expireErasures(database, Math.min(rowsBefore, rollupsBefore)),
    forgetProcesses(database, rollupsBefore),
    orphans(database),
  ];
}

/** Removes the old rows under one name after the other, each of which lies in the order of time. */
function byKey(
  database: Database,
  names: string,
  table: string,
  key: string,
  name: string,
  time: string,
  before: number,
): Removing {
  const next = database.prepare(`SELECT MIN(id) AS id FROM ${names} WHERE id >= ?`);
  const remove = database.prepare(
    `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${name} = ? AND ${time} < ? LIMIT ?)`,
  );
  return (from) => {
    for (let rest = ROWS_A_STEP, id = from; ; ) {
      const row = next.get(id);
      if (row === undefined || row.id === null) return undefined;
      id = numberOf(row, 'id');
      // To look at one takes time as well, and callers can make up as many names as they like.
      rest -= 1 + Number(remove.run(id, before, rest).changes);
      if (rest <= 0) return id;
      id += 1;
    }
  };
}

function forgetFlags(database: Database): Removing {
  const forget = database.prepare(
    `UPDATE flags SET last_at = NULL
     WHERE last_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM hours WHERE hours.flag = flags.id)`,
  );
  return () => {
    forget.run();
    return undefined;
  };
}

/** Goes through all subjects by their numbers: what was last heard of them is in no order. */
function expireSubjects(database: Database, before: number): Removing {
  const last = database.prepare(
    'SELECT MAX(id) AS id FROM (SELECT id FROM subjects WHERE id > ? ORDER BY id LIMIT ?)',
  );
  const range = 'subject > ? AND subject <= ?';
  const removeGot = database.prepare(`DELETE FROM last_variations WHERE ${range} AND last_at < ?`);
  const forget = database.prepare(
    'UPDATE subjects SET seen_at = NULL, attributes = NULL WHERE id > ? AND id <= ? AND seen_at < ?',
  );
  // Whoever still has rows, for those may be kept longer, keeps the name.
  const remove = database.prepare(
    `DELETE FROM subjects WHERE id > ? AND id <= ? AND last_at < ?
     AND NOT EXISTS (SELECT 1 FROM evaluations AS e INDEXED BY evaluations_by_subject WHERE e.subject = subjects.id)
     AND NOT EXISTS (SELECT 1 FROM events AS v INDEXED BY events_by_subject WHERE v.subject = subjects.id)`,
  );
  return (from) => {
    const row = last.get(from, ROWS_A_STEP);
    if (row === undefined || row.id === null) return undefined;
    const to = numberOf(row, 'id');
    for (const statement of [removeGot, forget, remove]) statement.run(from, to, before);
    return to;
  };
}

/** Rows that have them are all older than that, and gone by now. */
function forgetNames(database: Database, names: string, before: number): Removing {
  const remove = database.prepare(
    `DELETE FROM ${names} WHERE id IN (SELECT id FROM ${names} WHERE used_until <= ? LIMIT ?)`,
  );
  const update = database.prepare('UPDATE names_edition SET edition = ?');
  return () => {
    if (Number(remove.run(before, ROWS_A_STEP).changes) === 0) return undefined;
    update.run(newEdition());
    return 0;
  };
}

/** What somebody did before is kept by nobody any more, so nothing can bring it back. */
function expireErasures(database: Database, before: number): Removing {
  const remove = database.prepare(
    'DELETE FROM erasures WHERE subject IN (SELECT subject FROM erasures WHERE at < ? LIMIT ?)',
  );
  return () => (remove.run(before, ROWS_A_STEP).changes === 0 ? undefined : 0);
}

/** What is known of a process goes at once, but for its batches: they then belong to nobody. */
function forgetProcesses(database: Database, before: number): Removing {
  const old = database.prepare(
    `SELECT id FROM processes WHERE last_at < ?
     AND NOT EXISTS (SELECT 1 FROM letters WHERE letters.process = processes.process) ORDER BY last_at LIMIT ?`,
  );
  const tables = ['stored_ranges', 'losses', 'declared_losses'];
  const removals = tables.map((table) => database.prepare(`DELETE FROM ${table} WHERE process = ?`));
  const remove = database.prepare('DELETE FROM processes WHERE id = ?');
  return () => {
    const ids = old.all(before, ROWS_A_STEP / 100).map((row) => numberOf(row, 'id'));
    for (const id of ids) for (const statement of [...removals, remove]) statement.run(id);
    return ids.length === 0 ? undefined : 0;
  };
}

/** Removes the batches of nobody, from number to number of a process. */
function orphans(database: Database): Removing {
  const next = database.prepare('SELECT MIN(process) AS process FROM batches WHERE process >= ?');
  const isKnown = database.prepare('SELECT 1 FROM processes WHERE id = ?');
  const remove = database.prepare(
    'DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE process = ? LIMIT ?)',
  );
  return (from) => {
    const row = next.get(from);
    if (row === undefined || row.process === null) return undefined;
    const process = numberOf(row, 'process');
    if (isKnown.get(process) !== undefined) return process + 1;
    const { changes } = remove.run(process, ROWS_A_STEP);
    return changes === 0 ? process + 1 : process;
  };
}

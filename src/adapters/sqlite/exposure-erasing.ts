import type { Erased, RecordedPlace } from '../../ports/exposure-store.ts';
import { numberOf, type Row } from './columns.ts';
import { exposureErasures } from './exposure-erasures.ts';
import type { GroupedWrites } from './grouped-writes.ts';
import type { Database } from './open-database.ts';

/** So much is removed before others get their turn. */
const ROWS_A_STEP = 2_000;

/**
 * Removes everything of a subject, and what will come of it from `at` or before. In steps that others may write between;
 * the name goes with the last one. Whoever was cut off may ask again.
 */
export function subjectErasing(
  database: Database,
  writes: GroupedWrites,
): (place: RecordedPlace, subject: string, at: number) => Promise<Erased> {
  const erasures = exposureErasures(database);
  const find = database.prepare(
    `SELECT id, seen_at IS NOT NULL AS contexts FROM subjects
     WHERE place = (SELECT id FROM places WHERE project = ? AND environment = ?) AND subject = ?`,
  );
  const some = (table: string, key: string) =>
    database.prepare(
      `DELETE FROM ${table} WHERE (${key}) IN
       (SELECT ${key} FROM ${table} INDEXED BY ${table}_by_subject WHERE subject = ? LIMIT ?) RETURNING count`,
    );
  const [evaluations, events] = [some('evaluations', 'flag, time, id'), some('events', 'name, time, id')];
  const variations = database.prepare('DELETE FROM last_variations WHERE subject = ?');
  const remove = database.prepare('DELETE FROM subjects WHERE id = ?');

  function step({ project, environment }: RecordedPlace, subject: string) {
    const row = find.get(project, environment, subject);
    const nothing = { evaluations: 0, events: 0, contexts: 0 };
    if (row === undefined) return { ...nothing, isLast: true };
    const id = numberOf(row, 'id');
    const gone = [evaluations.all(id, ROWS_A_STEP), events.all(id, ROWS_A_STEP)] as const;
    const removed = { ...nothing, evaluations: unitsIn(gone[0]), events: unitsIn(gone[1]) };
    if (gone.some(({ length }) => length === ROWS_A_STEP)) return { ...removed, isLast: false };
    variations.run(id);
    remove.run(id);
    return { ...removed, contexts: numberOf(row, 'contexts'), isLast: true };
  }

  return async (place, subject, at) => {
    const erased = { evaluations: 0, events: 0, contexts: 0 };
    if (subject === '') return erased;
    await writes.write(() => erasures.note(place, subject, at));
    for (let isOver = false; !isOver; ) {
      const { isLast, ...removed } = await writes.write(() => step(place, subject));
      erased.evaluations += removed.evaluations;
      erased.events += removed.events;
      erased.contexts += removed.contexts;
      isOver = isLast;
    }
    return erased;
  };
}

function unitsIn(rows: readonly Row[]): number {
  return rows.reduce((units, row) => units + numberOf(row, 'count'), 0);
}

import type { Erased, RecordedPlace } from '../../ports/exposure-store.ts';
import { numberOf } from './columns.ts';
import { exposureErasures } from './exposure-erasures.ts';
import type { Database } from './open-database.ts';

/** Removes everything of a subject, and what will come of it from before `at`, in the transaction that is open. */
export function subjectErasing(
  database: Database,
): (place: RecordedPlace, subject: string, at: number) => Erased {
  const erasures = exposureErasures(database);
  const find = database.prepare(
    `SELECT id, seen_at IS NOT NULL AS contexts FROM subjects
     WHERE place = (SELECT id FROM places WHERE project = ? AND environment = ?) AND subject = ?`,
  );
  const units = (table: string) =>
    database.prepare(`SELECT COALESCE(SUM(count), 0) AS units FROM ${table} WHERE subject = ?`);
  const remove = (table: string, column = 'subject') =>
    database.prepare(`DELETE FROM ${table} WHERE ${column} = ?`);
  const [evaluations, events] = [units('evaluations'), units('events')];
  const removals = [
    remove('evaluations'),
    remove('events'),
    remove('last_variations'),
    remove('subjects', 'id'),
  ];

  return (place, subject, at) => {
    if (subject !== '') erasures.note(place, subject, at);
    const row = find.get(place.project, place.environment, subject);
    if (row === undefined) return { evaluations: 0, events: 0, contexts: 0 };
    const id = numberOf(row, 'id');
    const erased = {
      evaluations: numberOf(evaluations.get(id) ?? {}, 'units'),
      events: numberOf(events.get(id) ?? {}, 'units'),
      contexts: numberOf(row, 'contexts'),
    };
    for (const removal of removals) removal.run(id);
    return erased;
  };
}

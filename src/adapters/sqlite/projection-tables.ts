import { canonicalJson } from '../../core/canonical-json.ts';
import { idOf, type ObjectId } from '../../core/change.ts';
import type { NotedPosition, StoredObject } from '../../ports/projection.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import type { Database } from './open-database.ts';
import { digestOf, digestOfPosition, EMPTY_CHECKSUM, toggled } from './row-checksum.ts';

/** Where a project stands, and the checksum of its objects alone. */
export interface Standing extends Required<NotedPosition> {
  readonly checksum: string;
}

export const NOWHERE: Standing = { revision: 0, hash: '', note: '', checksum: EMPTY_CHECKSUM };

/** What can be done to the tables. What changes objects is given their checksum and returns it as it is then. */
export interface ProjectionTables {
  put(project: string, stored: StoredObject, checksum: string): string;
  remove(project: string, id: ObjectId, checksum: string): string;
  /** Removes objects without a look at them, and says how many. */
  removeSome(project: string, count: number): number;
  standing(project: string): Standing | undefined;
  stand(project: string, standing: Standing): void;
  rows(project: string): Iterable<Row>;
  projects(): string[];
  /** Removes everything of a project, provided that it still stands there. */
  forget(project: string, standing: Standing): void;
}

/** What is kept as a checksum covers the position too: it is one more row of the set. */
export function projectionTables(database: Database): ProjectionTables {
  const where = 'WHERE project = ? AND kind = ? AND environment = ? AND key = ?';
  const selectOne = database.prepare(`SELECT kind, environment, key, version, body FROM objects ${where}`);
  const selectAll = database.prepare(
    'SELECT kind, environment, key, version, body FROM objects WHERE project = ?',
  );
  const upsert = database.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)');
  const deleteOne = database.prepare(`DELETE FROM objects ${where}`);
  const deleteAll = database.prepare('DELETE FROM objects WHERE project = ?');
  const deleteSome = database.prepare(
    'DELETE FROM objects WHERE rowid IN (SELECT rowid FROM objects WHERE project = ? LIMIT ?)',
  );
  const selectStanding = database.prepare(
    'SELECT revision, hash, note, checksum FROM projections WHERE project = ?',
  );
  const upsertStanding = database.prepare(
    'INSERT OR REPLACE INTO projections (project, revision, hash, note, checksum) VALUES (?, ?, ?, ?, ?)',
  );
  const deleteStanding = database.prepare('DELETE FROM projections WHERE project = ? AND checksum = ?');
  const selectProjects = database.prepare('SELECT project FROM projections ORDER BY project');

  function without(project: string, { kind, environment, key }: ObjectId, checksum: string): string {
    const row = selectOne.get(project, kind, environment, key);
    return row === undefined ? checksum : toggled(checksum, digestOf(row));
  }

  const sealed = (project: string, { checksum, ...at }: Standing) =>
    toggled(checksum, digestOfPosition(project, at));

  return {
    put(project, { object, version }, checksum) {
      const { kind, environment, key } = idOf(object);
      const body = canonicalJson(object);
      const rest = without(project, { kind, environment, key }, checksum);
      upsert.run(project, kind, environment, key, version, body);
      return toggled(rest, digestOf({ kind, environment, key, version, body }));
    },
    remove(project, id, checksum) {
      const rest = without(project, id, checksum);
      deleteOne.run(project, id.kind, id.environment, id.key);
      return rest;
    },
    removeSome: (project, count) => Number(deleteSome.run(project, count).changes),
    standing(project) {
      const row = selectStanding.get(project);
      if (row === undefined) return undefined;
      const at = {
        revision: numberOf(row, 'revision'),
        hash: textOf(row, 'hash'),
        note: textOf(row, 'note'),
      };
      return { ...at, checksum: toggled(textOf(row, 'checksum'), digestOfPosition(project, at)) };
    },
    stand(project, standing) {
      const { revision, hash, note } = standing;
      upsertStanding.run(project, revision, hash, note, sealed(project, standing));
    },
    rows: (project) => selectAll.iterate(project),
    projects: () => selectProjects.all().map((row) => textOf(row, 'project')),
    forget(project, standing) {
      if (deleteStanding.run(project, sealed(project, standing)).changes > 0) deleteAll.run(project);
    },
  };
}

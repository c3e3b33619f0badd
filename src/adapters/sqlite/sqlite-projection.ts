import { canonicalJson } from '../../core/canonical-json.ts';
import { idOf, type ObjectId } from '../../core/change.ts';
import { readObject } from '../../core/object-text.ts';
import type { Position, ProjectedState, Projection, StoredObject } from '../../ports/projection.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import { type Database, type OpenOptions, openDatabase, type Schema } from './open-database.ts';
import { digestOf, EMPTY_CHECKSUM, toggled } from './row-checksum.ts';
import { storeClosed } from './sqlite-errors.ts';

/** The projection's file, apart from the log's: whoever writes it keeps no change waiting, and it can be deleted. */
export const PROJECTION_SCHEMA: Schema = {
  file: 'projection.db',
  synchronous: 'NORMAL',
  migrations: [
    `CREATE TABLE projections (
      project TEXT NOT NULL PRIMARY KEY,
      revision INTEGER NOT NULL,
      hash TEXT NOT NULL,
      checksum TEXT NOT NULL
    ) STRICT;
    CREATE TABLE objects (
      project TEXT NOT NULL,
      kind TEXT NOT NULL,
      environment TEXT NOT NULL,
      key TEXT NOT NULL,
      version INTEGER NOT NULL,
      body TEXT NOT NULL,
      PRIMARY KEY (project, kind, environment, key)
    ) STRICT;`,
  ],
};

const NOWHERE: Standing = { revision: 0, hash: '', checksum: EMPTY_CHECKSUM };

/** What is done at a time before the event loop gets its turn. */
const TURN_ROWS = 200;

interface Standing extends Position {
  readonly checksum: string;
}

/** Opens the projection in a data directory, which is made if need be. Whoever opens it disposes of it. */
export async function openSqliteProjection(directory: string, options?: OpenOptions): Promise<Projection> {
  const database = await openDatabase(directory, PROJECTION_SCHEMA, options);
  const tables = tablesOf(database);

  // Work that takes many turns needs a transaction that the short operations stay out of.
  async function apart<T>(work: (connection: Database) => Promise<T>): Promise<T> {
    if (!database.isOpen) throw storeClosed();
    using connection = await openDatabase(directory, PROJECTION_SCHEMA, options);
    return await work(connection);
  }

  return {
    apply: (project, from, to, operations) =>
      database.write(() => {
        const at = tables.standing(project) ?? NOWHERE;
        if (at.revision !== from.revision || at.hash !== from.hash) return false;
        let checksum = at.checksum;
        for (const operation of operations) {
          checksum =
            operation.op === 'put'
              ? tables.put(project, { object: operation.object, version: to.revision }, checksum)
              : tables.remove(project, operation.id, checksum);
        }
        tables.stand(project, { ...to, checksum });
        return true;
      }),
    reset: (project, at, objects) =>
      apart((connection) =>
        connection.inTurns('BEGIN IMMEDIATE', () => resetSteps(connection, project, at, objects)),
      ),
    load: (project) =>
      apart((connection) => connection.inTurns('BEGIN', () => loadSteps(connection, project))),
    at: (project) =>
      database.read(() => {
        const standing = tables.standing(project);
        return standing && { revision: standing.revision, hash: standing.hash };
      }),
    projects: () => database.read(() => tables.projects()),
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]();
    },
  };
}

function* resetSteps(
  connection: Database,
  project: string,
  at: Position,
  objects: readonly StoredObject[],
): Generator<void, void> {
  const tables = tablesOf(connection);
  while (tables.removeSome(project, TURN_ROWS) > 0) yield;
  let checksum = EMPTY_CHECKSUM;
  for (const [index, stored] of objects.entries()) {
    checksum = tables.put(project, stored, checksum);
    if (index % TURN_ROWS === TURN_ROWS - 1) yield;
  }
  tables.stand(project, { revision: at.revision, hash: at.hash, checksum });
}

function* loadSteps(connection: Database, project: string): Generator<void, ProjectedState | undefined> {
  const tables = tablesOf(connection);
  const at = tables.standing(project);
  if (at === undefined) return undefined;
  const objects: StoredObject[] = [];
  let checksum = EMPTY_CHECKSUM;
  for (const row of tables.rows(project)) {
    const object = readObject(textOf(row, 'body'), textOf(row, 'kind'));
    if (object === undefined) return undefined;
    checksum = toggled(checksum, digestOf(row));
    objects.push({ object, version: numberOf(row, 'version') });
    if (objects.length % TURN_ROWS === 0) yield;
  }
  return checksum === at.checksum ? { revision: at.revision, hash: at.hash, objects } : undefined;
}

/** The statements, each keeping the checksum that it is given in step with what it does. */
function tablesOf(database: Database) {
  const where = 'WHERE project = ? AND kind = ? AND environment = ? AND key = ?';
  const selectOne = database.prepare(`SELECT kind, environment, key, version, body FROM objects ${where}`);
  const selectAll = database.prepare(
    'SELECT kind, environment, key, version, body FROM objects WHERE project = ?',
  );
  const upsert = database.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)');
  const deleteOne = database.prepare(`DELETE FROM objects ${where}`);
  const deleteSome = database.prepare(
    'DELETE FROM objects WHERE rowid IN (SELECT rowid FROM objects WHERE project = ? LIMIT ?)',
  );
  const selectStanding = database.prepare(
    'SELECT revision, hash, checksum FROM projections WHERE project = ?',
  );
  const upsertStanding = database.prepare('INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?)');
  const selectProjects = database.prepare('SELECT project FROM projections ORDER BY project');

  function without(project: string, { kind, environment, key }: ObjectId, checksum: string): string {
    const row = selectOne.get(project, kind, environment, key);
    return row === undefined ? checksum : toggled(checksum, digestOf(row));
  }

  return {
    put(project: string, { object, version }: StoredObject, checksum: string): string {
      const { kind, environment, key } = idOf(object);
      const body = canonicalJson(object);
      const rest = without(project, { kind, environment, key }, checksum);
      upsert.run(project, kind, environment, key, version, body);
      return toggled(rest, digestOf({ kind, environment, key, version, body }));
    },
    remove(project: string, id: ObjectId, checksum: string): string {
      const rest = without(project, id, checksum);
      deleteOne.run(project, id.kind, id.environment, id.key);
      return rest;
    },
    removeSome: (project: string, count: number) => Number(deleteSome.run(project, count).changes),
    standing(project: string): Standing | undefined {
      const row = selectStanding.get(project);
      if (row === undefined) return undefined;
      return {
        revision: numberOf(row, 'revision'),
        hash: textOf(row, 'hash'),
        checksum: textOf(row, 'checksum'),
      };
    },
    stand: (project: string, { revision, hash, checksum }: Standing) =>
      void upsertStanding.run(project, revision, hash, checksum),
    rows: (project: string): Iterable<Row> => selectAll.iterate(project),
    projects: () => selectProjects.all().map((row) => textOf(row, 'project')),
  };
}

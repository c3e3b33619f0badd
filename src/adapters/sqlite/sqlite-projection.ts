import { readObject } from '../../core/object-text.ts';
import type { NotedPosition, ProjectedState, Projection, StoredObject } from '../../ports/projection.ts';
import { numberOf, textOf } from './columns.ts';
import {
  type Database,
  type OpenOptions,
  openDatabase,
  removeDatabase,
  type Schema,
} from './open-database.ts';
import { NOWHERE, type ProjectionTables, projectionTables, type Standing } from './projection-tables.ts';
import { digestOf, EMPTY_CHECKSUM, toggled } from './row-checksum.ts';
import { isDamage, storeClosed } from './sqlite-errors.ts';

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
    // Checksums did not cover positions before.
    `DELETE FROM projections;
    DELETE FROM objects;
    ALTER TABLE projections ADD COLUMN note TEXT NOT NULL DEFAULT '';`,
  ],
};

/** What is done at a time before the event loop gets its turn. */
const TURN_ROWS = 200;

interface Opened {
  readonly database: Database;
  readonly tables: ProjectionTables;
}

/**
 * Opens the projection in a data directory, which is made if need be. Whoever opens it disposes of it. A file that is
 * damaged is thrown away: then there is no state, until there is one again.
 */
export async function openSqliteProjection(directory: string, options?: OpenOptions): Promise<Projection> {
  let opened = await openSound(directory, options);
  let renewing: Promise<void> | undefined;
  let isOpen = true;

  /** Closes the file that turned out to be damaged, and goes on with a new one. */
  async function renew(damaged: Opened): Promise<void> {
    if (opened !== damaged) return;
    damaged.database[Symbol.dispose]();
    removeDatabase(directory, PROJECTION_SCHEMA);
    opened = await openSound(directory, options);
    if (!isOpen) opened.database[Symbol.dispose]();
  }

  async function sound<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    await renewing;
    if (!isOpen) throw storeClosed();
    const current = opened;
    try {
      return await work(current);
    } catch (error) {
      if (!isDamage(error)) throw error;
      renewing ??= renew(current).finally(() => {
        renewing = undefined;
      });
      await renewing;
      return await work(opened);
    }
  }

  // Work that takes many turns needs a transaction that the short operations stay out of.
  function apart<T>(work: (connection: Database) => Promise<T>): Promise<T> {
    return sound(async () => {
      using connection = await openDatabase(directory, PROJECTION_SCHEMA, options);
      return await work(connection);
    });
  }

  return {
    apply: (project, from, to, operations) =>
      sound(({ database, tables }) =>
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
          tables.stand(project, { ...standingAt(to), checksum });
          return true;
        }),
      ),
    reset: (project, at, objects) =>
      apart((connection) =>
        connection.inTurns('BEGIN IMMEDIATE', () => resetSteps(connection, project, at, objects)),
      ),
    async load(project) {
      const found = await apart((connection) =>
        connection.inTurns('BEGIN', () => loadSteps(connection, project)),
      );
      if (found === undefined || 'objects' in found) return found;
      await sound(({ database, tables }) => database.write(() => tables.forget(project, found.damaged)));
      return undefined;
    },
    at: (project) =>
      sound(({ database, tables }) =>
        database.read(() => {
          const standing = tables.standing(project);
          return standing && { revision: standing.revision, hash: standing.hash };
        }),
      ),
    projects: () => sound(({ database, tables }) => database.read(() => tables.projects())),
    async [Symbol.asyncDispose]() {
      isOpen = false;
      opened.database[Symbol.dispose]();
    },
  };
}

/** Opens the file, or makes a new one if it cannot be used. */
async function openSound(directory: string, options: OpenOptions | undefined): Promise<Opened> {
  const open = async (): Promise<Opened> => {
    const database = await openDatabase(directory, PROJECTION_SCHEMA, options);
    return { database, tables: await database.read(() => projectionTables(database)) };
  };
  try {
    return await open();
  } catch (error) {
    if (!isDamage(error)) throw error;
    removeDatabase(directory, PROJECTION_SCHEMA);
    return await open();
  }
}

function standingAt({ revision, hash, note = '' }: NotedPosition): Omit<Standing, 'checksum'> {
  return { revision, hash, note };
}

function* resetSteps(
  connection: Database,
  project: string,
  at: NotedPosition,
  objects: readonly StoredObject[],
): Generator<void, void> {
  const tables = projectionTables(connection);
  while (tables.removeSome(project, TURN_ROWS) > 0) yield;
  let checksum = EMPTY_CHECKSUM;
  for (const [index, stored] of objects.entries()) {
    checksum = tables.put(project, stored, checksum);
    if (index % TURN_ROWS === TURN_ROWS - 1) yield;
  }
  tables.stand(project, { ...standingAt(at), checksum });
}

function* loadSteps(
  connection: Database,
  project: string,
): Generator<void, ProjectedState | { readonly damaged: Standing } | undefined> {
  const tables = projectionTables(connection);
  const at = tables.standing(project);
  if (at === undefined) return undefined;
  const objects: StoredObject[] = [];
  let checksum = EMPTY_CHECKSUM;
  for (const row of tables.rows(project)) {
    const object = readObject(textOf(row, 'body'), textOf(row, 'kind'));
    if (object === undefined) return { damaged: at };
    checksum = toggled(checksum, digestOf(row));
    objects.push({ object, version: numberOf(row, 'version') });
    if (objects.length % TURN_ROWS === 0) yield;
  }
  if (checksum !== at.checksum) return { damaged: at };
  const { revision, hash, note } = at;
  return { revision, hash, objects, ...(note !== '' && { note }) };
}

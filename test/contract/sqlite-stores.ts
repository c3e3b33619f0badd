import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteExposureStore } from '../../src/adapters/sqlite/exposure-store.ts';
import { openExposureTables } from '../../src/adapters/sqlite/exposure-tables.ts';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection, PROJECTION_SCHEMA } from '../../src/adapters/sqlite/sqlite-projection.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { Store } from './contract.ts';
import type { ProjectionStore } from './projection.ts';

/** A directory that is gone once disposed. */
export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'vexil-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A log in a SQLite file of its own. */
export async function createSqliteLogStore(): Promise<Store<ChangeLog>> {
  const directory = await temporaryDirectory();
  return {
    open: () => openSqliteChangeLog(directory.path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** A projection in a SQLite file of its own. */
export async function createSqliteProjectionStore(): Promise<ProjectionStore> {
  const directory = await temporaryDirectory();
  return {
    open: () => openSqliteProjection(directory.path),
    async damage(project) {
      using raw = new DatabaseSync(join(directory.path, PROJECTION_SCHEMA.file));
      raw
        .prepare(
          'UPDATE objects SET version = version + 1 WHERE rowid = (SELECT MIN(rowid) FROM objects WHERE project = ?)',
        )
        .run(project);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** A store of exposures in a SQLite file of its own, on the event loop of the test. */
export async function createExposureTablesStore(): Promise<Store<ExposureStore>> {
  const directory = await temporaryDirectory();
  return {
    open: () => openExposureTables(directory.path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** The same with threads of its own, as the service has it. */
export async function createSqliteExposureStore(): Promise<Store<ExposureStore>> {
  const directory = await temporaryDirectory();
  return {
    open: () => openSqliteExposureStore(directory.path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

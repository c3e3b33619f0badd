import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createMongoChangeLog } from '../adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../adapters/mongo/open-mongo.ts';
import { CHANGE_LOG_SCHEMA, openSqliteChangeLog } from '../adapters/sqlite/sqlite-change-log.ts';
import {
  type Comparison,
  compareHistory,
  copyHistory,
  type MigrationOptions,
  proveCopy,
  type ReadableLog,
} from '../app/migrate-history.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';

/** Where histories are kept. */
export type Place =
  | { readonly kind: 'data-dir'; readonly path: string }
  | { readonly kind: 'mongodb'; readonly uri: string; readonly database: string };

export interface MigrateOptions extends MigrationOptions {
  readonly from: Place;
  readonly to: Place;
  /** Absent: every project, and the instance's own log with its keys. */
  readonly project?: string;
  /** Check everything, copy nothing. */
  readonly dryRun: boolean;
}

/** What has become of one project. */
export interface Migrated extends Comparison {
  /** How many it leads to, counted in both places. Absent after a dry run. */
  readonly objects?: number;
}

/**
 * Copies histories as they are, byte by byte, and then reads both places again to see that they are the same. A data
 * directory is closed to everybody else meanwhile. Everything is checked before anything is copied; what was
 * interrupted is gone on with by the next call. Rejects with `failed_precondition` or `conflict` and says why.
 */
export async function migrate(options: MigrateOptions): Promise<readonly Migrated[]> {
  await using from = await openSource(options.from);
  await using to = await openTarget(options.to, options.dryRun);
  const keys = await projectsIn(from, options);
  const comparisons: Comparison[] = [];
  for (const key of keys) comparisons.push(await compareHistory(from, to ?? NOWHERE, key, options));
  if (to === undefined || options.dryRun) return comparisons;
  for (const comparison of comparisons) await copyHistory(from, to, comparison, options);
  const migrated: Migrated[] = [];
  for (const comparison of comparisons)
    migrated.push({ ...comparison, ...(await proveCopy(from, to, comparison, options)) });
  if (String(await projectsIn(from, options)) !== String(keys))
    throw new FlagError('conflict', 'a project was made meanwhile: stop every server first, then go on');
  return migrated;
}

/** A place that is not there yet. */
const NOWHERE: ReadableLog = { head: async () => undefined, read: async () => [] };

async function projectsIn(from: ChangeLog, { project }: MigrateOptions): Promise<string[]> {
  const all = (await from.heads()).map((head) => head.project);
  const keys = project === undefined ? all : all.filter((key) => key === project);
  if (keys.length > 0) return keys;
  const what = project === undefined ? 'anything' : `a history of project ${project}`;
  throw new FlagError('not_found', `there is not ${what} where it is to come from`);
}

async function openSource(place: Place): Promise<ChangeLog> {
  if (place.kind === 'data-dir' && !hasLog(place.path))
    throw new FlagError('not_found', `there is no ${CHANGE_LOG_SCHEMA.file} in ${place.path}`);
  return await openLog(place);
}

/** Undefined: it would have to be made, and is not to be. */
async function openTarget(place: Place, dryRun: boolean): Promise<ChangeLog | undefined> {
  if (dryRun && place.kind === 'data-dir' && !hasLog(place.path)) return undefined;
  return await openLog(place);
}

function hasLog(directory: string): boolean {
  return existsSync(join(directory, CHANGE_LOG_SCHEMA.file));
}

async function openLog(place: Place): Promise<ChangeLog> {
  if (place.kind === 'data-dir') return await openAlone(place.path);
  const mongo = openMongo({ uri: place.uri, database: place.database, appName: 'vexil-migrate' });
  const log = createMongoChangeLog(mongo);
  return {
    ...log,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
    },
  };
}

async function openAlone(path: string): Promise<ChangeLog> {
  try {
    return await openSqliteChangeLog(path, { exclusive: true, busyPatienceMs: 500 });
  } catch (error) {
    if (!(error instanceof FlagError) || error.details.reason !== 'STORE_BUSY') throw error;
    throw new FlagError('failed_precondition', `${path} is in use: stop the server that runs on it first`);
  }
}

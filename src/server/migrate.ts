import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agreeOnSecret } from '../adapters/mongo/agreed-secret.ts';
import { createMongoChangeLog } from '../adapters/mongo/mongo-change-log.ts';
import { type Mongo, openMongo } from '../adapters/mongo/open-mongo.ts';
import { lockDirectory } from '../adapters/sqlite/directory-lock.ts';
import { CHANGE_LOG_SCHEMA, openSqliteChangeLog } from '../adapters/sqlite/sqlite-change-log.ts';
import {
  type Comparison,
  compareHistory,
  copyHistory,
  type MigrationOptions,
  proveCopy,
  type ReadableLog,
} from '../app/migrate-history.ts';
import { FlagError, invalid, type Violation } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import { addSecretsFromFiles } from './secret-file.ts';

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
  /** Where VEXIL_KEY_PEPPER or VEXIL_KEY_PEPPER_FILE may be. */
  readonly env: Readonly<Record<string, string | undefined>>;
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
 *
 * Keys are hashed with a pepper, which is not copied: a database that knows servers with another one is refused when
 * everything is to go there.
 */
export async function migrate(options: MigrateOptions): Promise<readonly Migrated[]> {
  await using from = await openSource(options.from);
  await using to = await openTarget(options.to, options.dryRun);
  const keys = await projectsIn(from, options);
  const comparisons: Comparison[] = [];
  for (const key of keys) comparisons.push(await compareHistory(from, to ?? NOWHERE, key, options));
  if (to === undefined || options.dryRun) return comparisons;
  if (options.project === undefined) await to.expectPepper(options);
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

/** A log, and what keys are bound to where it is. */
interface Store extends ChangeLog {
  /** Rejects with `failed_precondition` if the keys that are to come would not be valid. */
  expectPepper(options: MigrateOptions): Promise<void>;
}

async function openSource(place: Place): Promise<Store> {
  if (place.kind === 'data-dir' && !hasLog(place.path))
    throw new FlagError('not_found', `there is no ${CHANGE_LOG_SCHEMA.file} in ${place.path}`);
  return await openLog(place);
}

/** Undefined: it would have to be made, and is not to be. */
async function openTarget(place: Place, dryRun: boolean): Promise<Store | undefined> {
  if (dryRun && place.kind === 'data-dir' && !hasLog(place.path)) return undefined;
  return await openLog(place);
}

function hasLog(directory: string): boolean {
  return existsSync(join(directory, CHANGE_LOG_SCHEMA.file));
}

async function openLog(place: Place): Promise<Store> {
  // Whoever serves from a directory says which pepper is used there.
  if (place.kind === 'data-dir') return { ...(await openAlone(place.path)), expectPepper: async () => {} };
  const mongo = openMongo({ uri: place.uri, database: place.database, appName: 'vexil-migrate' });
  const log = createMongoChangeLog(mongo);
  return {
    ...log,
    expectPepper: (options) => agreeOnPepper(mongo, pepperOf(options)),
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
    },
  };
}

async function agreeOnPepper(mongo: Mongo, pepper: string): Promise<void> {
  try {
    await agreeOnSecret(mongo, 'pepper', pepper);
  } catch (error) {
    if (!(error instanceof FlagError) || error.details.reason !== 'SECRET_DIFFERS') throw error;
    const message = 'servers on that database have another VEXIL_KEY_PEPPER: no key would be valid there';
    throw new FlagError('failed_precondition', message);
  }
}

/** The one that a server on the data directory has: what it is given, or else what it keeps there. */
function pepperOf({ env, from }: MigrateOptions): string {
  const violations: Violation[] = [];
  const variables = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith('VEXIL_KEY_PEPPER') && value ? [[name, value]] : [],
  );
  const given = addSecretsFromFiles(Object.fromEntries(variables), ['VEXIL_KEY_PEPPER'], violations);
  if (violations.length > 0) throw invalid(violations);
  const file = from.kind === 'data-dir' ? join(from.path, 'pepper') : '';
  const pepper = given.VEXIL_KEY_PEPPER ?? (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);
  if (pepper !== undefined) return pepper;
  const message = `there is no ${file}: give the VEXIL_KEY_PEPPER of before, or no key would be valid there`;
  throw new FlagError('failed_precondition', message);
}

/** Out of the way of servers, and of whoever else has the log open. */
async function openAlone(path: string): Promise<ChangeLog> {
  const lock = await lockDirectory(path, { as: 'vexil migrate' });
  try {
    const log = await openSqliteChangeLog(path, { exclusive: true, busyPatienceMs: 500 });
    return {
      ...log,
      async [Symbol.asyncDispose]() {
        await log[Symbol.asyncDispose]();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    if (!(error instanceof FlagError) || error.details.reason !== 'STORE_BUSY') throw error;
    const message = `${CHANGE_LOG_SCHEMA.file} in ${path} is in use by another process: stop that first`;
    throw new FlagError('failed_precondition', message);
  }
}

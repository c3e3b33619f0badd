import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { FlagError } from '../../core/errors.ts';
import { isBusy, storeClosed, translated } from './sqlite-errors.ts';

/** How often a lock that another process holds is tried again; the event loop runs in between. */
const BUSY_PAUSE_MS = 10;
const DEFAULT_BUSY_PATIENCE_MS = 5_000;

/** A database file's name and make. The file's `user_version` counts the migrations that it has had. */
export interface Schema {
  readonly file: string;
  /** FULL: a commit survives a loss of power. NORMAL: it may be undone by one, never torn. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** SQL, oldest first. Only ever added to. */
  readonly migrations: readonly string[];
}

export interface OpenOptions {
  /** How long an operation waits for another process's lock before it is `unavailable`. Default: 5 s. */
  readonly busyPatienceMs?: number;
  /** Keeps everybody else out for as long as it is open, and rejects as busy while somebody is in. Default: false. */
  readonly exclusive?: boolean;
}

/**
 * Opens a database file in a directory, making either if need be, for this user only. Any number of processes may
 * have it open. Rejects with `failed_precondition` if a newer version of this program has written it.
 */
export async function openDatabase(
  directory: string,
  schema: Schema,
  options: OpenOptions = {},
): Promise<Database> {
  const raw = openFile(directory, schema.file);
  const database = new Database(raw, options.busyPatienceMs ?? DEFAULT_BUSY_PATIENCE_MS);
  try {
    await database.read(() => {
      if (options.exclusive === true) raw.exec('PRAGMA locking_mode = EXCLUSIVE');
      raw.exec('PRAGMA journal_mode = WAL');
      raw.exec(`PRAGMA synchronous = ${schema.synchronous}`);
    });
    await migrate(database, schema);
    return database;
  } catch (error) {
    database[Symbol.dispose]();
    throw error;
  }
}

/** Removes the file and what belongs to it. Whoever has it open goes on with what nobody else sees any more. */
export function removeDatabase(directory: string, { file }: Schema): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, file + suffix), { force: true });
}

function openFile(directory: string, file: string): DatabaseSync {
  const path = join(directory, file);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw new FlagError('unavailable', `cannot open ${path}`, { reason: 'STORE_FAILED', cause: error });
  }
}

async function migrate(database: Database, schema: Schema): Promise<void> {
  const known = schema.migrations.length;
  const version = () => Number(database.prepare('PRAGMA user_version').get()?.user_version);
  const found = await database.read(version);
  if (found > known) throw tooNew(schema.file, found, known);
  if (found === known) return;
  await database.write(() => {
    for (const migration of schema.migrations.slice(version())) database.execute(migration);
    database.execute(`PRAGMA user_version = ${known}`);
  });
}

function tooNew(file: string, found: number, known: number): FlagError {
  const message = `${file} has schema version ${found}, and this program knows ${known} at most: use a newer one`;
  return new FlagError('failed_precondition', message, { reason: 'SCHEMA_TOO_NEW' });
}

/**
 * A connection. What SQLite throws leaves it as a `FlagError`; a lock that somebody else holds is waited for; once
 * disposed everything rejects with `unavailable`.
 */
export class Database implements Disposable {
  readonly #raw: DatabaseSync;
  readonly #busyPatienceMs: number;

  constructor(raw: DatabaseSync, busyPatienceMs: number) {
    this.#raw = raw;
    this.#busyPatienceMs = busyPatienceMs;
  }

  get isOpen(): boolean {
    return this.#raw.isOpen;
  }

  prepare(sql: string): StatementSync {
    return this.#raw.prepare(sql);
  }

  execute(sql: string): void {
    this.#raw.exec(sql);
  }

  /** Runs one or more queries, each of which sees the data as it is at that moment. */
  async read<T>(work: () => T): Promise<T> {
    const patientUntil = performance.now() + this.#busyPatienceMs;
    for (;;) {
      if (!this.#raw.isOpen) throw storeClosed();
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() >= patientUntil) throw translated(error);
      }
      await delay(BUSY_PAUSE_MS);
    }
  }

  /** Runs `work` as one transaction that nobody else writes in. What `work` throws undoes it. */
  write<T>(work: () => T): Promise<T> {
    return this.read(() => {
      this.#raw.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#raw.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#raw.isTransaction) this.#raw.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /**
   * Runs `steps` as one transaction, letting the event loop go on at each `yield`. Only for a connection that
   * nothing else uses.
   */
  async inTurns<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', steps: () => Generator<void, T>): Promise<T> {
    await this.read(() => this.#raw.exec(begin));
    try {
      const running = steps();
      for (let step = running.next(); ; step = running.next()) {
        if (step.done) {
          this.#raw.exec('COMMIT');
          return step.value;
        }
        await nextTurn();
      }
    } catch (error) {
      if (this.#raw.isTransaction) this.#raw.exec('ROLLBACK');
      throw translated(error);
    }
  }

  [Symbol.dispose](): void {
    if (this.#raw.isOpen) this.#raw.close();
  }
}

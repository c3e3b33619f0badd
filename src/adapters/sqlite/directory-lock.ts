import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FlagError } from '../../core/errors.ts';
import { Database } from './open-database.ts';

/** An empty database that is only ever locked: the system takes the lock back when its process ends, however it does. */
const LOCK_FILE = 'instance.lock';
/** Who has the lock, for people: true only while somebody has it. */
const HOLDER_FILE = 'instance.pid';

export interface LockOptions {
  /** What this process is doing there, such as `vexil serve`. */
  readonly as: string;
  /** How long to wait for somebody who is just leaving. Default: 500 ms. */
  readonly patienceMs?: number;
}

/**
 * Keeps a data directory, which is made if need be, for this process until it disposes of the lock or is gone. Rejects
 * with `failed_precondition`, naming the other, if another one has it.
 */
export async function lockDirectory(directory: string, options: LockOptions): Promise<Disposable> {
  const raw = openFile(directory);
  const database = new Database(raw, options.patienceMs ?? 500);
  try {
    await database.read(() => raw.exec('BEGIN EXCLUSIVE'));
  } catch (error) {
    database[Symbol.dispose]();
    if (!(error instanceof FlagError) || error.details.reason !== 'STORE_BUSY') throw error;
    const message = `${directory} is in use by ${holderOf(directory)}: stop that first, or use another directory`;
    throw new FlagError('failed_precondition', message);
  }
  const holder = join(directory, HOLDER_FILE);
  note(holder, `${process.pid} (${options.as} on ${hostname()})\n`);
  return {
    [Symbol.dispose]() {
      if (!database.isOpen) return;
      rmSync(holder, { force: true });
      database[Symbol.dispose]();
    },
  };
}

function openFile(directory: string): DatabaseSync {
  const path = join(directory, LOCK_FILE);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    create(path);
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw new FlagError('unavailable', `cannot open ${path}`, { reason: 'STORE_FAILED', cause: error });
  }
}

/** A file that is there is not opened: closing it would release every lock that this process has on it. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function note(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch {
    // On a full disk there is a lock all the same, and nobody's name beside it.
  }
}

function holderOf(directory: string): string {
  try {
    const text = readFileSync(join(directory, HOLDER_FILE), 'utf8').trim();
    return text === '' ? 'another process' : `process ${text}`;
  } catch {
    return 'another process';
  }
}

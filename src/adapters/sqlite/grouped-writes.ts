import { FlagError } from '../../core/errors.ts';
import type { Database } from './open-database.ts';
import { storeClosed } from './sqlite-errors.ts';

interface Waiting {
  run(): void;
  settle(failure?: unknown): void;
}

/**
 * Writes of one turn of the event loop, committed together: what waits for the disk is done once for all. Each resolves
 * once it is durable. A piece of work that throws a `FlagError` must not have changed anything: it alone rejects. Whatever
 * else goes wrong undoes all of the turn.
 */
export class GroupedWrites implements AsyncDisposable {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #isOpen = true;

  constructor(database: Database) {
    this.#database = database;
  }

  write<T>(work: () => T): Promise<T> {
    if (!this.#isOpen) return Promise.reject(storeClosed());
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let result: { readonly value: T } | { readonly error: FlagError } | undefined;
    this.#waiting.push({
      run() {
        result = outcomeOf(work);
      },
      settle(failure) {
        if (failure !== undefined || result === undefined) reject(failure);
        else if ('error' in result) reject(result.error);
        else resolve(result.value);
      },
    });
    this.#running ??= this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    await new Promise((resume) => setImmediate(resume));
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(group);
    }
    this.#running = undefined;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#database.write(() => {
        for (const { run } of group) run();
      });
      for (const { settle } of group) settle();
    } catch (error) {
      for (const { settle } of group) settle(error ?? storeClosed());
    }
  }

  /** Resolves when all that was begun is committed, or has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    await this.#running;
  }
}

function outcomeOf<T>(work: () => T): { readonly value: T } | { readonly error: FlagError } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof FlagError) return { error };
    throw error;
  }
}

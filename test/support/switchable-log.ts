import { FlagError } from '../../src/core/errors.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';

/** A log that can be taken away from whoever uses it, and replaced by another. */
export interface SwitchableLog {
  readonly log: ChangeLog;
  /** Everything is refused from now on. */
  off(): void;
  /** Nothing is answered from now on, until `on`. */
  hang(): void;
  on(): void;
  /** From now on it is that one. */
  become(other: ChangeLog): void;
  /** How often it was asked for each operation. */
  readonly asked: Readonly<Record<string, number>>;
}

/** Disposing of its `log` disposes of the first one. */
export function switchableLog(first: ChangeLog): SwitchableLog {
  let current = first;
  let state: 'on' | 'off' | 'hanging' = 'on';
  let back = Promise.withResolvers<void>();
  const asked: Record<string, number> = {};
  async function call<T>(name: string, work: (log: ChangeLog) => Promise<T>): Promise<T> {
    asked[name] = (asked[name] ?? 0) + 1;
    if (state === 'hanging') await back.promise;
    if (state === 'off')
      throw new FlagError('unavailable', 'the log cannot be reached', {
        reason: 'STORE_UNREACHABLE',
        retryAfterMs: 1_000,
      });
    return await work(current);
  }
  return {
    asked,
    log: {
      append: (change) => call('append', (log) => log.append(change)),
      head: (project) => call('head', (log) => log.head(project)),
      heads: () => call('heads', (log) => log.heads()),
      read: (...args) => call('read', (log) => log.read(...args)),
      readBack: (...args) => call('readBack', (log) => log.readBack(...args)),
      byIdempotencyKey: (...args) => call('byIdempotencyKey', (log) => log.byIdempotencyKey(...args)),
      revisionAt: (...args) => call('revisionAt', (log) => log.revisionAt(...args)),
      [Symbol.asyncDispose]: () => first[Symbol.asyncDispose](),
    },
    off() {
      state = 'off';
    },
    hang() {
      state = 'hanging';
    },
    on() {
      state = 'on';
      back.resolve();
      back = Promise.withResolvers();
    },
    become(other) {
      current = other;
    },
  };
}

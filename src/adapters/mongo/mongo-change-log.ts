import type { Change } from '../../core/change.ts';
import { damaged } from '../../core/change-text.ts';
import type { ChangeLog } from '../../ports/change-log.ts';
import { openChangeCollection } from './change-collection.ts';
import type { Mongo } from './open-mongo.ts';
import { appendSurely } from './sure-append.ts';

export interface MongoLogOptions {
  /** How long an append that was cut off is tried again before its outcome is given up as unknown. Default: 10 s. */
  readonly appendPatienceMs?: number;
}

const DEFAULT_APPEND_PATIENCE_MS = 10_000;

/**
 * The log, in the collection `changes`. Makes the indexes that its promises rest on before it first appends. Whoever
 * opened `mongo` disposes of it, after this.
 */
export function createMongoChangeLog(mongo: Mongo, options: MongoLogOptions = {}): ChangeLog {
  const appendPatienceMs = options.appendPatienceMs ?? DEFAULT_APPEND_PATIENCE_MS;
  const changes = openChangeCollection(mongo);
  let indexing: Promise<void> | undefined;

  async function indexed(): Promise<void> {
    indexing ??= changes.makeIndexes();
    try {
      await indexing;
    } catch (error) {
      indexing = undefined;
      throw error;
    }
  }

  return {
    async append(change) {
      await indexed();
      return await appendSurely(changes, change, appendPatienceMs);
    },
    head: (project) => changes.head({ project, revision: { $gte: 0 } }),
    heads: () => changes.heads(),
    async read(project, after, limit) {
      const found = await changes.page({ project, revision: { $gt: after } }, 1, limit);
      const gap = found.findIndex((change, index) => change.revision !== after + 1 + index);
      if (gap !== -1) throw damaged(project, after + 1 + gap);
      return found;
    },
    async readBack(project, before, limit) {
      const found: Change[] = [];
      for (let last = before; found.length < limit; last = found.at(-1)?.revision ?? 0) {
        const next = await changes.page({ project, revision: { $lt: last } }, -1, limit - found.length);
        if (next.length === 0) break;
        found.push(...next);
      }
      return found;
    },
    byIdempotencyKey: (project, key) => changes.byIdempotencyKey(project, key),
    revisionAt: (project, time) => changes.revisionAt(project, time),
    now: () => changes.now(),
    async [Symbol.asyncDispose]() {
      changes.close();
    },
  };
}

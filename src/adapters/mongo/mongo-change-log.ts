import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Collection, Filter, FindOptions } from 'mongodb';
import type { Change, Head } from '../../core/change.ts';
import { damaged } from '../../core/change-text.ts';
import type { AppendResult, ChangeLog } from '../../ports/change-log.ts';
import { isDuplicate, isUncertain, outcomeUnknown, storeClosed } from './mongo-errors.ts';
import { firstBatch, type Mongo } from './open-mongo.ts';
import { type ChangeDocument, changeOf, documentOf, headOf } from './stored-change.ts';

export interface MongoLogOptions {
  /** How long an append that was cut off is tried again before its outcome is given up as unknown. Default: 10 s. */
  readonly appendPatienceMs?: number;
}

const DEFAULT_APPEND_PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Changes that are read at once: these many at most, and no more than what the server sends at first, 16 MiB. */
const PAGE = 1_000;
/** What is parsed at a time before the event loop gets its turn. */
const TURN_CHARACTERS = 1_000_000;

const HEADS = [
  // From project to project by the index: the number of changes does not matter.
  { $sort: { project: 1, revision: -1 } },
  {
    $group: {
      _id: '$project',
      project: { $first: '$project' },
      revision: { $first: '$revision' },
      hash: { $first: '$hash' },
    },
  },
  { $sort: { _id: 1 } },
];

/**
 * The log, in the collection `changes`. Makes the indexes that its promises rest on before it first appends. Whoever
 * opened `mongo` disposes of it, after this.
 */
export function createMongoChangeLog(mongo: Mongo, options: MongoLogOptions = {}): ChangeLog {
  const changes = mongo.db.collection<ChangeDocument>('changes');
  const appendPatienceMs = options.appendPatienceMs ?? DEFAULT_APPEND_PATIENCE_MS;
  let indexing: Promise<unknown> | undefined;
  let isOpen = true;

  const run: Mongo['run'] = async (work) => {
    if (!isOpen) throw storeClosed();
    return await mongo.run(work);
  };

  async function indexed(): Promise<void> {
    indexing ??= run(() => makeIndexes(changes));
    try {
      await indexing;
    } catch (error) {
      indexing = undefined;
      throw error;
    }
  }

  const find = (filter: Filter<ChangeDocument>, wanted: FindOptions) =>
    run((reading) => firstBatch(changes.find(filter, { ...wanted, ...reading })));

  async function headAt(filter: Filter<ChangeDocument>): Promise<Head | undefined> {
    const projection = { project: 1, revision: 1, hash: 1 };
    const [found] = await find(filter, { projection, sort: { revision: -1 }, limit: 1 });
    return found && headOf(found);
  }

  async function byIdempotencyKey(project: string, idempotencyKey: string): Promise<Change | undefined> {
    if (!idempotencyKey.isWellFormed()) return undefined;
    const [found] = await find({ project, idempotencyKey }, { limit: 1 });
    return found && changeOf(found);
  }

  async function follows({ project, revision, previousHash }: Change): Promise<boolean> {
    if (revision <= 1) return revision === 1 && previousHash === '';
    return (await headAt({ project, revision: revision - 1 }))?.hash === previousHash;
  }

  async function earlier(change: Change): Promise<AppendResult | undefined> {
    const found = await byIdempotencyKey(change.project, change.idempotencyKey);
    return found && { kind: 'already_done', change: found };
  }

  /** Inserts, or says who was faster; undefined if whoever that was is gone again. */
  async function insert(change: Change, document: ChangeDocument): Promise<AppendResult | undefined> {
    try {
      await run(() => changes.insertOne({ ...document }));
      return { kind: 'appended' };
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const { project, revision } = change;
    const done = await earlier(change);
    if (done !== undefined) return done;
    return (await headAt({ project, revision })) && { kind: 'slot_taken' };
  }

  /** What was cut off is inserted again, into the same slot: then it is seen who holds it. */
  async function insertSurely(change: Change, document: ChangeDocument): Promise<AppendResult> {
    const giveUpAt = performance.now() + appendPatienceMs;
    let cutOff: unknown;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        const result = await insert(change, document);
        if (result !== undefined) return result;
      } catch (error) {
        if (!isUncertain(error) && cutOff === undefined) throw error;
        cutOff = error;
      }
      if (!isOpen || performance.now() + pauseMs > giveUpAt)
        throw outcomeUnknown(change.project, change.revision, cutOff);
      await delay(pauseMs);
    }
  }

  async function page(filter: Filter<ChangeDocument>, direction: 1 | -1, limit: number) {
    const projection = { format: 1, project: 1, revision: 1, body: 1 };
    const size = Math.min(limit, PAGE);
    return await parsed(
      await find(filter, { projection, sort: { revision: direction }, limit: size, batchSize: size }),
    );
  }

  return {
    async append(change) {
      const document = documentOf(change);
      await indexed();
      if (!(await follows(change))) return (await earlier(change)) ?? { kind: 'slot_taken' };
      return await insertSurely(change, document);
    },
    head: (project) => headAt({ project }),
    async heads() {
      const found = await run((reading) =>
        changes.aggregate<ChangeDocument>(HEADS, { ...reading, batchSize: 1_000_000 }).toArray(),
      );
      return found.map(headOf);
    },
    async read(project, after, limit) {
      const found = await page({ project, revision: { $gt: after } }, 1, limit);
      const gap = found.findIndex((change, index) => change.revision !== after + 1 + index);
      if (gap !== -1) throw damaged(project, after + 1 + gap);
      return found;
    },
    async readBack(project, before, limit) {
      const found: Change[] = [];
      for (let last = before; found.length < limit; last = found.at(-1)?.revision ?? 0) {
        const next = await page({ project, revision: { $lt: last } }, -1, limit - found.length);
        if (next.length === 0) break;
        found.push(...next);
      }
      return found;
    },
    byIdempotencyKey,
    async revisionAt(project, time) {
      const sort = { time: -1, revision: -1 } as const;
      const [found] = await find({ project, time: { $lte: time } }, { sort, limit: 1 });
      return Number(found?.revision ?? 0);
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
    },
  };
}

/** Idempotent, and any number of replicas may do it at once. */
async function makeIndexes(changes: Collection<ChangeDocument>): Promise<void> {
  // Text compares as UTF-8 bytes: case-sensitively, and in code point order.
  const collation = { locale: 'simple' };
  await changes.createIndexes([
    { key: { project: 1, revision: -1 }, name: 'slots', unique: true, collation },
    { key: { project: 1, idempotencyKey: 1 }, name: 'idempotency_keys', unique: true, collation },
    { key: { project: 1, time: -1, revision: -1 }, name: 'times', collation },
  ]);
}

async function parsed(documents: readonly ChangeDocument[]): Promise<Change[]> {
  const changes: Change[] = [];
  let characters = 0;
  for (const document of documents) {
    changes.push(changeOf(document));
    characters += document.body.length;
    if (characters < TURN_CHARACTERS) continue;
    characters = 0;
    await nextTurn();
  }
  return changes;
}

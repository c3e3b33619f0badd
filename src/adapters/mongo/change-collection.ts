import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Collection, type Filter, type FindOptions, Long } from 'mongodb';
import type { Change, Head } from '../../core/change.ts';
import { storeClosed } from './mongo-errors.ts';
import { firstBatch, type Mongo } from './open-mongo.ts';
import { type ChangeDocument, changeOf, headOf } from './stored-change.ts';

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

/** The collection of all changes of all projects. Everything rejects with `unavailable` once it is closed. */
export interface ChangeCollection {
  /** Rejects with the driver's own error if the slot or the idempotency key is taken: see `isDuplicate`. */
  insert(document: ChangeDocument): Promise<void>;
  /** The newest of those that match, or undefined. */
  head(filter: Filter<ChangeDocument>): Promise<Head | undefined>;
  heads(): Promise<Head[]>;
  byIdempotencyKey(project: string, idempotencyKey: string): Promise<Change | undefined>;
  /** By revision, upwards or downwards: at most `limit`, perhaps fewer, none exactly when none matches. */
  page(filter: Filter<ChangeDocument>, direction: 1 | -1, limit: number): Promise<Change[]>;
  revisionAt(project: string, time: string): Promise<number>;
  /** The server's clock. */
  now(): Promise<number>;
  makeIndexes(): Promise<void>;
  readonly isOpen: boolean;
  close(): void;
}

export function openChangeCollection(mongo: Mongo): ChangeCollection {
  const changes = mongo.db.collection<ChangeDocument>('changes');
  let isOpen = true;

  const run: Mongo['run'] = async (work) => {
    if (!isOpen) throw storeClosed();
    return await mongo.run(work);
  };
  const find = (filter: Filter<ChangeDocument>, wanted: FindOptions) =>
    run((reading) => firstBatch(changes.find(filter, { ...wanted, ...reading })));

  /** Somebody may have written something else by hand: what is no number comes after all numbers. */
  async function soundHead(document: ChangeDocument): Promise<Head> {
    const { project } = document;
    const filter = { project, revision: { $gte: 0 } };
    const [newest] = isNumber(document.revision)
      ? [document]
      : await find(filter, { projection: { revision: 1, hash: 1 }, sort: { revision: -1 }, limit: 1 });
    const hash = typeof newest?.hash === 'string' ? newest.hash : '';
    return { project, revision: Number(newest?.revision ?? 0), hash };
  }

  return {
    insert: async (document) => void (await run(() => changes.insertOne({ ...document }))),
    async head(filter) {
      const projection = { project: 1, revision: 1, hash: 1 };
      const [found] = await find(filter, { projection, sort: { revision: -1 }, limit: 1 });
      return found && headOf(found);
    },
    async heads() {
      const options = { batchSize: 1_000_000 };
      const found = await run((reading) =>
        changes.aggregate<ChangeDocument>(HEADS, { ...reading, ...options }).toArray(),
      );
      const heads = found.filter(({ project }) => typeof project === 'string');
      return await Promise.all(heads.map((document) => soundHead(document)));
    },
    async byIdempotencyKey(project, idempotencyKey) {
      if (!idempotencyKey.isWellFormed()) return undefined;
      const [found] = await find({ project, idempotencyKey }, { limit: 1 });
      return found && changeOf(found);
    },
    async page(filter, direction, limit) {
      const projection = { format: 1, project: 1, revision: 1, hash: 1, body: 1 };
      const size = Math.min(limit, PAGE);
      const options = { projection, sort: { revision: direction }, limit: size, batchSize: size };
      return await parsed(await find(filter, options));
    },
    async revisionAt(project, time) {
      const sort = { time: -1, revision: -1 } as const;
      const [found] = await find({ project, time: { $lte: time } }, { sort, limit: 1 });
      return Number(found?.revision ?? 0);
    },
    async now() {
      const ofAny = [{ $limit: 1 }, { $project: { _id: 0, now: '$$NOW' } }];
      const ofNone = [{ $documents: [{}] }, ...ofAny];
      const [found] = await run((reading) => changes.aggregate<{ now: Date }>(ofAny, reading).toArray());
      if (found !== undefined) return found.now.getTime();
      // Not in MongoDB 5.0, which is asked only until there is a change.
      const [made] = await run(() => mongo.db.aggregate<{ now: Date }>(ofNone).toArray()).catch(() => []);
      return made?.now.getTime() ?? Date.now();
    },
    makeIndexes: () => run(() => makeIndexes(changes)),
    get isOpen() {
      return isOpen;
    },
    close() {
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

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || Long.isLong(value);
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

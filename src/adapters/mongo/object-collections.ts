import type { AnyBulkWriteOperation, Collection, Filter, WithId } from 'mongodb';
import { idString, type ObjectId, type ObjectKind } from '../../core/change.ts';
import { elsewhere, isDuplicate } from './mongo-errors.ts';
import {
  COLLECTIONS,
  documentOf,
  type Held,
  KINDS,
  type ObjectDocument,
  type Row,
  restored,
  rowIn,
  tombstoneOf,
} from './object-row.ts';
import type { Mongo } from './open-mongo.ts';

/** What is written at a time. */
const CHUNK = 500;
/** More than a project has objects: what is read comes in as few answers as possible. */
const BATCH = 100_000;

/** What one object becomes; undefined is gone. */
export interface ObjectChange {
  readonly id: ObjectId;
  readonly held: Held | undefined;
  readonly row: Row | undefined;
}

/** The objects of all projects, a collection for each kind. */
export interface ObjectCollections {
  makeIndexes(): Promise<void>;
  /** What there is by `idString`, as it was at that generation: all of it, or what may be of these ids. */
  held(project: string, generation: number, ids?: readonly ObjectId[]): Promise<Map<string, Held>>;
  /**
   * Writes these as a new generation, which does not count before it is saved; calls `goOn` between parts. Rejects if
   * anybody else wrote one of them meanwhile.
   */
  write(
    project: string,
    generation: number,
    changes: readonly ObjectChange[],
    goOn: () => Promise<void>,
  ): Promise<void>;
  /** Takes back what was written as that generation, or as any after one. */
  undo(project: string, generation: number | { readonly after: number }): Promise<void>;
  /** Removes what only served those who stood before that generation. */
  sweep(project: string, generation: number, kinds: Iterable<ObjectKind>): Promise<void>;
}

export function openObjectCollections(mongo: Mongo): ObjectCollections {
  const of = (kind: ObjectKind) => mongo.db.collection<ObjectDocument>(COLLECTIONS[kind]);

  async function find(kind: ObjectKind, filter: Filter<ObjectDocument>): Promise<WithId<ObjectDocument>[]> {
    return await mongo.run((reading) =>
      of(kind)
        .find(filter, { ...reading, batchSize: BATCH })
        .toArray(),
    );
  }

  async function writeChunk(
    kind: ObjectKind,
    operations: AnyBulkWriteOperation<ObjectDocument>[],
  ): Promise<void> {
    const expected = operations.filter((operation) => !('deleteOne' in operation)).length;
    try {
      const { matchedCount, insertedCount } = await mongo.run(() => of(kind).bulkWrite(operations));
      if (matchedCount + insertedCount !== expected) throw elsewhere();
    } catch (error) {
      throw isDuplicate(error) ? elsewhere(error) : error;
    }
  }

  async function undoKind(kind: ObjectKind, filter: Filter<ObjectDocument>): Promise<void> {
    const stray = await find(kind, filter);
    const operations = stray.map((document): AnyBulkWriteOperation<ObjectDocument> => {
      const filter = { _id: document._id, generation: document.generation };
      const replacement = restored(document);
      return replacement === undefined ? { deleteOne: { filter } } : { replaceOne: { filter, replacement } };
    });
    for (const chunk of chunksOf(operations)) await mongo.run(() => of(kind).bulkWrite(chunk));
  }

  return {
    async makeIndexes() {
      await Promise.all(KINDS.map((kind) => mongo.run(() => makeIndexes(of(kind)))));
    },
    async held(project, generation, ids) {
      const held = new Map<string, Held>();
      for (const kind of ids === undefined ? KINDS : new Set(ids.map((id) => id.kind))) {
        const keys = ids?.filter((id) => id.kind === kind).map(({ key }) => key);
        const documents = await find(
          kind,
          keys === undefined ? { project } : { project, key: { $in: keys } },
        );
        for (const document of documents) {
          const { environment, key } = document;
          held.set(idString({ kind, environment, key }), {
            document,
            row: rowIn(kind, document, generation),
          });
        }
      }
      return held;
    },
    async write(project, generation, changes, goOn) {
      for (const kind of KINDS) {
        const own = changes.filter(({ id }) => id.kind === kind);
        const operations = own.flatMap((change) => operationsOf(project, generation, change));
        for (const chunk of chunksOf(operations.sort(deletesFirst))) {
          await writeChunk(kind, chunk);
          await goOn();
        }
      }
    },
    async undo(project, generation) {
      const which = typeof generation === 'number' ? generation : { $gt: generation.after };
      for (const kind of KINDS) await undoKind(kind, { project, generation: which });
    },
    async sweep(project, generation, kinds) {
      for (const kind of kinds)
        await mongo.run(() =>
          of(kind).bulkWrite([
            { deleteMany: { filter: { project, deleted: true, generation: { $lte: generation } } } },
            { updateMany: { filter: { project, generation }, update: { $unset: { was: '' } } } },
          ]),
        );
    },
  };
}

/** A document that was read is replaced only if it is still what was read. */
function operationsOf(
  project: string,
  generation: number,
  { held, row }: ObjectChange,
): AnyBulkWriteOperation<ObjectDocument>[] {
  const filter = held && { _id: held.document._id, generation: held.document.generation };
  if (held?.row !== undefined && filter !== undefined) {
    const replacement =
      row === undefined ? tombstoneOf(held, generation) : documentOf(project, row, generation, held);
    return [{ replaceOne: { filter, replacement } }];
  }
  if (row === undefined) return [];
  if (held !== undefined && held.document.deleted !== true) throw elsewhere();
  const insertOne = { document: documentOf(project, row, generation) };
  return filter === undefined ? [{ insertOne }] : [{ deleteOne: { filter } }, { insertOne }];
}

function deletesFirst(a: object, b: object): number {
  return Number('deleteOne' in b) - Number('deleteOne' in a);
}

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let index = 0; index < items.length; index += CHUNK) yield items.slice(index, index + CHUNK);
}

/** Idempotent, and any number of replicas may do it at once. Text compares as UTF-8 bytes. */
async function makeIndexes(collection: Collection<ObjectDocument>): Promise<void> {
  const collation = { locale: 'simple' };
  const deleted = { partialFilterExpression: { deleted: true } };
  await collection.createIndexes([
    { key: { project: 1, key: 1, environment: 1 }, name: 'ids', unique: true, collation },
    { key: { project: 1, generation: 1 }, name: 'generations', collation },
    { key: { project: 1 }, name: 'deleted', ...deleted, collation },
  ]);
}

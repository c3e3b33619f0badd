import { setImmediate as nextTurn } from 'node:timers/promises';
import { readObject } from '../../core/object-text.ts';
import type { ProjectedState, Projection, StoredObject } from '../../ports/projection.ts';
import { storeClosed } from './mongo-errors.ts';
import { checksumOf } from './object-checksum.ts';
import { openObjectCollections } from './object-collections.ts';
import type { Row } from './object-row.ts';
import type { Mongo } from './open-mongo.ts';
import { type PositionDocument, positionOf } from './projection-position.ts';
import { openProjectionWriter, type WriterOptions } from './projection-writer.ts';

/** How often a state that changes while it is loaded is loaded again. */
const LOAD_ATTEMPTS = 20;
/** What is parsed at a time before the event loop gets its turn. */
const TURN_ROWS = 200;

/**
 * The projection, in collections for each kind of object and one, `projections`, for where they stand. There are no
 * transactions: every document keeps what it held before for as long as the new state is not saved, and one document
 * saves it. Whoever opened `mongo` disposes of it, after this.
 */
export function createMongoProjection(mongo: Mongo, options: Partial<WriterOptions> = {}): Projection {
  const positions = mongo.db.collection<PositionDocument>('projections');
  const objects = openObjectCollections(mongo);
  const writer = openProjectionWriter(mongo, positions, objects, options);
  let indexing: Promise<void> | undefined;
  let isOpen = true;

  function checkOpen(): void {
    if (!isOpen) throw storeClosed();
  }

  async function indexed(): Promise<void> {
    checkOpen();
    indexing ??= objects.makeIndexes();
    try {
      await indexing;
    } catch (error) {
      indexing = undefined;
      throw error;
    }
  }

  async function at(project: string): Promise<PositionDocument | undefined> {
    checkOpen();
    return await mongo.run((reading) => positionOf(positions, project, reading));
  }

  return {
    async apply(project, from, to, operations) {
      await indexed();
      return await writer.apply(project, from, to, operations);
    },
    async reset(project, to, stored) {
      await indexed();
      await writer.reset(project, to, stored);
    },
    async load(project) {
      let position = await at(project);
      for (let attempt = 0; attempt < LOAD_ATTEMPTS && position !== undefined; attempt++) {
        const held = await objects.held(project, position.generation);
        const rows = [...held.values()].flatMap(({ row }) => row ?? []);
        const state = await stateIn(position, rows);
        if (state !== undefined) return state;
        const { generation } = position;
        position = await at(project);
        // Nobody has saved anything meanwhile: it is damaged.
        if (position?.generation === generation) return undefined;
      }
      return undefined;
    },
    async at(project) {
      const position = await at(project);
      return position && { revision: position.revision, hash: position.hash };
    },
    async projects() {
      checkOpen();
      const found = await mongo.run((reading) =>
        positions
          .find({ generation: { $gt: 0 } }, { ...reading, projection: { _id: 1 }, sort: { _id: 1 } })
          .toArray(),
      );
      return found.map(({ _id }) => _id);
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
    },
  };
}

/** Undefined unless these rows are what the position stands for. */
async function stateIn(at: PositionDocument, rows: readonly Row[]): Promise<ProjectedState | undefined> {
  if ((await checksumOf(rows)) !== at.checksum) return undefined;
  const objects: StoredObject[] = [];
  for (const { json, kind, version } of rows) {
    const object = readObject(json, kind);
    if (object === undefined) return undefined;
    objects.push({ object, version });
    if (objects.length % TURN_ROWS === 0) await nextTurn();
  }
  return { revision: at.revision, hash: at.hash, objects };
}

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { idOf, idString, type Operation } from '../../core/change.ts';
import { readObject } from '../../core/object-text.ts';
import type { Position, ProjectedState, Projection, StoredObject } from '../../ports/projection.ts';
import { elsewhere, storeClosed } from './mongo-errors.ts';
import { EMPTY_CHECKSUM, toggled } from './object-checksum.ts';
import { type ObjectChange, openObjectCollections } from './object-collections.ts';
import { type Held, type Row, rowOf } from './object-row.ts';
import type { Mongo } from './open-mongo.ts';
import { type PositionDocument, positionOf, type Turn, takeTurn } from './projection-position.ts';

export interface MongoProjectionOptions {
  /** How long a reset waits for another replica that is writing. Default: 5 s. */
  readonly busyPatienceMs?: number;
  /** After how long of silence a writer is taken for dead. Default: 30 s. */
  readonly leaseMs?: number;
}

const DEFAULT_BUSY_PATIENCE_MS = 5_000;
const DEFAULT_LEASE_MS = 30_000;
const BUSY_PAUSE_MS = 50;
/** How often a state that changes while it is loaded is loaded again. */
const LOAD_ATTEMPTS = 20;
/** What is parsed or summed up at a time before the event loop gets its turn. */
const TURN_ROWS = 200;

/** What objects are to become, by `idString`. */
type Wishes = Map<string, Pick<ObjectChange, 'id' | 'row'>>;

/**
 * The projection, in collections for each kind of object and one, `projections`, for where they stand. There are no
 * transactions: every document keeps what it held before for as long as the new state is not saved, and one document
 * saves it. Whoever opened `mongo` disposes of it, after this.
 */
export function createMongoProjection(mongo: Mongo, options: MongoProjectionOptions = {}): Projection {
  const positions = mongo.db.collection<PositionDocument>('projections');
  const objects = openObjectCollections(mongo);
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  const busyPatienceMs = options.busyPatienceMs ?? DEFAULT_BUSY_PATIENCE_MS;
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

  /** What is written in a turn counts as a whole or not at all, wherever it ends. */
  async function inTurn(project: string, turn: Turn, work: () => Promise<boolean>): Promise<boolean> {
    try {
      if (turn.isAfterCrash) await objects.undo(project, turn.at.generation);
      return await work();
    } catch (error) {
      // If even that fails, whoever comes next takes it back.
      await takeBack(project, turn).catch(() => undefined);
      throw error;
    }
  }

  async function takeBack(project: string, turn: Turn): Promise<void> {
    if (!(await turn.renew())) return;
    await objects.undo(project, turn.at.generation);
    await turn.giveUp();
  }

  async function write(
    project: string,
    turn: Turn,
    to: Position & { readonly checksum: string },
    changes: readonly ObjectChange[],
  ): Promise<boolean> {
    await objects.write(project, turn.generation, changes, async () => {
      if (!(await turn.renew())) throw elsewhere();
    });
    const isSaved = await turn.save(to);
    const kinds = new Set(changes.map(({ id }) => id.kind));
    if (isSaved) await objects.sweep(project, turn.generation, kinds).catch(() => undefined);
    return isSaved;
  }

  async function turnToReset(project: string): Promise<Turn> {
    const patientUntil = performance.now() + busyPatienceMs;
    for (;;) {
      const turn = await takeTurn(mongo, positions, { project, from: undefined, leaseMs });
      if (turn !== undefined) return turn;
      if (performance.now() >= patientUntil) throw elsewhere();
      await delay(BUSY_PAUSE_MS);
    }
  }

  async function at(project: string): Promise<PositionDocument | undefined> {
    checkOpen();
    return await mongo.run((reading) => positionOf(positions, project, reading));
  }

  return {
    async apply(project, from, to, operations) {
      const wishes = wishesOf(operations, to.revision);
      await indexed();
      const turn = await takeTurn(mongo, positions, { project, from, leaseMs });
      if (turn === undefined) return false;
      return await inTurn(project, turn, async () => {
        const ids = [...wishes.values()].map(({ id }) => id);
        const held = await objects.held(project, turn.at.generation, ids);
        const changes = changesTo(wishes, held);
        const checksum = changes.reduce(checksumAfter, turn.at.checksum);
        return await write(project, turn, { ...to, checksum }, changes);
      });
    },
    async reset(project, to, stored) {
      const wishes: Wishes = new Map(stored.map((each) => wishFor(idOf(each.object), rowOf(each))));
      await indexed();
      const turn = await turnToReset(project);
      const isSaved = await inTurn(project, turn, async () => {
        const checksum = await checksumOf([...wishes.values()].flatMap(({ row }) => row ?? []));
        const held = await objects.held(project, turn.at.generation);
        for (const [name, { row }] of held)
          if (row !== undefined && !wishes.has(name)) wishes.set(...wishFor(row, undefined));
        return await write(project, turn, { ...to, checksum }, changesTo(wishes, held));
      });
      if (!isSaved) throw elsewhere();
    },
    async load(project) {
      let position = await at(project);
      for (let attempt = 0; attempt < LOAD_ATTEMPTS && position !== undefined; attempt++) {
        const held = await objects.held(project, position.generation);
        const state = await stateIn(
          position,
          [...held.values()].flatMap(({ row }) => row ?? []),
        );
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

function wishesOf(operations: readonly Operation[], version: number): Wishes {
  return new Map(
    operations.map((operation) => {
      if (operation.op === 'delete') return wishFor(operation.id, undefined);
      const { object } = operation;
      return wishFor(idOf(object), rowOf({ object, version }));
    }),
  );
}

function wishFor(id: ObjectChange['id'], row: Row | undefined): [string, Pick<ObjectChange, 'id' | 'row'>] {
  return [idString(id), { id, row }];
}

/** What is as wished already is left alone. */
function changesTo(wishes: Wishes, held: ReadonlyMap<string, Held>): ObjectChange[] {
  return [...wishes].flatMap(([name, { id, row }]) => {
    const before = held.get(name);
    const isSame = before?.row?.json === row?.json && before?.row?.version === row?.version;
    return isSame ? [] : [{ id, row, held: before }];
  });
}

function checksumAfter(checksum: string, { held, row }: ObjectChange): string {
  const without = held?.row === undefined ? checksum : toggled(checksum, held.row);
  return row === undefined ? without : toggled(without, row);
}

async function checksumOf(rows: readonly Row[]): Promise<string> {
  let checksum = EMPTY_CHECKSUM;
  for (const [index, row] of rows.entries()) {
    checksum = toggled(checksum, row);
    if (index % TURN_ROWS === TURN_ROWS - 1) await nextTurn();
  }
  return checksum;
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

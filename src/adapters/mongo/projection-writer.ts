import { setTimeout as delay } from 'node:timers/promises';
import type { Collection } from 'mongodb';
import { idOf, idString, type ObjectId, type Operation } from '../../core/change.ts';
import type { Position, StoredObject } from '../../ports/projection.ts';
import { elsewhere } from './mongo-errors.ts';
import { checksumOf, toggled } from './object-checksum.ts';
import type { ObjectChange, ObjectCollections } from './object-collections.ts';
import { type Held, type Row, rowOf } from './object-row.ts';
import type { Mongo } from './open-mongo.ts';
import { type PositionDocument, type Turn, takeTurn } from './projection-position.ts';

export interface WriterOptions {
  /** How long a reset waits for another replica that is writing. Default: 5 s. */
  readonly busyPatienceMs: number;
  /** After how long of silence a writer is taken for dead. Default: 30 s. */
  readonly leaseMs: number;
}

const DEFAULTS: WriterOptions = { busyPatienceMs: 5_000, leaseMs: 30_000 };
const BUSY_PAUSE_MS = 50;

/** What objects are to become, by `idString`. */
type Wishes = Map<string, Pick<ObjectChange, 'id' | 'row'>>;

type Target = Position & { readonly checksum: string };

/**
 * How a projection goes from one state to another: take the turn, write every object as a new generation beside what
 * it was, and save the position, which makes that generation count. Wherever this ends, there is one state or the other.
 */
export interface ProjectionWriter {
  apply(project: string, from: Position, to: Position, operations: readonly Operation[]): Promise<boolean>;
  reset(project: string, to: Position, objects: readonly StoredObject[]): Promise<void>;
}

export function openProjectionWriter(
  mongo: Mongo,
  positions: Collection<PositionDocument>,
  objects: ObjectCollections,
  options: Partial<WriterOptions>,
): ProjectionWriter {
  const { busyPatienceMs, leaseMs } = { ...DEFAULTS, ...options };

  /** What there is, once nothing of an unfinished generation is among it. */
  async function heldIn(turn: Turn, project: string, ids?: readonly ObjectId[]): Promise<Map<string, Held>> {
    const { generation } = turn.at;
    if (!turn.isAfterCrash) {
      const held = await objects.held(project, generation, ids);
      if ([...held.values()].every(({ document }) => document.generation <= generation)) return held;
    }
    // Who has slept through the end of its turn must not take back what others did in theirs.
    if (!(await turn.renew())) throw elsewhere();
    await objects.undo(project, { after: generation });
    return await objects.held(project, generation, ids);
  }

  async function write(project: string, turn: Turn, changes: readonly ObjectChange[]): Promise<void> {
    await objects.write(project, turn.generation, changes, async () => {
      if (!(await turn.renew())) throw elsewhere();
    });
  }

  /** What is written counts as a whole or not at all. `plan` says what to write, and what it makes of all. */
  async function finish(
    project: string,
    turn: Turn,
    plan: () => Promise<{ changes: readonly ObjectChange[]; target: Target }>,
  ): Promise<void> {
    const takeBack = () => objects.undo(project, turn.generation).then(() => turn.giveUp());
    const { changes, target } = await plan()
      .then(async (planned) => {
        await write(project, turn, planned.changes);
        return planned;
      })
      .catch(async (error: unknown) => {
        // If even this fails, whoever comes next takes it back.
        await takeBack().catch(() => undefined);
        throw error;
      });
    // Whether a save that was cut off was made, only the next turn can tell: nothing is taken back then.
    if (!(await turn.save(target))) {
      await takeBack().catch(() => undefined);
      throw elsewhere();
    }
    const kinds = new Set(changes.map(({ id }) => id.kind));
    await objects.sweep(project, turn.generation, kinds).catch(() => undefined);
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

  return {
    async apply(project, from, to, operations) {
      const wishes = wishesOf(operations, to.revision);
      const turn = await takeTurn(mongo, positions, { project, from, leaseMs });
      if (turn === undefined) return false;
      await finish(project, turn, async () => {
        const ids = [...wishes.values()].map(({ id }) => id);
        const changes = changesTo(wishes, await heldIn(turn, project, ids));
        const checksum = changes.reduce(checksumAfter, turn.at.checksum);
        return { changes, target: { ...to, checksum } };
      });
      return true;
    },
    async reset(project, to, stored) {
      const wishes: Wishes = new Map(stored.map((each) => wishFor(idOf(each.object), rowOf(each))));
      const checksum = await checksumOf([...wishes.values()].flatMap(({ row }) => row ?? []));
      const turn = await turnToReset(project);
      await finish(project, turn, async () => {
        const held = await heldIn(turn, project);
        for (const [name, { row }] of held)
          if (row !== undefined && !wishes.has(name)) wishes.set(...wishFor(row, undefined));
        return { changes: changesTo(wishes, held), target: { ...to, checksum } };
      });
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

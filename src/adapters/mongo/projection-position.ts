import { randomUUID } from 'node:crypto';
import type { Collection, Document } from 'mongodb';
import { FlagError } from '../../core/errors.ts';
import type { Position } from '../../ports/projection.ts';
import { isDuplicate } from './mongo-errors.ts';
import { EMPTY_CHECKSUM } from './object-checksum.ts';
import type { Mongo, Reading } from './open-mongo.ts';

/** The format of these documents and of the objects that they stand for. */
const FORMAT = 1;

/** Where a project's projection stands, and who is writing it. */
export interface PositionDocument {
  readonly _id: string;
  readonly format: number;
  readonly revision: number;
  readonly hash: string;
  readonly checksum: string;
  /** Counts what was saved; 0 is no state. Objects of a later generation are not saved yet. */
  readonly generation: number;
  /** The last generation that anybody began. */
  readonly begun: number;
  readonly writer?: { readonly token: string; readonly since: Date };
}

/** The right to write one project's projection, until it is saved or given up. */
export interface Turn {
  readonly generation: number;
  /** Where the projection stands, until it is saved. */
  readonly at: PositionDocument;
  /** Whether somebody may have left a generation unfinished. */
  readonly isAfterCrash: boolean;
  /** Says that the writer is still at it. False: it was taken for dead, and has lost its turn. */
  renew(): Promise<boolean>;
  /** Saves: from now on the projection stands here. False: the turn was lost, and nothing was saved. */
  save(to: Position & { readonly checksum: string }): Promise<boolean>;
  giveUp(): Promise<void>;
}

export interface TurnOptions {
  readonly project: string;
  /** Undefined: wherever it stands. */
  readonly from: Position | undefined;
  /** A writer that has not said for so long that it is still at it has died. By the server's clock. */
  readonly leaseMs: number;
}

const NOWHERE: Position = { revision: 0, hash: '' };

/** Where the projection of a project stands; undefined if it has no state, or none that this program understands. */
export async function positionOf(
  positions: Collection<PositionDocument>,
  project: string,
  reading: Reading,
): Promise<PositionDocument | undefined> {
  const found = await positions.findOne({ _id: project }, reading);
  return found === null || found.generation === 0 || found.format !== FORMAT ? undefined : found;
}

/**
 * Takes the turn to write, if the projection stands at `from` and nobody else is at it. Rejects
 * with SCHEMA_TOO_NEW if a newer version of this program has written it.
 */
export async function takeTurn(
  mongo: Mongo,
  positions: Collection<PositionDocument>,
  options: TurnOptions,
): Promise<Turn | undefined> {
  const token = randomUUID();
  const before = await begin(mongo, positions, token, options);
  if (before === undefined) return undefined;
  const generation = before.begun + 1;
  const mine = { _id: options.project, 'writer.token': token };
  const update = (change: Document | Document[]) =>
    mongo.run(async () => (await positions.updateOne(mine, change)).matchedCount === 1);
  return {
    generation,
    at: before,
    isAfterCrash: before.writer !== undefined,
    renew: () => update([{ $set: { 'writer.since': '$$NOW' } }]),
    save: ({ revision, hash, checksum }) =>
      update({ $set: { format: FORMAT, revision, hash, checksum, generation }, $unset: { writer: '' } }),
    giveUp: async () => void (await update({ $unset: { writer: '' } })),
  };
}

/** The document as it was before; undefined if it is not this writer's turn. */
async function begin(
  mongo: Mongo,
  positions: Collection<PositionDocument>,
  token: string,
  { project, from, leaseMs }: TurnOptions,
): Promise<PositionDocument | undefined> {
  const isHere = from && { revision: from.revision, hash: from.hash };
  const isFree = { $expr: { $lt: ['$writer.since', { $subtract: ['$$NOW', leaseMs] }] } };
  const filter = { _id: project, format: FORMAT, ...isHere, ...isFree };
  const update = { $set: { begun: { $add: ['$begun', 1] }, writer: { token, since: '$$NOW' } } };
  const take = () =>
    mongo.run(() => positions.findOneAndUpdate(filter, [update], { returnDocument: 'before' }));
  const taken = await take();
  if (taken !== null) return taken;
  const found = await mongo.run((reading) => positions.findOne({ _id: project }, reading));
  if (found !== null && found.format > FORMAT) throw tooNew(project, found.format);
  if (found !== null || (from !== undefined && !isNowhere(from))) return undefined;
  await addStart(mongo, positions, project);
  return (await take()) ?? undefined;
}

function isNowhere({ revision, hash }: Position): boolean {
  return revision === NOWHERE.revision && hash === NOWHERE.hash;
}

async function addStart(
  mongo: Mongo,
  positions: Collection<PositionDocument>,
  project: string,
): Promise<void> {
  const start = {
    ...NOWHERE,
    _id: project,
    format: FORMAT,
    checksum: EMPTY_CHECKSUM,
    generation: 0,
    begun: 0,
  };
  try {
    await mongo.run(() => positions.insertOne(start));
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
}

function tooNew(project: string, format: number): FlagError {
  const message = `the projection of project ${project} has format ${format}, and this program knows ${FORMAT} at most: use a newer one`;
  return new FlagError('failed_precondition', message, { reason: 'SCHEMA_TOO_NEW' });
}

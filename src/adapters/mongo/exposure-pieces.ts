import type { Collection, Document, OptionalUnlessRequiredId } from 'mongodb';
import { Cells, minuteOf } from './exposure-cells.ts';
import { documentChunks } from './exposure-chunks.ts';
import { type ExposureCollections, rolledCollections } from './exposure-collections.ts';
import {
  type Cell,
  type ContextEntry,
  type ContextsDocument,
  type EventEntry,
  type EventsDocument,
  FORMAT,
  type MinuteCell,
  type MinutesDocument,
  type RowsDocument,
  type TotalsDocument,
} from './exposure-documents.ts';
import { type NumberedRow, type RollPlace, rowsDocuments } from './exposure-rows.ts';
import { openTurns } from './exposure-turns.ts';
import type { Mongo } from './open-mongo.ts';

/** What one document holds at most. */
const CHUNK_CELLS = 2_000;
const CHUNK_EVENTS = 2_000;
const CHUNK_CONTEXTS = 500;
/** What is written at once: documents, and what is in them. */
const PIECE_DOCUMENTS = 500;
const PIECE_ITEMS = 5_000;

/** The documents of one roll. */
export interface Pieces {
  readonly totals: readonly TotalsDocument[];
  readonly minutes: readonly MinutesDocument[];
  readonly rows: readonly RowsDocument[];
  readonly events: readonly EventsDocument[];
  readonly contexts: readonly ContextsDocument[];
}

/** What is to become a roll. */
export interface RollContent {
  readonly totals: readonly Cell[];
  readonly minutes: ReadonlyMap<string, readonly MinuteCell[]>;
  readonly rows: readonly NumberedRow[];
  readonly events: readonly EventEntry[];
  /** One of each subject. */
  readonly contexts: readonly ContextEntry[];
}

/** The latest of each subject. */
export function latestContexts(contexts: Iterable<ContextEntry>): ContextEntry[] {
  const latest = new Map<string, ContextEntry>();
  for (const context of contexts)
    if (context.seenAt >= (latest.get(context.subject)?.seenAt ?? 0)) latest.set(context.subject, context);
  return [...latest.values()];
}

export async function countedContent(
  rows: readonly NumberedRow[],
  events: readonly EventEntry[],
  contexts: readonly ContextEntry[],
): Promise<RollContent> {
  const turn = openTurns();
  const totals = new Cells();
  const minutes = new Cells();
  for (const { evaluation } of rows) {
    const { time, count, weight } = evaluation;
    totals.add(0, evaluation, count, count * weight);
    minutes.add(minuteOf(time), evaluation, count, count * weight);
    await turn(1);
  }
  return { totals: totals.totals(), minutes: minutes.byFlag(), rows, events, contexts };
}

export async function piecesOf(
  at: RollPlace,
  { totals, minutes, rows, events, contexts }: RollContent,
): Promise<Pieces> {
  const head = (index: number) => ({
    ...{ _id: `${at.roll}/${index}`, format: FORMAT, ...at.place, hour: at.hour, roll: at.roll },
  });
  const cells = [...minutes].flatMap(([flag, of]) =>
    chunksOf(of, CHUNK_CELLS).map((chunk) => ({ flag, chunk })),
  );
  const inOrder = events.toSorted((a, b) => a.time - b.time);
  return {
    totals: chunksOf(totals, CHUNK_CELLS).map((chunk, index) => ({ ...head(index), cells: chunk })),
    minutes: cells.map(({ flag, chunk }, index) => ({ ...head(index), flag, cells: chunk })),
    rows: await rowsDocuments(at, rows),
    contexts: [...documentChunks(contexts, CHUNK_CONTEXTS, sizeOfContext)].map((chunk, index) => ({
      ...{ ...head(index), contexts: chunk },
    })),
    events: [...documentChunks(inOrder, CHUNK_EVENTS, sizeOfEvent)].map((chunk, index) => ({
      ...head(index),
      ...{ from: chunk[0]?.time ?? 0, to: chunk.at(-1)?.time ?? 0, edition: 0, events: chunk },
    })),
  };
}

function sizeOfContext({ subject, attributes }: ContextEntry): number {
  return subject.length + attributes.length;
}

function sizeOfEvent({ subject, event, flag = '' }: EventEntry): number {
  return subject.length + event.length + flag.length;
}

/** Writes what counts only once an hour names its roll. */
export async function writePieces(mongo: Mongo, all: ExposureCollections, pieces: Pieces): Promise<void> {
  await insert(mongo, all.totals, pieces.totals, ({ cells }) => cells.length);
  await insert(mongo, all.minutes, pieces.minutes, ({ cells }) => cells.length);
  await insert(mongo, all.events, pieces.events, ({ events }) => events.length);
  await insert(mongo, all.contexts, pieces.contexts, (document) => document.contexts.length);
  await insert(mongo, all.rows, pieces.rows, ({ rows }) => rows.time.length);
}

/** Removes what belongs to these rolls, of this hour. */
export async function dropRolls(
  mongo: Mongo,
  all: ExposureCollections,
  hour: number,
  rolls: readonly string[],
): Promise<void> {
  if (rolls.length === 0) return;
  for (const collection of rolledCollections(all))
    for (const some of chunksOf(rolls, 10))
      await mongo.run(() => collection.deleteMany({ hour, roll: { $in: some } }));
}

export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let index = 0; index < items.length; index += size) chunks.push(items.slice(index, index + size));
  return chunks;
}

async function insert<T extends Document>(
  mongo: Mongo,
  collection: Collection<T>,
  documents: readonly T[],
  itemsIn: (document: T) => number,
): Promise<void> {
  let piece: T[] = [];
  let items = 0;
  const flush = async () => {
    const inserted = piece as OptionalUnlessRequiredId<T>[];
    if (inserted.length > 0) await mongo.run(() => collection.insertMany(inserted, { ordered: false }));
    piece = [];
    items = 0;
  };
  for (const document of documents) {
    const size = itemsIn(document);
    if (piece.length === PIECE_DOCUMENTS || items + size > PIECE_ITEMS) await flush();
    piece.push(document);
    items += size;
  }
  await flush();
}

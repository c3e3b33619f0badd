import type { Collection, Document, Filter } from 'mongodb';
import type { ExposureCollections } from './exposure-collections.ts';
import {
  type ContextsDocument,
  type EventsDocument,
  FORMAT,
  type MinutesDocument,
  type Rolled,
  type RowsDocument,
  type TotalsDocument,
} from './exposure-documents.ts';
import { acknowledged, type Report } from './exposure-hours.ts';
import { chunksOf } from './exposure-pieces.ts';
import type { Mongo } from './open-mongo.ts';

/** What is asked for at once. */
const CHUNK_ROLLS = 100;
/** Documents of rows are large. */
const CHUNK_ROWS = 20;

type Wanted = Readonly<Record<string, unknown>>;

/** Reads the documents of rolls. What nobody can read is reported, and left out. */
export interface Pages {
  /** With only the cells of one flag, or all. */
  totals(rolls: readonly string[], flag?: string): Promise<TotalsDocument[]>;
  minutes(rolls: readonly string[], flag?: string): Promise<MinutesDocument[]>;
  events(rolls: readonly string[]): Promise<EventsDocument[]>;
  /** Calls `use` for each, a few at a time. */
  eachEvents(
    rolls: readonly string[],
    use: (document: EventsDocument) => void | Promise<void>,
  ): Promise<void>;
  /** Calls `use` for each, a few at a time. */
  eachRows(
    rolls: readonly string[],
    flag: string | undefined,
    use: (document: RowsDocument) => void | Promise<void>,
  ): Promise<void>;
  /** When the rows of these rolls begin, in that order; of documents in which that subject is, if one is named. */
  rowsFrom(
    rolls: readonly string[],
    about: { readonly from: number; readonly to: number; readonly flag?: string; readonly subject?: string },
  ): Promise<Pick<RowsDocument, '_id' | 'from'>[]>;
  rows(ids: readonly string[]): Promise<RowsDocument[]>;
  contexts(rolls: readonly string[]): Promise<ContextsDocument[]>;
}

export function openPages(mongo: Mongo, all: ExposureCollections, report: Report): Pages {
  async function find<T extends Rolled>(
    collection: Collection<T>,
    filter: Filter<T>,
    options: { projection?: Document; sort?: Document } = {},
  ): Promise<T[]> {
    return (await mongo.run((reading) =>
      collection.find(filter, { ...acknowledged(reading), ...options, batchSize: 10_000 }).toArray(),
    )) as T[];
  }

  function sound<T extends Rolled>(documents: readonly T[], isSound: (document: T) => boolean): T[] {
    return documents.filter((document) => {
      if (document.format === FORMAT && Number.isSafeInteger(document.hour) && isSound(document)) return true;
      report('a document of exposures cannot be read, and is left out', { id: document._id });
      return false;
    });
  }

  async function byRolls<T extends Rolled>(
    collection: Collection<T>,
    rolls: readonly string[],
    filter: Wanted,
    projection?: Document,
  ): Promise<T[]> {
    const found: T[] = [];
    for (const some of chunksOf(rolls, CHUNK_ROLLS)) {
      const wanted = { roll: { $in: some }, ...filter } as Filter<T>;
      // There may be more of them than a call can have arguments.
      for (const document of await find(collection, wanted, projection && { projection }))
        found.push(document);
    }
    return found;
  }

  const events: Pages['events'] = async (rolls) => sound(await byRolls(all.events, rolls, {}), areEvents);
  const rows: Pages['rows'] = async (ids) => sound(await find(all.rows, { _id: { $in: [...ids] } }), areRows);

  return {
    async totals(rolls, flag) {
      const isOfFlag = { $eq: ['$$this.flag', { $literal: flag }] };
      const own = { format: 1, hour: 1, roll: 1, cells: { $filter: { input: '$cells', cond: isOfFlag } } };
      return sound(await byRolls(all.totals, rolls, {}, flag === undefined ? undefined : own), areCells);
    },
    minutes: async (rolls, flag) =>
      sound(await byRolls(all.minutes, rolls, flag === undefined ? {} : { flag }), areCells),
    events,
    async eachEvents(rolls, use) {
      for (const some of chunksOf(rolls, CHUNK_ROWS))
        for (const document of await events(some)) await use(document);
    },
    async eachRows(rolls, flag, use) {
      const filter = flag === undefined ? {} : { flag };
      const names = await byRolls(all.rows, rolls, filter, { _id: 1 });
      for (const some of chunksOf(names, CHUNK_ROWS))
        for (const document of await rows(some.map(({ _id }) => _id))) await use(document);
    },
    async rowsFrom(rolls, { from, to, flag, subject }) {
      const filter = {
        ...{ to: { $gte: from }, from: { $lt: to } },
        ...(flag !== undefined && { flag }),
        ...(subject !== undefined && { 'rows.subject': subject }),
      };
      const found = await byRolls(all.rows, rolls, filter, { from: 1 });
      return found.sort((a, b) => a.from - b.from);
    },
    rows,
    contexts: async (rolls) => sound(await byRolls(all.contexts, rolls, {}), areContexts),
  };
}

function areCells({ cells }: { readonly cells: readonly { count: number; estimate: number }[] }): boolean {
  return (
    Array.isArray(cells) &&
    cells.every((cell) => Number.isSafeInteger(cell?.count) && Number.isFinite(cell.estimate))
  );
}

function areEvents({ events }: EventsDocument): boolean {
  return (
    Array.isArray(events) &&
    events.every((event) => Number.isSafeInteger(event?.count) && Number.isSafeInteger(event.time))
  );
}

function areContexts({ contexts }: ContextsDocument): boolean {
  return (
    Array.isArray(contexts) &&
    contexts.every((context) => typeof context?.subject === 'string' && Number.isFinite(context.seenAt))
  );
}

function areRows({ answers, origins, batches, rows }: RowsDocument): boolean {
  if (![answers, origins, batches, rows?.time].every((list) => Array.isArray(list))) return false;
  const { time, subject, number, count, weight, answer, origin, batch } = rows;
  const isAs = (list: readonly unknown[], type: string) =>
    Array.isArray(list) && list.length === time.length && list.every((one) => typeof one === type);
  const isIn = (list: readonly number[], table: readonly unknown[]) =>
    isAs(list, 'number') && list.every((index) => table[index] !== undefined);
  return (
    [time, number, count, weight].every((list) => isAs(list, 'number')) &&
    isAs(subject, 'string') &&
    isIn(answer, answers) &&
    isIn(origin, origins) &&
    isIn(batch, batches)
  );
}

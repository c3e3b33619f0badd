import { randomUUID } from 'node:crypto';
import type { Collection, Document, Filter, InferIdType } from 'mongodb';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type { ExposureStore, Retention } from '../../ports/exposure-store.ts';
import { MINUTE_MS } from './exposure-cells.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { type HourDocument, NAMES_MS } from './exposure-documents.ts';
import type { Changes } from './exposure-erase.ts';
import { acknowledged, type Hours } from './exposure-hours.ts';
import type { Ledger } from './exposure-ledger.ts';
import type { Notes } from './exposure-notes.ts';
import type { Processes } from './exposure-processes.ts';
import type { Roller } from './exposure-roll.ts';
import type { Tidier } from './exposure-tidy.ts';
import type { Mongo } from './open-mongo.ts';

const SETTLED = { open: { $exists: false }, unfolded: { $exists: false } } as object;
/** What is removed or changed at once. */
const PIECE = 500;
/** Hours that are put in order in one go. */
const MAX_HOURS = 2_000;
const HOURS_PER_DAY = 24;
/** No process that stands still for so long goes on. */
const LONGEST_SLEEP_MS = 86_400_000;
/** The newest hours are left alone: they change. */
const FRESH_HOURS = 2;

export interface ExpiryParts {
  readonly mongo: Mongo;
  readonly all: ExposureCollections;
  readonly hours: Hours;
  readonly roller: Roller;
  readonly notes: Notes;
  readonly tidier: Tidier;
  readonly processes: Processes;
  readonly ledger: Ledger;
  readonly changes: Changes;
}

/** Removes what is too old, and puts in order what stays. */
export function openExpiry(parts: ExpiryParts): Pick<ExposureStore, 'expire'> {
  const { mongo, all, roller, notes, tidier, processes, ledger, changes } = parts;

  /** Calls `use` with the ids of all that match, some at a time, until it makes none of them go. */
  async function eachPiece<T extends Document>(
    collection: Collection<T>,
    filter: Filter<T>,
    use: (ids: InferIdType<T>[]) => Promise<number>,
  ): Promise<void> {
    for (;;) {
      const found = await mongo.run((reading) =>
        collection.find(filter, { ...acknowledged(reading), projection: { _id: 1 }, limit: PIECE }).toArray(),
      );
      if (found.length === 0 || (await use(found.map(({ _id }) => _id))) === 0) return;
    }
  }

  async function remove<T extends Document>(collection: Collection<T>, filter: Filter<T>): Promise<void> {
    await eachPiece(collection, filter, async (ids) => {
      const these = { _id: { $in: ids }, ...filter } as Filter<T>;
      return (await mongo.run(() => collection.deleteMany(these))).deletedCount;
    });
  }

  async function tidyAll(): Promise<void> {
    const newest = await mongo.run((reading) =>
      all.hours
        .aggregate<{ _id: unknown; hour: number }>(
          [{ $group: { _id: { p: '$project', e: '$environment' }, hour: { $max: '$hour' } } }],
          acknowledged(reading),
        )
        .toArray(),
    );
    const last = new Map(newest.map(({ _id, hour }) => [JSON.stringify(_id), hour]));
    const projection = { project: 1, environment: 1, hour: 1 };
    const loose = await mongo.run((reading) =>
      all.hours.find({ loose: true }, { ...acknowledged(reading), projection, limit: MAX_HOURS }).toArray(),
    );
    for (const { project, environment, hour } of loose) {
      const end = last.get(JSON.stringify({ p: project, e: environment })) ?? hour;
      if (hour <= end - FRESH_HOURS) await tidier.tidy({ place: { project, environment }, hour }, 2);
    }
  }

  async function expireRows(before: number): Promise<void> {
    const hour = Math.floor(before / HOUR_MS);
    await remove(all.rows, { hour: { $lt: hour } });
    await remove(all.events, { hour: { $lt: hour } });
    const isKept = (time: number) => time >= before;
    const cut = { hour, from: { $lt: before } };
    const rows = await mongo.run((reading) =>
      all.rows.find(cut, { ...acknowledged(reading), projection: { _id: 1 } }).toArray(),
    );
    for (const { _id } of rows) {
      const document = await mongo.run((reading) => all.rows.findOne({ _id }, acknowledged(reading)));
      if (document !== null) await changes.rows(document, isKept);
    }
    const events = await mongo.run((reading) => all.events.find(cut, acknowledged(reading)).toArray());
    for (const document of events) await changes.events(document, isKept);
  }

  async function expireMinutes(before: number): Promise<void> {
    const hour = Math.floor(before / HOUR_MS);
    await remove(all.minutes, { hour: { $lt: hour } });
    const last = before - MINUTE_MS;
    const update = { $pull: { cells: { at: { $lte: last } } } } as object;
    await mongo.run(() => all.minutes.updateMany({ hour, 'cells.at': { $lte: last } }, update));
  }

  /** An hour that is over goes; the day that it is in stays until that is over too. */
  async function expireHours({ rowsBefore, minutesBefore, rollupsBefore }: Retention): Promise<void> {
    const hour = Math.floor(rollupsBefore / HOUR_MS);
    const day = Math.floor(hour / HOURS_PER_DAY) * HOURS_PER_DAY;
    const others = [rowsBefore, minutesBefore].map((before) => Math.floor(before / HOUR_MS));
    await remove(all.hours, { hour: { $lt: Math.min(day, ...others) } });
    await remove(all.totals, { hour: { $lt: day } });
    await remove(all.contexts, { hour: { $lt: hour } });
    const isShown = { $expr: { $ne: ['$hidden', '$rolls.id'] } };
    const hide = [{ $set: { hidden: '$rolls.id', token: randomUUID(), era: randomUUID() } }];
    const filter: Filter<HourDocument> = { hour: { $gte: day, $lt: hour }, ...isShown };
    await mongo.run(() => all.hours.updateMany(filter, hide));
    await remove(all.flags, { lastAt: { $lt: hour * HOUR_MS } });
  }

  /** Whoever is about to put an hour together from what it was cannot do so any more. */
  async function renewLoose(): Promise<void> {
    await mongo.run(() =>
      all.hours.updateMany({ loose: true }, { $set: { token: randomUUID(), era: randomUUID() } }),
    );
  }

  async function expireRolled(retention: Retention): Promise<void> {
    await expireRows(retention.rowsBefore);
    await expireMinutes(retention.minutesBefore);
    await expireHours(retention);
  }

  async function expireSubjects({ rowsBefore, rollupsBefore }: Retention): Promise<void> {
    const hour = Math.floor(rowsBefore / HOUR_MS);
    const forget = forgetting(hour, rollupsBefore);
    const empty = { got: {}, hours: [], seenAt: { $exists: false } } as object;
    const old: Filter<Document>[] = [{ firstAt: { $lt: rollupsBefore } }, { firstHour: { $lt: hour } }];
    const asleepSince = new Date(Date.now() - LONGEST_SLEEP_MS);
    await remove(all.subjects, { erasedAt: { $lt: asleepSince } });
    await remove(all.erasures, { at: { $lt: Math.min(rowsBefore, rollupsBefore) } });
    for (const filter of old)
      await eachPiece(all.subjects as unknown as Collection<Document>, filter, async (ids) => {
        const these = { _id: { $in: ids } } as object;
        const { modifiedCount } = await mongo.run(() => all.subjects.updateMany(these, forget));
        const { deletedCount } = await mongo.run(() => all.subjects.deleteMany({ ...these, ...empty }));
        return modifiedCount + deletedCount;
      });
  }

  /** By then their processes and their hours know all of them. */
  async function expireNames(): Promise<void> {
    const before = new Date(Date.now() - NAMES_MS);
    await remove(all.parts, { storedAt: { $lt: before }, ...SETTLED });
  }

  async function expireProcesses(before: number): Promise<void> {
    for (const process of await ledger.oldProcesses(before)) {
      // By the range of their names, for which there is an index.
      const names = { $gte: `${process}:`, $lt: `${process};` };
      await remove(all.parts, { _id: names, process, ...SETTLED });
      await processes.forget(process);
    }
  }

  return {
    async expire(retention) {
      await roller.settle();
      await notes.noteAll();
      await processes.foldAll();
      await tidyAll();
      await expireRolled(retention);
      // What somebody had read before that, and has put together again since.
      await renewLoose();
      await expireRolled(retention);
      await expireSubjects(retention);
      await expireNames();
      await expireProcesses(retention.rollupsBefore);
    },
  };
}

/** What is left of a subject: hours from `hour` on, variations and a context from `before` on. */
function forgetting(hour: number, before: number): Document[] {
  const got = { $objectToArray: { $ifNull: ['$got', {}] } };
  const isOldContext = { $lt: ['$seenAt', before] };
  const unlessOld = (field: string) => ({ $cond: [isOldContext, '$$REMOVE', field] });
  const times = { $concatArrays: [{ $map: { input: got, in: '$$this.v.at' } }, ['$seenAt']] };
  return [
    {
      $set: {
        got: { $arrayToObject: { $filter: { input: got, cond: { $gte: ['$$this.v.at', before] } } } },
        hours: { $filter: { input: '$hours', cond: { $gte: ['$$this', hour] } } },
        attributes: unlessOld('$attributes'),
        seenAt: unlessOld('$seenAt'),
      },
    },
    { $set: { firstAt: { $min: times }, firstHour: { $min: '$hours' } } },
  ];
}

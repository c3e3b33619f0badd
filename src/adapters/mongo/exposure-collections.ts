import type { Collection, Document } from 'mongodb';
import type {
  ContextsDocument,
  ErasureDocument,
  EventsDocument,
  FlagDocument,
  HourDocument,
  LetterDocument,
  MinutesDocument,
  PartDocument,
  ProcessDocument,
  Rolled,
  RowsDocument,
  SubjectDocument,
  TotalsDocument,
} from './exposure-documents.ts';
import { makeExposureViews } from './exposure-tables.ts';
import type { Mongo } from './open-mongo.ts';

/** All collections of exposures in one database. */
export interface ExposureCollections {
  readonly parts: Collection<PartDocument>;
  readonly hours: Collection<HourDocument>;
  readonly totals: Collection<TotalsDocument>;
  readonly minutes: Collection<MinutesDocument>;
  readonly rows: Collection<RowsDocument>;
  readonly events: Collection<EventsDocument>;
  readonly contexts: Collection<ContextsDocument>;
  readonly subjects: Collection<SubjectDocument>;
  readonly erasures: Collection<ErasureDocument>;
  readonly flags: Collection<FlagDocument>;
  readonly processes: Collection<ProcessDocument>;
  readonly letters: Collection<LetterDocument>;
}

export function exposureCollections({ db }: Mongo): ExposureCollections {
  return {
    parts: db.collection('exposure_parts'),
    hours: db.collection('exposure_hours'),
    totals: db.collection('exposure_totals'),
    minutes: db.collection('exposure_minutes'),
    rows: db.collection('exposure_rows'),
    events: db.collection('exposure_events'),
    contexts: db.collection('exposure_contexts'),
    subjects: db.collection('exposure_subjects'),
    erasures: db.collection('exposure_erasures'),
    flags: db.collection('exposure_flags'),
    processes: db.collection('exposure_processes'),
    letters: db.collection('exposure_letters'),
  };
}

/** The collections that hold what rolls are made of. */
export function rolledCollections(all: ExposureCollections): readonly Collection<Document & Rolled>[] {
  return [all.totals, all.minutes, all.rows, all.events, all.contexts] as unknown as Collection<
    Document & Rolled
  >[];
}

/** Idempotent, and any number of replicas may do it at once. Text compares as UTF-8 bytes. */
export async function makeExposureIndexes(mongo: Mongo, all: ExposureCollections): Promise<void> {
  const collation = { locale: 'simple' };
  const hour = { project: 1, environment: 1, hour: 1 } as const;
  const only = (field: string) => ({ partialFilterExpression: { [field]: true }, collation });
  const make = (collection: object, indexes: Parameters<Collection['createIndexes']>[0]) =>
    mongo.run(() => (collection as Collection).createIndexes(indexes));
  const rolled = rolledCollections(all).map((collection) =>
    make(collection, [
      { key: { roll: 1, flag: 1 }, name: 'rolls', collation },
      { key: { hour: 1, project: 1, environment: 1, roll: 1 }, name: 'ages', collation },
    ]),
  );
  await Promise.all([
    makeExposureViews(mongo),
    ...rolled,
    make(all.parts, [
      { key: hour, name: 'open', ...only('open') },
      { key: { process: 1, sequence: -1 }, name: 'unfolded', ...only('unfolded') },
      { key: { storedAt: 1 }, name: 'ages', collation },
    ]),
    make(all.hours, [
      { key: hour, name: 'hours', collation },
      { key: { hour: 1 }, name: 'ages', collation },
      { key: { loose: 1 }, name: 'loose', ...only('loose') },
      { key: { 'rolls.id': 1 }, name: 'rolls', collation },
    ]),
    make(all.subjects, [
      { key: { project: 1, environment: 1, order: 1, seenAt: 1 }, name: 'order', collation },
      { key: { firstAt: 1 }, name: 'first_times', collation },
      { key: { firstHour: 1 }, name: 'first_hours', collation },
      { key: { erasedAt: 1 }, name: 'erasures', sparse: true, collation },
    ]),
    make(all.erasures, [{ key: { at: 1 }, name: 'ages', collation }]),
    make(all.flags, [{ key: { project: 1, environment: 1, flag: 1 }, name: 'flags', collation }]),
  ]);
}

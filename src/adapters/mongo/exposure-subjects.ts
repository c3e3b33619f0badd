import { createHash } from 'node:crypto';
import type { AnyBulkWriteOperation, OptionalId } from 'mongodb';
import { compareCodePoints } from '../../core/canonical-json.ts';
import type { ContextSample, Period, RecordedContext, RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { type ContextEntry, FORMAT, type SubjectDocument } from './exposure-documents.ts';
import { acknowledged } from './exposure-hours.ts';
import { chunksOf } from './exposure-pieces.ts';
import { elsewhere, isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** What is written or read at once. */
const PIECE_SUBJECTS = 500;
const ATTEMPTS = 50;

/** What is to be noted of one subject. */
export interface Seen {
  /** The last variation of each flag. */
  readonly got: Map<string, { readonly at: number; readonly variation: string }>;
  readonly hours: Set<number>;
  firstAt: number;
  context?: ContextEntry;
}

export interface Noting {
  readonly place: RecordedPlace;
  /** Another one for each noting. */
  readonly stamp: string;
  readonly seen: ReadonlyMap<string, Seen>;
  /** Whether nobody has noted or erased anything of the hour since this was begun. */
  readonly isCurrent: () => Promise<boolean>;
}

/** Who was seen, with what, and which variations they got last. */
export interface Subjects {
  /**
   * Notes it: any number of times, in any order. False once that is not current any more: then somebody else has noted
   * it, and somebody may have erased some of it again, of which nothing comes back.
   */
  note(noting: Noting): Promise<boolean>;
  sample(place: RecordedPlace, query: Period & { readonly limit: number }): Promise<ContextSample>;
  lastVariations(
    place: RecordedPlace,
    flag: string,
    subjects: readonly string[],
  ): Promise<Map<string, string>>;
}

type Known = Pick<SubjectDocument, '_id' | 'noted' | 'seenAt'>;

export function openSubjects(mongo: Mongo, { subjects }: ExposureCollections): Subjects {
  async function knownOf(ids: readonly string[]): Promise<Map<string, Known>> {
    const projection = { noted: 1, seenAt: 1 };
    const found = await mongo.run((reading) =>
      subjects.find<Known>({ _id: { $in: [...ids] } }, { ...acknowledged(reading), projection }).toArray(),
    );
    return new Map(found.map((document) => [document._id, document]));
  }

  /** Those that somebody else noted something of meanwhile; undefined if the hour has changed. */
  async function noteSome(
    { place, stamp, isCurrent }: Noting,
    some: readonly (readonly [string, Seen])[],
  ): Promise<(readonly [string, Seen])[] | undefined> {
    const ids = some.map(([subject]) => subjectId(place, subject));
    const known = await knownOf(ids);
    // Nothing can have been erased before this: what is erased from now on, is not as it was known.
    if (!(await isCurrent())) return undefined;
    const operations = some.map(([subject, seen]) =>
      noteOf(place, stamp, subject, seen, known.get(subjectId(place, subject))),
    );
    try {
      const { insertedCount, matchedCount } = await mongo.run(() =>
        subjects.bulkWrite(operations, { ordered: false }),
      );
      if (insertedCount + matchedCount === some.length) return [];
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const noted = await knownOf(ids);
    return some.filter(([subject]) => noted.get(subjectId(place, subject))?.noted !== stamp);
  }

  return {
    async note(noting) {
      for (const piece of chunksOf([...noting.seen], PIECE_SUBJECTS)) {
        let left: readonly (readonly [string, Seen])[] | undefined = piece;
        for (let attempt = 0; left !== undefined && left.length > 0; attempt++) {
          if (attempt === ATTEMPTS) throw elsewhere();
          left = await noteSome(noting, left);
        }
        if (left === undefined) return false;
      }
      return true;
    },
    async sample({ project, environment }, { from, to, limit }) {
      const filter = { project, environment, seenAt: { $gte: from, $lt: to } };
      const [total, found] = await Promise.all([
        mongo.run((reading) => subjects.countDocuments(filter, acknowledged(reading))),
        mongo.run((reading) =>
          subjects.find(filter, { ...acknowledged(reading), sort: { order: 1 }, limit }).toArray(),
        ),
      ]);
      return { total, contexts: limit > 0 ? found.flatMap(contextIn) : [] };
    },
    async lastVariations(place, flag, wanted) {
      const field = fieldOf(flag);
      const projection = { subject: 1, [`got.${field}`]: 1 };
      const last = new Map<string, string>();
      for (const some of chunksOf(wanted, PIECE_SUBJECTS)) {
        const filter = { _id: { $in: some.map((subject) => subjectId(place, subject)) } };
        const found = await mongo.run((reading) =>
          subjects.find(filter, { ...acknowledged(reading), projection }).toArray(),
        );
        for (const { subject, got } of found) {
          const variation = got?.[field]?.variation;
          if (typeof subject === 'string' && typeof variation === 'string') last.set(subject, variation);
        }
      }
      return last;
    },
  };
}

/** Says nothing of who it is, and puts subjects in an order that has nothing to do with them. */
export function subjectId({ project, environment }: RecordedPlace, subject: string): string {
  return createHash('sha256')
    .update(JSON.stringify([project, environment, subject]))
    .digest('base64url');
}

/** As MongoDB compares the two with $max. */
export function isLater(
  a: { readonly at: number; readonly variation: string },
  b: { readonly at: number; readonly variation: string },
): boolean {
  if (a.at !== b.at) return a.at > b.at;
  return a.variation !== b.variation && compareCodePoints(a.variation, b.variation) > 0;
}

/** Without effect if anybody has noted anything since it was known so. */
function noteOf(
  place: RecordedPlace,
  stamp: string,
  subject: string,
  { got, hours, firstAt, context }: Seen,
  known: Known | undefined,
): AnyBulkWriteOperation<SubjectDocument> {
  const { project, environment } = place;
  const _id = subjectId(place, subject);
  const firsts = {
    ...(firstAt < Infinity && { firstAt }),
    ...(hours.size > 0 && { firstHour: Math.min(...hours) }),
  };
  const isNewer = context !== undefined && context.seenAt >= (known?.seenAt ?? 0);
  const about = {
    ...{ format: FORMAT, project, environment, subject, order: _id, noted: stamp },
    ...(isNewer && { attributes: context.attributes, seenAt: context.seenAt }),
  };
  const last = [...got].map(([flag, one]) => [fieldOf(flag), one] as const);
  if (known === undefined) {
    const document = { _id, ...about, ...firsts, got: Object.fromEntries(last), hours: [...hours] };
    return { insertOne: { document: document as OptionalId<SubjectDocument> } };
  }
  const update = {
    $set: about,
    $unset: { erasedAt: '' },
    ...(last.length > 0 && { $max: Object.fromEntries(last.map(([field, one]) => [`got.${field}`, one])) }),
    ...(Object.keys(firsts).length > 0 && { $min: firsts }),
    $addToSet: { hours: { $each: [...hours] } },
  };
  return { updateOne: { filter: { _id, noted: known.noted }, update: update as object } };
}

function contextIn({ subject, attributes, seenAt }: SubjectDocument): RecordedContext[] {
  try {
    return [{ subject, attributes: JSON.parse(attributes ?? ''), seenAt: seenAt ?? 0 }];
  } catch {
    return [];
  }
}

/** The name of a field that stands for a flag: nothing of what callers wrote is ever one. */
export function fieldOf(flag: string): string {
  return createHash('sha256').update(flag).digest('base64url').slice(0, 22);
}

import { createHash } from 'node:crypto';
import type { AnyBulkWriteOperation, Filter } from 'mongodb';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ContextSample, Period, RecordedContext, RecordedPlace } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import type { OpenPart } from './exposure-content.ts';
import { FORMAT, type SubjectDocument } from './exposure-documents.ts';
import { acknowledged } from './exposure-hours.ts';
import { chunksOf } from './exposure-pieces.ts';
import { elsewhere, isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** What is written or read at once. */
const PIECE_SUBJECTS = 500;
const ATTEMPTS = 50;

/** A roll that notes what is in it. */
export interface Noting {
  readonly place: RecordedPlace;
  readonly roll: string;
  readonly parts: readonly OpenPart[];
  /** Whether nobody has changed the hour since the roll was begun. */
  readonly isCurrent: () => Promise<boolean>;
}

/** Who was seen, with what, and which variations they got last. */
export interface Subjects {
  /**
   * Notes what is in these parts: any number of times, in any order. False if the hour has changed: then whoever changed
   * it has noted all of it, and perhaps erased some of it again, of which nothing comes back.
   */
  note(noting: Noting): Promise<boolean>;
  sample(place: RecordedPlace, query: Period & { readonly limit: number }): Promise<ContextSample>;
  lastVariations(
    place: RecordedPlace,
    flag: string,
    subjects: readonly string[],
  ): Promise<Map<string, string>>;
}

interface Seen {
  readonly got: Map<string, { readonly at: number; readonly variation: string }>;
  readonly hours: Set<number>;
  firstAt: number;
  context?: RecordedContext;
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
    { place, roll, isCurrent }: Noting,
    some: readonly (readonly [string, Seen])[],
  ): Promise<(readonly [string, Seen])[] | undefined> {
    const ids = some.map(([subject]) => subjectId(place, subject));
    const known = await knownOf(ids);
    // Nothing can have been erased before this: what is erased from now on, is not as it was known.
    if (!(await isCurrent())) return undefined;
    const operations = some.map(([subject, seen]) =>
      noteOf(place, roll, subject, seen, known.get(subjectId(place, subject))),
    );
    try {
      await mongo.run(() => subjects.bulkWrite(operations, { ordered: false }));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const noted = await knownOf(ids);
    return some.filter(([subject]) => noted.get(subjectId(place, subject))?.noted !== roll);
  }

  return {
    async note(noting) {
      for (const piece of chunksOf([...seenIn(noting.parts)], PIECE_SUBJECTS)) {
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

function seenIn(parts: readonly OpenPart[]): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  const of = (subject: string) =>
    entryIn(seen, subject, (): Seen => ({ got: new Map(), hours: new Set(), firstAt: Infinity }));
  for (const { evaluations, events, contexts, hour } of parts) {
    for (const { subject, flag, time: at, variation } of evaluations) {
      if (subject === '') continue;
      const one = of(subject);
      const known = one.got.get(flag);
      one.hours.add(hour);
      one.firstAt = Math.min(one.firstAt, at);
      if (known === undefined || isLater({ at, variation }, known)) one.got.set(flag, { at, variation });
    }
    for (const { subject } of events) if (subject !== '') of(subject).hours.add(hour);
    for (const context of contexts) {
      const one = of(context.subject);
      one.firstAt = Math.min(one.firstAt, context.seenAt);
      if (one.context === undefined || one.context.seenAt <= context.seenAt) one.context = context;
    }
  }
  return seen;
}

/** As MongoDB compares the two with $max. */
function isLater(a: { at: number; variation: string }, b: { at: number; variation: string }): boolean {
  if (a.at !== b.at) return a.at > b.at;
  return Buffer.compare(Buffer.from(a.variation), Buffer.from(b.variation)) > 0;
}

/** Without effect if anybody has noted anything since it was known so. */
function noteOf(
  place: RecordedPlace,
  roll: string,
  subject: string,
  { got, hours, firstAt, context }: Seen,
  known: Known | undefined,
): AnyBulkWriteOperation<SubjectDocument> {
  const { project, environment } = place;
  const _id = subjectId(place, subject);
  const latest = Object.fromEntries([...got].map(([flag, last]) => [`got.${fieldOf(flag)}`, last]));
  const firsts = {
    ...(firstAt < Infinity && { firstAt }),
    ...(hours.size > 0 && { firstHour: Math.min(...hours) }),
  };
  const isNewer = context !== undefined && context.seenAt >= (known?.seenAt ?? 0);
  const seen = isNewer && { attributes: canonicalJson(context.attributes), seenAt: context.seenAt };
  const update = {
    $set: { format: FORMAT, project, environment, subject, order: _id, noted: roll, ...seen },
    $unset: { erasedAt: '' },
    ...(got.size > 0 && { $max: latest }),
    ...(Object.keys(firsts).length > 0 && { $min: firsts }),
    $addToSet: { hours: { $each: [...hours] } },
  };
  const filter = { _id, noted: known?.noted ?? { $exists: false } } as Filter<SubjectDocument>;
  return { updateOne: { filter, update: update as object, upsert: known === undefined } };
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

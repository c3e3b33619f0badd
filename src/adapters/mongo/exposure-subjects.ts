import { createHash, randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation } from 'mongodb';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ContextSample, Period, RecordedContext, RecordedPlace } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import type { OpenPart } from './exposure-content.ts';
import { FORMAT, type SubjectDocument } from './exposure-documents.ts';
import { acknowledged } from './exposure-hours.ts';
import { chunksOf } from './exposure-pieces.ts';
import type { Mongo } from './open-mongo.ts';

/** What is written or read at once. */
const PIECE_SUBJECTS = 500;

/** Who was seen, with what, and which variations they got last. */
export interface Subjects {
  /** Notes what is in these parts: any number of times, in any order. */
  note(place: RecordedPlace, parts: readonly OpenPart[]): Promise<void>;
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

export function openSubjects(mongo: Mongo, { subjects }: ExposureCollections): Subjects {
  const write = async (operations: AnyBulkWriteOperation<SubjectDocument>[]) => {
    for (const piece of chunksOf(operations, PIECE_SUBJECTS))
      await mongo.run(() => subjects.bulkWrite(piece, { ordered: false }));
  };

  return {
    async note(place, parts) {
      const seen = [...seenIn(parts)];
      await write(seen.map(([subject, one]) => noteOf(place, subject, one)));
      await write(
        seen.flatMap(([subject, { context }]) => (context ? [contextOf(place, subject, context)] : [])),
      );
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
          if (typeof variation === 'string') last.set(subject, variation);
        }
      }
      return last;
    },
  };
}

export function subjectId({ project, environment }: RecordedPlace, subject: string): string {
  return JSON.stringify([project, environment, subject]);
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

function noteOf(
  place: RecordedPlace,
  subject: string,
  { got, hours, firstAt }: Seen,
): AnyBulkWriteOperation<SubjectDocument> {
  const { project, environment } = place;
  const _id = subjectId(place, subject);
  const known = { format: FORMAT, project, environment, subject, order: orderOf(_id) };
  const latest = Object.fromEntries([...got].map(([flag, last]) => [`got.${fieldOf(flag)}`, last]));
  const firsts = {
    ...(firstAt < Infinity && { firstAt }),
    ...(hours.size > 0 && { firstHour: Math.min(...hours) }),
  };
  const update = {
    $setOnInsert: known,
    ...(got.size > 0 && { $max: latest }),
    ...(Object.keys(firsts).length > 0 && { $min: firsts }),
    $set: { noted: randomUUID() },
    $addToSet: { hours: { $each: [...hours] } },
  };
  return { updateOne: { filter: { _id }, update, upsert: true } };
}

/** Only a later one takes the place of one that is there. */
function contextOf(
  place: RecordedPlace,
  subject: string,
  { attributes, seenAt }: RecordedContext,
): AnyBulkWriteOperation<SubjectDocument> {
  const isNoLater = { $not: { $gt: seenAt } };
  const update = { $set: { attributes: canonicalJson(attributes), seenAt } };
  return { updateOne: { filter: { _id: subjectId(place, subject), seenAt: isNoLater }, update } };
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

function orderOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 16);
}

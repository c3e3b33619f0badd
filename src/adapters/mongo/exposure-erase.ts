import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { WithoutId } from 'mongodb';
import type { Erased, ExposureStore, RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import {
  type EventsDocument,
  FORMAT,
  type RowsDocument,
  type SubjectDocument,
} from './exposure-documents.ts';
import type { Erasures } from './exposure-erasures.ts';
import { acknowledged, type Hours, type PlacedHour } from './exposure-hours.ts';
import type { Notes } from './exposure-notes.ts';
import { chunksOf } from './exposure-pieces.ts';
import type { Roller } from './exposure-roll.ts';
import { rowsIn, withRows } from './exposure-rows.ts';
import { subjectId } from './exposure-subjects.ts';
import type { Tidier } from './exposure-tidy.ts';
import { elsewhere } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

const ATTEMPTS = 50;
const PAUSE_MS = 20;
const CHUNK = 20;

type Units = Omit<Erased, 'contexts'>;

export interface Changes {
  /** Takes rows out of a document. Without effect if somebody else has changed it since it was read. */
  rows(document: RowsDocument, isKept: (time: number, subject: string) => boolean): Promise<number>;
  events(document: EventsDocument, isKept: (time: number, subject: string) => boolean): Promise<number>;
}

/** The one way to change what rolls are made of. Both return how many units went. */
export function openChanges(mongo: Mongo, all: ExposureCollections): Changes {
  return {
    async rows(document, isKept) {
      const rows = rowsIn(document);
      const kept = rows.filter(({ evaluation: { time, subject } }) => isKept(time, subject));
      if (kept.length === rows.length) return 0;
      const { _id, edition } = document;
      const done = await mongo.run(async () =>
        kept.length === 0
          ? (await all.rows.deleteOne({ _id, edition })).deletedCount
          : (await all.rows.replaceOne({ _id, edition }, withRows(document, kept))).matchedCount,
      );
      const before = rows.reduce((sum, { evaluation }) => sum + evaluation.count, 0);
      return done === 0 ? 0 : kept.reduce((sum, { evaluation }) => sum - evaluation.count, before);
    },
    async events(document, isKept) {
      const { _id, edition, events } = document;
      const kept = events.filter(({ time, subject }) => isKept(time, subject));
      if (kept.length === events.length) return 0;
      const next = {
        events: kept,
        from: kept[0]?.time ?? 0,
        to: kept.at(-1)?.time ?? 0,
        edition: edition + 1,
      };
      const done = await mongo.run(async () =>
        kept.length === 0
          ? (await all.events.deleteOne({ _id, edition })).deletedCount
          : (await all.events.updateOne({ _id, edition }, { $set: next })).matchedCount,
      );
      const before = events.reduce((sum, { count }) => sum + count, 0);
      return done === 0 ? 0 : kept.reduce((sum, { count }) => sum - count, before);
    },
  };
}

export interface ErasingParts {
  readonly hours: Hours;
  readonly roller: Roller;
  readonly notes: Notes;
  readonly tidier: Tidier;
  readonly changes: Changes;
  readonly erasures: Erasures;
}

/** Forgets subjects. */
export function openErasing(
  mongo: Mongo,
  all: ExposureCollections,
  { hours, roller, notes, tidier, changes, erasures }: ErasingParts,
): Pick<ExposureStore, 'erase'> {
  async function eraseOnce(rolls: readonly string[], subject: string): Promise<Units> {
    const erased = { evaluations: 0, events: 0 };
    const isKept = (_time: number, who: string) => who !== subject;
    for (const some of chunksOf(rolls, CHUNK)) {
      const own = { roll: { $in: some } };
      const rows = await mongo.run((reading) =>
        all.rows.find({ ...own, 'rows.subject': subject } as object, acknowledged(reading)).toArray(),
      );
      const events = await mongo.run((reading) =>
        all.events.find({ ...own, 'events.subject': subject }, acknowledged(reading)).toArray(),
      );
      await mongo.run(() =>
        all.contexts.updateMany(
          { ...own, 'contexts.subject': subject },
          { $pull: { contexts: { subject } } },
        ),
      );
      for (const document of rows) erased.evaluations += await changes.rows(document, isKept);
      for (const document of events) erased.events += await changes.events(document, isKept);
    }
    return erased;
  }

  /** Whoever was about to put the hour together from what it was cannot do so any more. */
  async function eraseIn(at: PlacedHour, subject: string): Promise<Units> {
    const erased = { evaluations: 0, events: 0 };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = await hours.at(at);
      if (seen === undefined) return erased;
      const { evaluations, events } = await eraseOnce(
        seen.rolls.map(({ id }) => id),
        subject,
      );
      erased.evaluations += evaluations;
      erased.events += events;
      if ((await hours.replace(seen, { era: randomUUID() })) !== undefined) {
        // What somebody who died has left behind may name them as well.
        await tidier.tidy(at, Infinity);
        return erased;
      }
      await delay(PAUSE_MS * Math.random());
    }
    throw elsewhere();
  }

  async function eraseAll(place: RecordedPlace, subject: string): Promise<Erased> {
    const erased = { evaluations: 0, events: 0, contexts: 0 };
    const _id = subjectId(place, subject);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const known = await mongo.run((reading) => all.subjects.findOne({ _id }, acknowledged(reading)));
      if (known === null || known.erasedAt !== undefined) return erased;
      for (const hour of known.hours) {
        const { evaluations, events } = await eraseIn({ place, hour }, subject);
        erased.evaluations += evaluations;
        erased.events += events;
      }
      const { noted } = known;
      const nothing = {
        format: FORMAT,
        noted: randomUUID(),
        erasedAt: new Date(),
      } as WithoutId<SubjectDocument>;
      const { matchedCount } = await mongo.run(() => all.subjects.replaceOne({ _id, noted }, nothing));
      if (matchedCount === 1) return { ...erased, contexts: known.seenAt === undefined ? 0 : 1 };
    }
    throw elsewhere();
  }

  async function settle(place: RecordedPlace): Promise<void> {
    await roller.settle(place);
    await notes.noteAll(place);
  }

  return {
    async erase(place, subject, at) {
      if (subject === '') return { evaluations: 0, events: 0, contexts: 0 };
      // So that nothing of it is in a part any more, and it is noted where it is.
      await settle(place);
      await erasures.note(place, subject, at);
      // What came before that was noted: whoever read it by then may not know of it. What comes from now on is read with it.
      await settle(place);
      return await eraseAll(place, subject);
    },
  };
}

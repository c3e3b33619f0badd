import { randomUUID } from 'node:crypto';
import type { Filter } from 'mongodb';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { FORMAT, type HourDocument } from './exposure-documents.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo, Reading } from './open-mongo.ts';

/** One hour of one place. */
export interface PlacedHour {
  readonly place: RecordedPlace;
  readonly hour: number;
}

/** From, up to but not including to: hours since the epoch. */
export interface HourRange {
  readonly from: number;
  readonly to: number;
}

export type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

/** The documents that say what hours are made of. */
export interface Hours {
  /** The hour as it is; made if there is none. Undefined, and reported, if nobody can read it. */
  at(hour: PlacedHour): Promise<HourDocument | undefined>;
  /** Those of them that can be read; the others are reported. */
  in(place: RecordedPlace, range: HourRange): Promise<HourDocument[]>;
  /**
   * The hour's new token; undefined, and nothing has changed, if somebody else has changed the hour since it was seen
   * so. Whoever saw it before cannot change it any more.
   */
  replace(
    seen: HourDocument,
    by: Partial<Pick<HourDocument, 'rolls' | 'pending' | 'era'>>,
  ): Promise<string | undefined>;
  /** Hours that may not be tidy, of a place or of all. */
  loose(place?: RecordedPlace): Promise<HourDocument[]>;
  /** All that was pending is marked. Readers need not be told: nothing that they see changes. */
  nonePending(id: string, token: string): Promise<void>;
  /** Says that there may be something to tidy up from now on. False if it has changed since it was seen so. */
  loosen(seen: HourDocument): Promise<boolean>;
  /** Says that all is tidy. */
  tighten(id: string, token: string): Promise<void>;
}

/** How to read what was acknowledged to anybody. */
export function acknowledged({ signal, maxTimeMS }: Reading) {
  return { signal, maxTimeMS, readConcern: { level: 'majority' } } as const;
}

export function hourId({ place: { project, environment }, hour }: PlacedHour): string {
  return JSON.stringify([project, environment, hour]);
}

export function inHours({ project, environment }: RecordedPlace, { from, to }: HourRange) {
  return { project, environment, hour: { $gte: from, $lt: to } };
}

export function openHours(mongo: Mongo, { hours }: ExposureCollections, report: Report): Hours {
  const find = (filter: Filter<HourDocument>) =>
    mongo.run((reading) => hours.find(filter, acknowledged(reading)).toArray());

  function readable(found: readonly HourDocument[]): HourDocument[] {
    return found.filter((document) => {
      if (isSound(document)) return true;
      report('an hour of exposures cannot be read, and is left out', { id: document._id });
      return false;
    });
  }

  async function make(at: PlacedHour): Promise<void> {
    const { place, hour } = at;
    const nothing = {
      token: randomUUID(),
      era: randomUUID(),
      rolls: [],
      hidden: [],
      pending: [],
      loose: true,
    } as const;
    try {
      await mongo.run(() => hours.insertOne({ _id: hourId(at), format: FORMAT, ...place, hour, ...nothing }));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
  }

  return {
    async at(at) {
      let found = await find({ _id: hourId(at) });
      if (found.length === 0) {
        await make(at);
        found = await find({ _id: hourId(at) });
      }
      return readable(found)[0];
    },
    in: async (place, range) => readable(await find(inHours(place, range))),
    async replace({ _id, token }, by) {
      const next = randomUUID();
      const update = { $set: { ...by, token: next } };
      const { matchedCount } = await mongo.run(() => hours.updateOne({ _id, token }, update));
      return matchedCount === 1 ? next : undefined;
    },
    loose: async (place) => readable(await find({ ...place, loose: true })),
    async loosen({ _id, token }) {
      const update = { $set: { loose: true } } as const;
      return (await mongo.run(() => hours.updateOne({ _id, token }, update))).matchedCount === 1;
    },
    async nonePending(_id, token) {
      await mongo.run(() => hours.updateOne({ _id, token }, { $set: { pending: [] } }));
    },
    async tighten(_id, token) {
      await mongo.run(() => hours.updateOne({ _id, token }, { $unset: { loose: '' } }));
    },
  };
}

function isSound({ format, token, hour, rolls, hidden, pending }: HourDocument): boolean {
  return (
    format === FORMAT &&
    typeof token === 'string' &&
    Number.isSafeInteger(hour) &&
    [rolls, hidden, pending].every((list) => Array.isArray(list)) &&
    rolls.every((roll) => typeof roll?.id === 'string' && Number.isFinite(roll.rows))
  );
}

import { earliestIn, withoutErased } from '../../ports/erased-subjects.ts';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import type { OpenPart } from './exposure-content.ts';
import { acknowledged } from './exposure-hours.ts';
import { subjectId } from './exposure-subjects.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** Who was erased, and when. */
export interface Erasures {
  note(place: RecordedPlace, subject: string, at: number): Promise<void>;
  /** What is left of parts that were stored before or after that. To be asked once they are read: they are not changed. */
  without(parts: readonly OpenPart[]): Promise<OpenPart[]>;
}

export function openErasures(mongo: Mongo, { erasures }: ExposureCollections): Erasures {
  return {
    async note(place, subject, at) {
      const put = () =>
        mongo.run(() =>
          erasures.updateOne({ _id: subjectId(place, subject) }, { $max: { at } }, { upsert: true }),
        );
      try {
        await put();
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        // Somebody else has put it there at the same moment.
        await put();
      }
    },
    async without(parts) {
      const [first, ...others] = parts.map(earliestIn);
      if (first === undefined) return [];
      const earliest = others.reduce((least, each) => Math.min(least, each), first);
      const found = await mongo.run((reading) =>
        erasures.find({ at: { $gte: earliest } }, acknowledged(reading)).toArray(),
      );
      if (found.length === 0) return [...parts];
      const erased = new Map(found.map(({ _id, at }) => [_id, at]));
      return parts.map((part) =>
        withoutErased(part, (subject) => erased.get(subjectId(part.place, subject))),
      );
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { type OpenPart, openPartIn } from './exposure-content.ts';
import type { HourDocument } from './exposure-documents.ts';
import type { Erasures } from './exposure-erasures.ts';
import { acknowledged, type HourRange, type Hours, inHours, type Report } from './exposure-hours.ts';
import { isUnnoted } from './exposure-notes.ts';
import { elsewhere } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** How often an answer is worked out again because hours were put together meanwhile. */
const ATTEMPTS = 50;
const PAUSE_MS = 20;
/** What is loaded at once. */
const CHUNK_PARTS = 50;

/** What an hour is made of at one moment: some rolls, and parts that are in none. Everything counts exactly once. */
export interface HourView {
  readonly hour: number;
  readonly rolls: readonly string[];
  /** Of the rolls, those that the hour has forgotten and the day has not. */
  readonly hidden: ReadonlySet<string>;
  readonly parts: readonly OpenPart[];
  /** It is not noted of everybody in it that they are. */
  readonly isUnnoted: boolean;
}

/** Reads what was stored. */
export interface Views {
  /**
   * Works an answer out from all hours of the range as they are at one moment, in their order. `work` is called again if
   * what it was given went meanwhile. Rejects as busy if that never ends.
   */
  look<T>(
    place: RecordedPlace,
    range: HourRange,
    work: (hours: readonly HourView[]) => Promise<T>,
  ): Promise<T>;
  /** Parts that are in no hour yet, or just are, by their names and hours. */
  openParts(place: RecordedPlace, range: HourRange): Promise<PartName[]>;
  /** Their contents. Left out is what is gone or broken, and whoever was erased. */
  load(ids: readonly string[]): Promise<OpenPart[]>;
}

export interface PartName {
  readonly _id: string;
  readonly hour: number;
  readonly rows: number;
}

export function openViews(
  mongo: Mongo,
  { parts }: ExposureCollections,
  hours: Hours,
  erasures: Erasures,
  report: Report,
): Views {
  const openParts: Views['openParts'] = (place, range) => {
    const projection = { hour: 1, rows: 1 };
    const filter = { ...inHours(place, range), open: true as const };
    return mongo.run((reading) =>
      parts.find<PartName>(filter, { ...acknowledged(reading), projection, batchSize: 10_000 }).toArray(),
    );
  };

  const load: Views['load'] = async (ids) => {
    const loaded: OpenPart[] = [];
    for (let index = 0; index < ids.length; index += CHUNK_PARTS) {
      const filter = { _id: { $in: ids.slice(index, index + CHUNK_PARTS) }, open: true as const };
      const found = await mongo.run((reading) => parts.find(filter, acknowledged(reading)).toArray());
      for (const document of found) {
        const part = await openPartIn(document);
        if (part !== undefined) loaded.push(part);
        else report('a stored batch of exposures cannot be read, and is left out', { id: document._id });
      }
    }
    return await erasures.without(loaded);
  };

  /** Undefined if an hour changed meanwhile. */
  async function views(place: RecordedPlace, range: HourRange): Promise<HourView[] | undefined> {
    const before = await hours.in(place, range);
    const counted = new Set(before.flatMap(({ pending }) => pending));
    const open = (await openParts(place, range)).filter(({ _id }) => !counted.has(_id));
    const loaded = await load(open.map(({ _id }) => _id));
    const after = new Map((await hours.in(place, range)).map(({ _id, token }) => [_id, token]));
    const isSame = before.every(({ _id, token }) => after.get(_id) === token);
    return isSame && after.size === before.length ? viewsOf(before, loaded) : undefined;
  }

  async function isStillThere(place: RecordedPlace, range: HourRange, seen: readonly HourView[]) {
    const now = await hours.in(place, range);
    const ids = new Set(now.flatMap(({ rolls }) => rolls.map(({ id }) => id)));
    return seen.every(({ rolls }) => rolls.every((roll) => ids.has(roll)));
  }

  return {
    async look(place, range, work) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const seen = await views(place, range);
        if (seen !== undefined) {
          const result = await work(seen);
          if (await isStillThere(place, range, seen)) return result;
        }
        await delay(PAUSE_MS * Math.random());
      }
      throw elsewhere();
    },
    openParts,
    load,
  };
}

function viewsOf(documents: readonly HourDocument[], parts: readonly OpenPart[]): HourView[] {
  const known = new Map(documents.map((document) => [document.hour, document]));
  const all = new Set([...known.keys(), ...parts.map(({ hour }) => hour)]);
  return [...all]
    .sort((a, b) => a - b)
    .map((hour) => ({
      hour,
      rolls: known.get(hour)?.rolls.map(({ id }) => id) ?? [],
      hidden: new Set(known.get(hour)?.hidden),
      isUnnoted: known.get(hour)?.rolls.some(isUnnoted) === true,
      parts: parts.filter((part) => part.hour === hour),
    }));
}

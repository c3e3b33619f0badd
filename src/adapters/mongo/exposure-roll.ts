import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import type { OpenPart } from './exposure-content.ts';
import type { ContextEntry, HourDocument } from './exposure-documents.ts';
import { acknowledged, type HourRange, type Hours, type PlacedHour } from './exposure-hours.ts';
import {
  chunksOf,
  countedContent,
  dropRolls,
  latestContexts,
  piecesOf,
  writePieces,
} from './exposure-pieces.ts';
import { numberedRows } from './exposure-rows.ts';
import type { PartName, Views } from './exposure-view.ts';
import { elsewhere, isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** What one roll takes in at most. */
const MAX_PARTS = 256;
const MAX_ROWS = 60_000;
/** How often a roll that somebody else was faster with is tried again. */
const ATTEMPTS = 50;
const PAUSE_MS = 20;

/** Puts parts into their hours. Any number of processes may, and may be killed at it. */
export interface Roller {
  /** Puts all parts of an hour that are there now into it. Rejects as busy if somebody else was always faster. */
  roll(at: PlacedHour): Promise<void>;
  /** The same for all hours of a place, or of all places. */
  settle(place?: RecordedPlace, range?: HourRange): Promise<void>;
  /** What is pending in an hour is marked as being in it. */
  strip(hour: Pick<HourDocument, 'pending'>): Promise<void>;
}

export interface RollParts {
  readonly mongo: Mongo;
  readonly all: ExposureCollections;
  readonly hours: Hours;
  readonly views: Views;
  /** Notes in the processes what is in the parts: whoever calls this need not wait for it. */
  readonly fold: (processes: ReadonlySet<string>) => Promise<void>;
}

/** How far one attempt came. */
type Step = 'done' | 'more' | 'lost';

export function openRoller({ mongo, all, hours, views, fold }: RollParts): Roller {
  /** Parts that nobody can read are asked for only once. */
  const broken = new Set<string>();

  async function strip(hour: Pick<HourDocument, 'pending'>): Promise<void> {
    for (const some of chunksOf(hour.pending, MAX_PARTS)) {
      const filter = { _id: { $in: some }, open: true as const };
      await mongo.run(() => all.parts.updateMany(filter, { $unset: { open: '', content: '' } }));
    }
  }

  async function contentsOf(names: readonly PartName[]): Promise<OpenPart[]> {
    const loaded = await views.load(names.map(({ _id }) => _id));
    const found = new Set(loaded.map(({ id }) => id));
    for (const { _id } of names) if (!found.has(_id)) broken.add(_id);
    return loaded;
  }

  async function step(at: PlacedHour): Promise<Step> {
    const { place, hour } = at;
    const seen = await hours.at(at);
    if (seen === undefined) return 'done';
    await strip(seen);
    const open = await views.openParts(place, { from: hour, to: hour + 1 });
    const readable = open.filter(({ _id }) => !broken.has(_id));
    const names = fewOf(readable);
    if (names.length === 0) return 'done';
    if (!(await hours.loosen(seen))) return 'lost';
    const parts = await contentsOf(names);
    if (parts.length === 0) return 'more';
    const isSaved = await save(at, seen, parts);
    if (!isSaved) return 'lost';
    await fold(new Set(parts.map(({ process }) => process)));
    return names.length < readable.length ? 'more' : 'done';
  }

  async function save(at: PlacedHour, seen: HourDocument, parts: readonly OpenPart[]): Promise<boolean> {
    const { place, hour } = at;
    const roll = randomUUID();
    const rows = parts.flatMap(numberedRows);
    const events = parts.flatMap((part) => part.events);
    const contexts = latestContexts(parts.flatMap(contextEntries));
    const content = await countedContent(rows, events, contexts);
    await writePieces(mongo, all, await piecesOf({ place, hour, roll }, content));
    await noteFlags(place, parts);
    const pending = parts.map(({ id }) => id);
    const rolls = [...seen.rolls, { id: roll, rows: rows.length + events.length }];
    const token = await hours.replace(seen, { rolls, pending });
    if (token !== undefined) {
      await strip({ pending });
      await hours.nonePending(seen._id, token);
      return true;
    }
    await dropRolls(mongo, all, hour, [roll]);
    return false;
  }

  async function noteFlags({ project, environment }: RecordedPlace, parts: readonly OpenPart[]) {
    const lastAt = new Map<string, number>();
    for (const { evaluations } of parts)
      for (const { flag, time } of evaluations) lastAt.set(flag, Math.max(time, lastAt.get(flag) ?? time));
    const operations = [...lastAt].map(([flag, time]) => {
      const filter = { _id: JSON.stringify([project, environment, flag]) };
      const update = { $setOnInsert: { format: 1, project, environment, flag }, $max: { lastAt: time } };
      return { updateOne: { filter, update, upsert: true } };
    });
    for (const some of chunksOf(operations, MAX_PARTS))
      try {
        await mongo.run(() => all.flags.bulkWrite(some, { ordered: false }));
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        // Somebody else put a flag there at the same moment: now it is there for both.
        await mongo.run(() => all.flags.bulkWrite(some, { ordered: false }));
      }
  }

  async function roll(at: PlacedHour): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; ) {
      const result = await step(at);
      if (result === 'done') return;
      if (result === 'more') continue;
      attempt++;
      await delay(PAUSE_MS * Math.random());
    }
    throw elsewhere();
  }

  return {
    roll,
    strip,
    async settle(place, range) {
      const filter = { open: true, ...place, ...(range && { hour: { $gte: range.from, $lt: range.to } }) };
      const grouping = [
        { $match: filter },
        { $group: { _id: { project: '$project', environment: '$environment', hour: '$hour' } } },
      ];
      const found = await mongo.run((reading) =>
        all.parts
          .aggregate<{ _id: RecordedPlace & { hour: number } }>(grouping, acknowledged(reading))
          .toArray(),
      );
      for (const { _id } of found) {
        const { project, environment, hour } = _id;
        if (Number.isSafeInteger(hour)) await roll({ place: { project, environment }, hour });
      }
    },
  };
}

function fewOf(names: readonly PartName[]): PartName[] {
  let rows = 0;
  return names.slice(0, MAX_PARTS).filter((name, index) => {
    rows += name.rows;
    return index === 0 || rows <= MAX_ROWS;
  });
}

function contextEntries({ contexts }: OpenPart): ContextEntry[] {
  return contexts.map(({ subject, attributes, seenAt }) => ({
    ...{ subject, attributes: canonicalJson(attributes), seenAt },
  }));
}

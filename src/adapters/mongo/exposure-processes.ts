import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Filter } from 'mongodb';
import type { ExposureCollections } from './exposure-collections.ts';
import { isSound } from './exposure-content.ts';
import { FORMAT, type PartDocument, type ProcessDocument } from './exposure-documents.ts';
import { acknowledged, type Report } from './exposure-hours.ts';
import { type Known, knownOf, withPart } from './exposure-known.ts';
import { chunksOf } from './exposure-pieces.ts';
import { elsewhere, isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** What one step takes in. */
const MAX_PARTS = 1_000;
const ATTEMPTS = 50;
const PAUSE_MS = 20;

/** What is known of processes: in a document for each, and in parts that are not in it yet. */
export interface Processes {
  /** Puts parts into their processes. */
  fold(processes: Iterable<string>): Promise<void>;
  foldAll(): Promise<void>;
  /** What is known of all of them, at one moment, letters aside. */
  known(): Promise<Map<string, Known>>;
  end(process: string, accepted: number, at: number): Promise<void>;
  /** Whether the process knows by itself that this batch is stored. */
  has(process: string, sequence: number): Promise<boolean>;
  forget(process: string): Promise<void>;
}

const PART_FIELDS = {
  ...{ format: 1, process: 1, sequence: 1, digest: 1, project: 1, environment: 1, hour: 1, units: 1 },
  ...{ accepted: 1, losses: 1, firstAt: 1, lastAt: 1, rows: 1, checksum: 1 },
} as const;

export function openProcesses(
  mongo: Mongo,
  { parts, processes }: ExposureCollections,
  report: Report,
): Processes {
  const find = (filter: Filter<ProcessDocument>) =>
    mongo.run((reading) => processes.find(filter, acknowledged(reading)).toArray());

  /** The last ones first: whatever came before them is there already. */
  async function unfolded(process?: string, limit = 0): Promise<PartDocument[]> {
    const filter = { unfolded: true as const, ...(process !== undefined && { process }) };
    const sort = { process: 1, sequence: -1 } as const;
    const wanted = { projection: PART_FIELDS, sort, limit, batchSize: 10_000 };
    const found = await mongo.run((reading) =>
      parts.find(filter, { ...acknowledged(reading), ...wanted }).toArray(),
    );
    return found.filter((part) => {
      if (isSound(part)) return true;
      report('a stored batch of exposures cannot be read, and is left out', { id: part._id });
      return false;
    });
  }

  async function strip(pending: readonly string[]): Promise<void> {
    for (const some of chunksOf(pending, MAX_PARTS)) {
      const filter = { _id: { $in: some }, unfolded: true as const };
      await mongo.run(() => parts.updateMany(filter, { $unset: { unfolded: '' } }));
    }
  }

  async function made(process: string): Promise<ProcessDocument | undefined> {
    const [known] = await find({ _id: process });
    if (known !== undefined) return known;
    const nothing = {
      token: randomUUID(),
      pending: [],
      stored: 0,
      accepted: 0,
      ranges: [],
      lost: [],
      declared: [],
    };
    try {
      await mongo.run(() => processes.insertOne({ _id: process, format: FORMAT, ...nothing }));
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    return (await find({ _id: process }))[0];
  }

  /** Whether there is nothing more to do. */
  async function step(process: string): Promise<boolean> {
    const seen = await made(process);
    const known = seen && knownOf(seen);
    if (seen === undefined || known === undefined) {
      report('what is known of a process that recorded exposures cannot be read', { id: process });
      return true;
    }
    await strip(seen.pending);
    const own = await unfolded(process, MAX_PARTS);
    if (own.length === 0) return true;
    for (const part of own) withPart(known, part);
    const { stored, accepted, ranges, firstAt, lastAt } = known;
    const lost = [...known.lost].map(([reason, units]) => ({ reason, units }));
    const declared = [...known.declared.values()];
    const pending = own.map(({ _id }) => _id);
    const next = { stored, accepted, ranges: ranges.list, lost, declared, firstAt, lastAt, pending };
    const token = randomUUID();
    const update = { $set: { ...next, token } };
    const { matchedCount } = await mongo.run(() =>
      processes.updateOne({ _id: process, token: seen.token }, update),
    );
    if (matchedCount === 0) {
      await delay(PAUSE_MS * Math.random());
      return false;
    }
    await strip(pending);
    await mongo.run(() => processes.updateOne({ _id: process, token }, { $set: { pending: [] } }));
    return own.length < MAX_PARTS;
  }

  async function fold(process: string): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) if (await step(process)) return;
  }

  /** Undefined if something changed meanwhile. */
  async function knownNow(): Promise<Map<string, Known> | undefined> {
    const before = await find({});
    const counted = new Set(before.flatMap(({ pending }) => pending));
    const open = await unfolded();
    const after = new Map((await find({})).map(({ _id, token }) => [_id, token]));
    if (after.size !== before.length || before.some(({ _id, token }) => after.get(_id) !== token))
      return undefined;
    const all = new Map<string, Known>();
    for (const document of before) {
      const known = knownOf(document);
      if (known === undefined)
        report('what is known of a process that recorded exposures cannot be read', { id: document._id });
      else all.set(document._id, known);
    }
    for (const part of open) {
      if (counted.has(part._id)) continue;
      const known = all.get(part.process) ?? knownOf(undefined);
      if (known !== undefined) all.set(part.process, withPart(known, part));
    }
    return all;
  }

  return {
    async fold(names) {
      for (const process of names) await fold(process);
    },
    async foldAll() {
      const names = await mongo.run((reading) =>
        parts
          .aggregate<{ _id: string }>(
            [{ $match: { unfolded: true } }, { $group: { _id: '$process' } }],
            acknowledged(reading),
          )
          .toArray(),
      );
      for (const { _id } of names) if (typeof _id === 'string') await fold(_id);
    },
    async known() {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const known = await knownNow();
        if (known !== undefined) return known;
        await delay(PAUSE_MS * Math.random());
      }
      throw elsewhere();
    },
    async end(process, accepted, at) {
      await made(process);
      const update = {
        $max: { 'end.accepted': accepted, 'end.lastAt': at },
        $min: { 'end.firstAt': at },
      };
      await mongo.run(() => processes.updateOne({ _id: process }, update));
    },
    async has(process, sequence) {
      const [document] = await find({ _id: process });
      return document !== undefined && knownOf(document)?.ranges.has(sequence) === true;
    },
    async forget(process) {
      await mongo.run(() => processes.deleteOne({ _id: process }));
    },
  };
}

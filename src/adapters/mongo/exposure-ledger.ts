import { setTimeout as delay } from 'node:timers/promises';
import { Binary } from 'mongodb';
import { compareCodePoints } from '../../core/canonical-json.ts';
import { readBatchId } from '../../ports/batch-check.ts';
import type {
  DeadLetter,
  ExposureStore,
  LedgerEntry,
  LetterLabel,
  LossReason,
} from '../../ports/exposure-store.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { FORMAT, type LetterDocument } from './exposure-documents.ts';
import { acknowledged } from './exposure-hours.ts';
import { type Known, knownOf, Ranges } from './exposure-known.ts';
import type { Processes } from './exposure-processes.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** Dead letters are at most half a megabyte each. */
const MAX_LETTERS = 200;
const PAUSE_MS = 20;

type Letter = Pick<LetterDocument, 'process' | 'sequence' | 'units' | 'at'>;

type LabelDocument = Omit<LetterDocument, 'bytes' | 'format'> & { readonly size: number };

/** Somebody may have edited what is no bytes any more. */
const SIZE = { $cond: [{ $eq: [{ $type: '$bytes' }, 'binData'] }, { $binarySize: '$bytes' }, 0] };
const LABEL = { error: 1, at: 1, attempts: 1, units: 1, size: SIZE };

/** The balance of all processes. */
export interface Ledger
  extends Pick<ExposureStore, 'bury' | 'deadLetters' | 'letterLabels' | 'exhume' | 'close' | 'ledger'> {
  /** Processes that were last heard of before, and have no letters. */
  oldProcesses(before: number): Promise<string[]>;
}

export function openLedger(mongo: Mongo, { letters }: ExposureCollections, processes: Processes): Ledger {
  async function entries(): Promise<LedgerEntry[]> {
    // Letters first: one that is exhumed and stored meanwhile is stored.
    const buried = await lettersByProcess();
    const known = await processes.known();
    const names = new Set([...known.keys(), ...buried.keys()]);
    return [...names]
      .map((process) => entryOf(process, known.get(process), buried.get(process) ?? []))
      .sort((a, b) => b.lastAt - a.lastAt || compareCodePoints(a.process, b.process));
  }

  async function lettersByProcess(): Promise<Map<string, Letter[]>> {
    const wanted = { projection: { process: 1, sequence: 1, units: 1, at: 1 }, batchSize: 10_000 };
    const found = await mongo.run((reading) =>
      letters.find({}, { ...acknowledged(reading), ...wanted }).toArray(),
    );
    const named = found.filter((letter) => typeof letter.process === 'string');
    return Map.groupBy(named, ({ process }) => process ?? '');
  }

  /** False if there is one of its id. */
  async function isInserted(letter: LetterDocument): Promise<boolean> {
    try {
      await mongo.run(() => letters.insertOne(letter));
      return true;
    } catch (failure) {
      if (!isDuplicate(failure)) throw failure;
      return false;
    }
  }

  /** Says of a letter that is there what is newer. False if there is none. */
  async function isToldOf(
    id: string,
    { units, ...about }: Omit<DeadLetter, 'id' | 'bytes'>,
  ): Promise<boolean> {
    const change =
      units === undefined ? { $set: about, $unset: { units: true as const } } : { $set: { ...about, units } };
    const { matchedCount } = await mongo.run(() =>
      letters.updateOne({ _id: id, at: { $lt: about.at } }, change),
    );
    return matchedCount === 1 || (await mongo.run(() => letters.countDocuments({ _id: id }))) === 1;
  }

  return {
    async bury({ id, bytes, error, at, attempts, units }) {
      const of = readBatchId(id);
      const about = { error, at, attempts, ...(units !== undefined && { units }) };
      const letter = { _id: id, format: FORMAT, ...of, ...about, bytes: new Binary(bytes) };
      // Again if it was exhumed after it was found to be there.
      while (!(await isInserted(letter)) && !(await isToldOf(id, about))) await delay(PAUSE_MS);
    },
    async deadLetters(limit, after = '') {
      const wanted = { sort: { _id: 1 }, limit: Math.min(limit, MAX_LETTERS) } as const;
      const found: DeadLetter[] = [];
      while (found.length < limit) {
        const behind = found.at(-1)?.id ?? after;
        const page = await mongo.run((reading) =>
          letters.find({ _id: { $gt: behind } }, { ...acknowledged(reading), ...wanted }).toArray(),
        );
        found.push(...page.slice(0, limit - found.length).map(letterIn));
        if (page.length < wanted.limit) break;
      }
      return found;
    },
    async letterLabels(limit, after = '') {
      const found = await mongo.run((reading) =>
        letters
          .find<LabelDocument>({ _id: { $gt: after } }, { ...acknowledged(reading), projection: LABEL })
          .sort({ _id: 1 })
          .limit(limit)
          .toArray(),
      );
      return found.map((letter): LetterLabel => ({ ...labelIn(letter), size: letter.size }));
    },
    async exhume(id, at) {
      const wanted = { _id: id, ...(at !== undefined && { at }) };
      return (await mongo.run(() => letters.deleteOne(wanted))).deletedCount === 1;
    },
    close: (process, accepted, at) => processes.end(process, accepted, at),
    ledger: async (limit) => (await entries()).slice(0, limit),
    async oldProcesses(before) {
      const buried = await lettersByProcess();
      const old = (await entries()).filter(({ lastAt }) => lastAt < before);
      return old.map(({ process }) => process).filter((process) => !buried.has(process));
    },
  };
}

function letterIn({ bytes, ...label }: LetterDocument): DeadLetter {
  const content = bytes instanceof Binary ? bytes.value() : new Uint8Array();
  return { ...labelIn(label), bytes: new Uint8Array(content) };
}

function labelIn({ _id, error, at, attempts, units }: Omit<LetterDocument, 'bytes' | 'format'>) {
  return { id: _id, error, at, attempts, ...(units !== undefined && { units }) };
}

function entryOf(process: string, known = knownOf(undefined), letters: readonly Letter[]): LedgerEntry {
  const { stored, ranges, end, declared } = known ?? ({ ranges: new Ranges() } as Known);
  const accepted = Math.max(known?.accepted ?? 0, end?.accepted ?? 0);
  const arrived = new Ranges(ranges.list);
  const isStored = ({ sequence = 0 }: Letter) => ranges.has(sequence);
  const deadLettered = sum(letters.filter((letter) => !isStored(letter)).map(({ units = 0 }) => units));
  for (const { sequence = 0 } of letters) arrived.add(sequence);
  const lost = new Map<LossReason, number>();
  const lose = (reason: LossReason, units: number) =>
    units > 0 && lost.set(reason, (lost.get(reason) ?? 0) + units);
  for (const [reason, units] of known?.lost ?? []) lose(reason, units);
  const heardOf = new Ranges(arrived.list);
  for (const { reason, sequence, units } of declared.values()) {
    heardOf.add(sequence);
    if (!arrived.has(sequence)) lose(reason, units);
  }
  if (end !== undefined) lose('killed', accepted - stored - deadLettered - sum([...lost.values()]));
  const times = letters.map(({ at }) => at);
  return {
    ...{ process, accepted, stored, deadLettered, lost },
    ...{ highestSequence: heardOf.highest, missing: heardOf.gaps() },
    // There may be more letters than a call can have arguments.
    firstAt: times.reduce(least, Math.min(known?.firstAt ?? Infinity, end?.firstAt ?? Infinity)),
    lastAt: times.reduce(most, Math.max(known?.lastAt ?? -Infinity, end?.lastAt ?? -Infinity)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function least(a: number, b: number): number {
  return Math.min(a, b);
}

function most(a: number, b: number): number {
  return Math.max(a, b);
}

import { expect } from 'vitest';
import { HOUR_MS } from '../../src/ports/batch-check.ts';
import type {
  DeadLetter,
  ExposureStore,
  LedgerEntry,
  Period,
  RecordedBatch,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../src/ports/exposure-store.ts';

export const SHOP: RecordedPlace = { project: 'shop', environment: 'production' };
/** The hour of batches that say nothing else: the first of 2026-03-02. */
export const HOUR = Date.UTC(2026, 2, 2) / HOUR_MS;
export const START = HOUR * HOUR_MS;
export const ALWAYS: Period = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** An evaluation in that hour with whatever is said of it. */
export function evaluation(parts: Partial<RecordedEvaluation> = {}): RecordedEvaluation {
  return {
    ...{ time: START, flag: 'banner', flagVersion: 3, revision: 7, variation: 'on', reason: 'SPLIT' },
    ...{ ruleId: 'rule-1', subject: 'anna', source: 'call', client: 'node/1.0', count: 1, weight: 1 },
    ...parts,
  };
}

/** An event in that hour with whatever is said of it. */
export function event(parts: Partial<RecordedEvent> = {}): RecordedEvent {
  return { time: START, event: 'checkout', kind: 'metric', subject: 'anna', count: 1, ...parts };
}

export function letter(id: string, parts: Partial<DeadLetter> = {}): DeadLetter {
  return { id, bytes: Uint8Array.of(1, 2, 3), error: 'unreadable', at: START, attempts: 5, ...parts };
}

/** A batch of process p of the shop, by default the first; its units are worked out, and so is what was accepted. */
export function batch(parts: Partial<RecordedBatch> = {}): RecordedBatch {
  const { process = 'p', sequence = 1, evaluations = [], events = [], losses = [] } = parts;
  const units = [...evaluations, ...events].reduce((sum, { count }) => sum + count, 0);
  const id = `${process}:${sequence}`;
  return {
    ...{ id, process, sequence, digest: `digest of ${id}`, place: SHOP, hour: HOUR, units },
    acceptedSoFar: losses.reduce((sum, loss) => sum + loss.units, units),
    ...{ evaluations, events, contexts: [], losses },
    ...parts,
  };
}

/** Stores them one after the other, each of which must be new. */
export async function storeAll(store: ExposureStore, batches: readonly RecordedBatch[]): Promise<void> {
  for (const one of batches) expect(await store.store(one)).toBe('stored');
}

/** The entry of process p, which there must be. */
export async function entryOf(store: ExposureStore, process = 'p'): Promise<LedgerEntry> {
  const entry = (await store.ledger(100)).find((one) => one.process === process);
  if (entry === undefined) throw new Error(`nothing is known of ${process}`);
  return entry;
}

/** Whatever is accepted must be accounted for. */
export function unaccounted({ accepted, stored, deadLettered, lost }: LedgerEntry): number {
  return accepted - stored - deadLettered - [...lost.values()].reduce((sum, units) => sum + units, 0);
}

/** What all readers say of a place and of the ledger, without the ids of rows, which a store may choose. */
export async function everything(store: ExposureStore, place: RecordedPlace, flags: readonly string[]) {
  const series = (step: 'minute' | 'hour' | 'day') => store.series(place, { ...ALWAYS, step });
  const { total, contexts } = await store.contexts(place, { ...ALWAYS, limit: 1_000 });
  const rows = await store.rows(place, { ...ALWAYS, limit: 10_000 });
  return {
    series: [await series('minute'), await series('hour'), await series('day')],
    activity: await store.activity(place, ALWAYS),
    outcomes: await Promise.all(flags.map((flag) => store.outcomes(place, { ...ALWAYS, flag }))),
    contexts: { total, contexts: contexts.toSorted((a, b) => (a.subject < b.subject ? -1 : 1)) },
    rows: rows.map(({ id, ...row }) => JSON.stringify(row, Object.keys(row).sort())).sort(),
    times: rows.map(({ time }) => time),
    ledger: await store.ledger(100),
    letters: await store.deadLetters(100),
  };
}

import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import {
  BATCH_FORMAT,
  type BatchTables,
  type ContextEntry,
  type EventEntry,
  HOUR_MS,
  type KindEntry,
  type LossEntry,
  type OutcomeEntry,
} from '../../ports/batch-tables.ts';
import type { RecordedBatch, RecordedEvaluation } from '../../ports/exposure-store.ts';
import { readBatch } from '../../ports/read-batch.ts';
import { ROW_BYTES, rowsText, writeRow } from '../../ports/row-text.ts';
import { IndexedTexts } from './indexed-texts.ts';

/** What a process says in a batch; the rest is worked out from the bytes. */
export type BatchContent = Omit<RecordedBatch, 'id' | 'digest' | 'units'>;

/** The bytes of a batch, the same for the same content. Everything in it must be of its hour. */
export function encodeBatch(content: BatchContent): Uint8Array {
  return encodeTables(tablesOf(content));
}

export function encodeTables(tables: BatchTables): Uint8Array {
  return Buffer.from(JSON.stringify(tables));
}

/**
 * The batch in these bytes, which came under this id. Throws `invalid`, and nothing else, for whatever it cannot read;
 * how long that takes is bounded by `BATCH_LIMITS`.
 */
export function decodeBatch(bytes: Uint8Array, id: string): RecordedBatch {
  const batch = readBatch(bytes, id, (packed, maxOutputLength) =>
    inflateRawSync(packed, { maxOutputLength }),
  );
  return { ...batch, digest: createHash('sha256').update(bytes).digest('hex') };
}

/** How a batch is called on its way. */
export function batchId(process: string, sequence: number): string {
  return `${process}:${sequence}`;
}

function tablesOf(content: BatchContent): BatchTables {
  const { process, sequence, place, hour, acceptedSoFar: accepted, evaluations, events, contexts } = content;
  const outcomes = new IndexedTexts<OutcomeEntry>();
  const kinds = new IndexedTexts<KindEntry>();
  const subjects = new IndexedTexts<string>();
  const start = hour * HOUR_MS;
  const rows = new Uint8Array(evaluations.length * ROW_BYTES);
  let end = 0;
  const many: number[] = [];
  let before = start;
  for (const [index, evaluation] of evaluations.entries()) {
    const { time, revision, source, client, subject, count, weight } = evaluation;
    const kind = kinds.of([revision, source, client]);
    const [about, what] = [subjects.of(subject), outcomes.of(outcomeEntry(evaluation))];
    end = writeRow(rows, end, time - before, kind, about, what);
    if (count !== 1 || weight !== 1) many.push(index, count, weight);
    before = time;
  }
  const told = events.map(
    ({ time, event, kind, subject, flag, value, count }): EventEntry => [
      ...([time - start, event, kind, subjects.of(subject)] as const),
      ...([flag ?? null, value ?? null, count] as const),
    ],
  );
  const known = contexts.map(
    ({ subject, attributes, seenAt }): ContextEntry => [subjects.of(subject), attributes, seenAt],
  );
  return {
    ...{ format: BATCH_FORMAT, process, sequence, ...place, hour, accepted },
    ...{ outcomes: outcomes.all, kinds: kinds.all, subjects: subjects.all, lists: [], picks: [] },
    ...{ rows: rowsText(rows.subarray(0, end)), many, events: told, contexts: known },
    losses: content.losses.map(
      ({ reason, units, sequence: of }): LossEntry =>
        of === undefined ? [reason, units] : [reason, units, of],
    ),
  };
}

function outcomeEntry(evaluation: RecordedEvaluation): OutcomeEntry {
  const { flag, flagVersion, variation, reason, ruleId, errorCode } = evaluation;
  return errorCode === undefined
    ? [flag, flagVersion, variation, reason, ruleId]
    : [flag, flagVersion, variation, reason, ruleId, errorCode];
}

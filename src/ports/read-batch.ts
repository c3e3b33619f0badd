import {
  attributesIn,
  countIn,
  type Entry,
  itemAt,
  keyIn,
  listIn,
  numberIn,
  oneIn,
  positiveIn,
  setOf,
  textIn,
  unreadable,
} from './batch-fields.ts';
import { BATCH_FORMAT, BATCH_LIMITS, HOUR_MS } from './batch-tables.ts';
import type {
  DeclaredLoss,
  EventKind,
  ExposureSource,
  LossReason,
  RecordedBatch,
  RecordedContext,
  RecordedEvent,
} from './exposure-store.ts';
import { type Inflate, outcomeIn } from './read-batch-outcomes.ts';
import { evaluationsIn } from './read-batch-rows.ts';

const SOURCES = setOf<ExposureSource>({
  ...{ call: 0, all: 0, stream: 0, handshake: 0, watch: 0, reported: 0, manual: 0 },
});
const EVENT_KINDS = setOf<EventKind>({ metric: 0, error: 0, crash: 0 });
const LOSS_REASONS = setOf<LossReason>({
  ...{ sampled: 0, buffer_full: 0, queue_refused: 0, too_large: 0, killed: 0, dead_lettered: 0, erased: 0 },
});

/**
 * All of the batch in these bytes, which came under this id, but their digest. Throws `invalid`, and nothing else, for
 * whatever it cannot read; how long that takes is bounded by `BATCH_LIMITS`.
 */
export function readBatch(bytes: Uint8Array, id: string, inflate: Inflate): Omit<RecordedBatch, 'digest'> {
  const fields = fieldsIn(bytes);
  if (fields.get('format') !== BATCH_FORMAT) throw unreadable('the format is not known');
  const process = keyIn(fields.get('process'), 'process');
  const sequence = positiveIn(fields.get('sequence'), 'sequence');
  if (id !== `${process}:${sequence}`) throw unreadable('it has another name than it came under');
  const hour = countIn(fields.get('hour'), 'hour');
  const subjects = listIn(fields.get('subjects'), 'subjects').map((subject) =>
    textIn(subject, 'subject', BATCH_LIMITS.subjectLength),
  );
  const eventEntries = listIn(fields.get('events'), 'events');
  if (eventEntries.length > BATCH_LIMITS.items) throw unreadable('there are too many events');
  const evaluations = evaluationsIn(
    {
      start: startOf(hour),
      subjects,
      outcomes: listIn(fields.get('outcomes'), 'outcomes').map(outcomeIn),
      kinds: listIn(fields.get('kinds'), 'kinds').map(kindIn),
      lists: listIn(fields.get('lists'), 'lists'),
      picks: listIn(fields.get('picks'), 'picks'),
      rows: rowsTextIn(fields.get('rows')),
      many: listIn(fields.get('many'), 'many'),
    },
    BATCH_LIMITS.items - eventEntries.length,
    inflate,
  );
  const events = eventEntries.map((entry) => eventIn(entry, startOf(hour), subjects));
  return {
    ...{ id, process, sequence, hour, evaluations, events },
    place: {
      project: keyIn(fields.get('project'), 'project'),
      environment: keyIn(fields.get('environment'), 'environment'),
    },
    units: unitsIn(evaluations) + unitsIn(events),
    acceptedSoFar: countIn(fields.get('accepted'), 'accepted'),
    contexts: listIn(fields.get('contexts'), 'contexts').map((entry) => contextIn(entry, subjects)),
    losses: listIn(fields.get('losses'), 'losses').map(lossIn),
  };
}

function fieldsIn(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  if (bytes.length > BATCH_LIMITS.bytes) throw unreadable('it is too large');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw unreadable('it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable('it is not an object');
  return new Map(Object.entries(value));
}

function rowsTextIn(value: unknown): string {
  if (typeof value !== 'string') throw unreadable('rows must be a text');
  return value;
}

function startOf(hour: number): number {
  return countIn(hour * HOUR_MS, 'hour');
}

function kindIn(value: unknown) {
  const [revision, source, client] = listIn(value, 'kind');
  return {
    revision: countIn(revision, 'revision'),
    source: oneIn(SOURCES, source, 'source'),
    client: textIn(client, 'client'),
  };
}

function eventIn(value: unknown, start: number, subjects: readonly string[]): RecordedEvent {
  const [time, event, kind, subject, flag, amount, count]: Entry = listIn(value, 'event');
  if (countIn(time, 'time') >= HOUR_MS) throw unreadable('an event is of another hour');
  return {
    time: start + (time as number),
    event: keyIn(event, 'event'),
    kind: oneIn(EVENT_KINDS, kind, 'kind of event'),
    subject: itemAt(subjects, subject, 'subject'),
    ...(flag !== null && { flag: keyIn(flag, 'flag') }),
    ...(amount !== null && { value: numberIn(amount, 'value') }),
    count: positiveIn(count, 'count'),
  };
}

function contextIn(value: unknown, subjects: readonly string[]): RecordedContext {
  const [subject, attributes, seenAt] = listIn(value, 'context');
  return {
    subject: itemAt(subjects, subject, 'subject'),
    attributes: attributesIn(attributes, 'attributes'),
    seenAt: countIn(seenAt, 'time of a context'),
  };
}

function lossIn(value: unknown): DeclaredLoss {
  const [reason, units, sequence] = listIn(value, 'loss');
  const loss = { reason: oneIn(LOSS_REASONS, reason, 'reason of a loss'), units: countIn(units, 'units') };
  return sequence === undefined ? loss : { ...loss, sequence: positiveIn(sequence, 'sequence') };
}

function unitsIn(items: readonly { readonly count: number }[]): number {
  const units = items.reduce((sum, { count }) => sum + count, 0);
  return countIn(units, 'units');
}

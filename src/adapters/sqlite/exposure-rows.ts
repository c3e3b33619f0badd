import type { RecordedBatch, RecordedContext, RecordedEvaluation } from '../../ports/exposure-store.ts';
import type { ExposureNames, KnownAnswer } from './exposure-names.ts';
import type { Database } from './open-database.ts';

/** The number of whoever has no name. */
const NOBODY = 0;

/** An evaluation, and the numbers of what was answered. */
export type Answered = readonly [RecordedEvaluation, KnownAnswer];

interface Got {
  readonly subject: number;
  readonly answer: KnownAnswer;
  firstAt: number;
  lastAt: number;
}

export interface ExposureRows {
  /** Adds what is in a batch one by one, numbered from `firstId` up. */
  add(batch: RecordedBatch, firstId: number): readonly Answered[];
}

export function exposureRows(database: Database, names: ExposureNames): ExposureRows {
  const addEvaluation = database.prepare('INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const addEvent = database.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)');
  const addGot = database.prepare(
    `INSERT INTO last_variations VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
     SET first_at = MIN(first_at, excluded.first_at), last_at = MAX(last_at, excluded.last_at)`,
  );
  const see = database.prepare(
    'UPDATE subjects SET seen_at = ?2, attributes = ?3 WHERE id = ?1 AND (seen_at IS NULL OR seen_at <= ?2)',
  );

  function addContexts(contexts: readonly RecordedContext[], subjects: ReadonlyMap<string, number>): void {
    for (const { subject, attributes, seenAt } of contexts) {
      const id = subjects.get(subject);
      if (id !== undefined) see.run(id, seenAt, JSON.stringify(attributes));
    }
  }

  return {
    add(batch, firstId) {
      const place = names.place(batch.place);
      const subjects = names.subjects(place, batch);
      const answered: Answered[] = [];
      const got = new Map<string, Got>();
      for (const [index, evaluation] of batch.evaluations.entries()) {
        const { time, revision, count, weight } = evaluation;
        const answer = names.answer(place, evaluation);
        const subject = subjects.get(evaluation.subject);
        const origin = names.origin(evaluation);
        addEvaluation.run(
          ...[
            answer.flag,
            time,
            firstId + index,
            answer.id,
            subject ?? NOBODY,
            count,
            revision,
            origin,
            weight,
          ],
          place,
        );
        if (subject !== undefined) note(got, subject, answer, time);
        answered.push([evaluation, answer]);
      }
      for (const { subject, answer, firstAt, lastAt } of got.values())
        addGot.run(subject, answer.flag, answer.variation, firstAt, lastAt);
      for (const [index, event] of batch.events.entries()) {
        const { time, subject, flag, value, count } = event;
        const about = flag === undefined ? null : names.flag(place, flag);
        addEvent.run(
          ...[names.event(place, event), time, firstId + index],
          ...[subjects.get(subject) ?? NOBODY, about, value ?? null, count],
        );
      }
      addContexts(batch.contexts, subjects);
      return answered;
    },
  };
}

function note(got: Map<string, Got>, subject: number, answer: KnownAnswer, time: number): void {
  const key = `${subject} ${answer.id}`;
  const known = got.get(key);
  if (known === undefined) got.set(key, { subject, answer, firstAt: time, lastAt: time });
  else {
    known.firstAt = Math.min(known.firstAt, time);
    known.lastAt = Math.max(known.lastAt, time);
  }
}

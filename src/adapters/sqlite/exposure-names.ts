import type { StatementSync } from 'node:sqlite';
import type {
  RecordedBatch,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import { numberOf } from './columns.ts';
import type { Database } from './open-database.ts';

/** What is remembered of names that were looked up. They are never removed, so that a number once known stays right. */
const MOST_REMEMBERED = 50_000;

/** One answer of a flag, by its number and those of its flag. */
export interface KnownAnswer {
  readonly id: number;
  readonly flag: number;
  readonly variation: string;
  readonly reason: string;
}

/** The numbers of names, which get one when they are met for the first time. */
export interface ExposureNames {
  place(place: RecordedPlace): number;
  flag(place: number, flag: string): number;
  answer(place: number, evaluation: RecordedEvaluation): KnownAnswer;
  origin(evaluation: RecordedEvaluation): number;
  event(place: number, event: RecordedEvent): number;
  /** Everybody in a batch who has a name, and when they were last heard of in it. */
  subjects(place: number, batch: RecordedBatch): ReadonlyMap<string, number>;
  /** To be called when what was done in a transaction is undone. */
  forget(): void;
}

export function exposureNames(database: Database): ExposureNames {
  const known = new Map<string, number>();
  const answers = new Map<string, KnownAnswer>();
  const places = namesIn(database, 'places', ['project', 'environment']);
  const flags = namesIn(database, 'flags', ['place', 'flag']);
  const columns = ['flag', 'flag_version', 'variation', 'reason', 'error_code', 'rule_id'];
  const answersOf = namesIn(database, 'answers', columns);
  const origins = namesIn(database, 'origins', ['source', 'client']);
  const eventNames = namesIn(database, 'event_names', ['place', 'event', 'kind']);
  const meet = database.prepare(
    `INSERT INTO subjects (place, subject, last_at, shuffle) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET last_at = MAX(last_at, excluded.last_at) RETURNING id`,
  );

  function remembered(key: string, look: () => number): number {
    let id = known.get(key);
    if (id === undefined) {
      id = look();
      if (known.size >= MOST_REMEMBERED) known.clear();
      known.set(key, id);
    }
    return id;
  }

  const names: ExposureNames = {
    place: ({ project, environment }) =>
      remembered(`p${project.length} ${project}${environment}`, () => places(project, environment)),
    flag: (place, flag) => remembered(`f${place} ${flag}`, () => flags(place, flag)),
    answer(place, evaluation) {
      const key = answerKey(place, evaluation);
      let answer = answers.get(key);
      if (answer === undefined) {
        const { flagVersion, variation, reason, errorCode = '', ruleId } = evaluation;
        const flag = names.flag(place, evaluation.flag);
        answer = {
          id: answersOf(flag, flagVersion, variation, reason, errorCode, ruleId),
          flag,
          variation,
          reason,
        };
        if (answers.size >= MOST_REMEMBERED) answers.clear();
        answers.set(key, answer);
      }
      return answer;
    },
    origin: ({ source, client }) => remembered(`o${source} ${client}`, () => origins(source, client)),
    event: (place, { event, kind }) =>
      remembered(`e${place} ${kind} ${event}`, () => eventNames(place, event, kind)),
    subjects(place, batch) {
      const ids = new Map<string, number>();
      for (const [subject, lastAt] of lastHeardOf(batch)) {
        const row = meet.get(place, subject, lastAt, shuffleOf(subject));
        ids.set(subject, numberOf(row ?? {}, 'id'));
      }
      return ids;
    },
    forget() {
      known.clear();
      answers.clear();
    },
  };
  return names;
}

/** Looks a name up, or adds it. */
function namesIn(database: Database, table: string, columns: readonly string[]) {
  const where = columns.map((column) => `${column} = ?`).join(' AND ');
  const find: StatementSync = database.prepare(`SELECT id FROM ${table} WHERE ${where}`);
  const add = database.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) RETURNING id`,
  );
  return (...values: (string | number)[]) => numberOf(find.get(...values) ?? add.get(...values) ?? {}, 'id');
}

/** Two that differ in anything never have the same, whatever characters are in them. */
function answerKey(place: number, evaluation: RecordedEvaluation): string {
  const { flag, flagVersion, variation, reason, errorCode, ruleId } = evaluation;
  return `${place} ${flagVersion} ${reason} ${errorCode} ${flag.length} ${variation.length} ${flag}${variation}${ruleId}`;
}

function lastHeardOf({ evaluations, events, contexts }: RecordedBatch): Map<string, number> {
  const last = new Map<string, number>();
  const hear = (subject: string, at: number) => {
    if (subject !== '' && at > (last.get(subject) ?? -1)) last.set(subject, at);
  };
  for (const { subject, time } of evaluations) hear(subject, time);
  for (const { subject, time } of events) hear(subject, time);
  for (const { subject, seenAt } of contexts) hear(subject, seenAt);
  return last;
}

/**
 * A number that has nothing to do with what a name looks like, the same each time: whoever is drawn at random is drawn
 * by it. FNV-1a of the UTF-16 units, stirred as murmur3 does in the end.
 */
function shuffleOf(subject: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < subject.length; index++)
    hash = Math.imul(hash ^ subject.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

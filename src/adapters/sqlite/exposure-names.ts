import { randomInt } from 'node:crypto';
import type { StatementSync } from 'node:sqlite';
import type {
  RecordedBatch,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import { numberOf } from './columns.ts';
import type { Database } from './open-database.ts';

/** What is remembered of names that were looked up. */
const MOST_REMEMBERED = 50_000;
const DAY_MS = 86_400_000;

/** One answer of a flag, by its number and those of its flag. */
export interface KnownAnswer {
  readonly id: number;
  readonly flag: number;
  readonly variation: string;
  readonly reason: string;
}

/** The numbers of names, which get one when they are met for the first time, or again after all rows of theirs had gone. */
export interface ExposureNames {
  place(place: RecordedPlace): number;
  flag(place: number, flag: string): number;
  answer(place: number, evaluation: RecordedEvaluation): KnownAnswer;
  origin(evaluation: RecordedEvaluation): number;
  event(place: number, event: RecordedEvent): number;
  /** Everybody in a batch who has a name, and when they were last heard of in it. */
  subjects(place: number, batch: RecordedBatch): ReadonlyMap<string, number>;
  /** To be called before anything is asked in a transaction: forgets what is not there any more, or never came to be. */
  begin(): void;
  /** To be called when all that a batch needs was asked. */
  end(): void;
  /** To be called when what was done since the last `begin` is undone alone. */
  forget(): void;
}

/** A name that is removed once it was used last so long ago that no row can have it, and when it was used at most. */
interface Aging<T> {
  readonly id: number;
  readonly known: T;
  until: number;
}

export function exposureNames(database: Database): ExposureNames {
  const known = new Map<string, number>();
  const aging = new Map<string, Aging<unknown>>();
  const edition = namesEdition(database);
  let now = 0;
  const table = (name: string, columns: readonly string[]) =>
    namesIn(database, name, columns, edition.change);
  const places = table('places', ['project', 'environment']);
  const flags = table('flags', ['place', 'flag']);
  const columns = ['flag', 'flag_version', 'variation', 'reason', 'error_code', 'rule_id'];
  const answersOf = table('answers', columns);
  const origins = table('origins', ['source', 'client']);
  const eventNames = table('event_names', ['place', 'event', 'kind']);
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

  /** The same for a name that goes: notes, once a day, that it is still in use. */
  function recent<T>(
    key: string,
    time: number,
    { keep }: Names,
    look: () => Omit<Aging<T>, 'until'>,
  ): Aging<T> {
    let entry = aging.get(key) as Aging<T> | undefined;
    if (entry === undefined) {
      entry = { ...look(), until: 0 };
      if (aging.size >= MOST_REMEMBERED) aging.clear();
      aging.set(key, entry);
    }
    const usedAt = Math.max(time, now);
    if (usedAt >= entry.until) {
      entry.until = (Math.floor(usedAt / DAY_MS) + 1) * DAY_MS;
      keep(entry.id, entry.until);
    }
    return entry;
  }

  const names: ExposureNames = {
    place: ({ project, environment }) =>
      remembered(`p${project.length} ${project}${environment}`, () => places.of(project, environment)),
    flag: (place, flag) => remembered(`f${place} ${flag}`, () => flags.of(place, flag)),
    answer(place, evaluation) {
      const look = () => {
        const { flagVersion, variation, reason, errorCode = '', ruleId } = evaluation;
        const flag = names.flag(place, evaluation.flag);
        const id = answersOf.of(flag, flagVersion, variation, reason, errorCode, ruleId);
        return { id, known: { id, flag, variation, reason } satisfies KnownAnswer };
      };
      return recent(`a${answerKey(place, evaluation)}`, evaluation.time, answersOf, look).known;
    },
    origin: ({ source, client, time }) =>
      recent(`o${source} ${client}`, time, origins, () => ({
        ...{ id: origins.of(source, client), known: undefined },
      })).id,
    event: (place, { event, kind, time }) =>
      recent(`e${place} ${kind} ${event}`, time, eventNames, () => ({
        ...{ id: eventNames.of(place, event, kind), known: undefined },
      })).id,
    subjects(place, batch) {
      const ids = new Map<string, number>();
      for (const [subject, lastAt] of lastHeardOf(batch)) {
        const row = meet.get(place, subject, lastAt, shuffleOf(subject));
        ids.set(subject, numberOf(row ?? {}, 'id'));
      }
      return ids;
    },
    begin() {
      now = Date.now();
      if (!edition.isMine()) names.forget();
    },
    end: () => edition.end(),
    forget() {
      known.clear();
      aging.clear();
    },
  };
  return names;
}

/**
 * Says whether the names are still those that were seen last. Whoever adds or removes some has them be of another edition,
 * in the same transaction: so others know of it, and they themselves if that is undone.
 */
function namesEdition(database: Database) {
  const select = database.prepare('SELECT edition FROM names_edition');
  const update = database.prepare('UPDATE names_edition SET edition = ?');
  let mine = -1;
  let hasChanged = false;
  return {
    isMine(): boolean {
      const before = mine;
      mine = numberOf(select.get() ?? {}, 'edition');
      hasChanged = false;
      return mine === before;
    },
    change(): void {
      hasChanged = true;
    },
    end(): void {
      if (!hasChanged) return;
      mine = newEdition();
      update.run(mine);
    },
  };
}

/** One that there never was. */
export function newEdition(): number {
  return randomInt(2 ** 47);
}

interface Names {
  /** Looks a name up, or adds it. */
  of(...values: (string | number)[]): number;
  /** Has it stay until then, if it is one that goes. */
  keep(id: number, until: number): void;
}

/** Those that go some time after the last row that has them. */
export const AGING_NAMES = ['answers', 'origins', 'event_names'];

function namesIn(database: Database, table: string, columns: readonly string[], onChange: () => void): Names {
  const where = columns.map((column) => `${column} = ?`).join(' AND ');
  const find: StatementSync = database.prepare(`SELECT id FROM ${table} WHERE ${where}`);
  const add = database.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) RETURNING id`,
  );
  const touch = AGING_NAMES.includes(table)
    ? database.prepare(`UPDATE ${table} SET used_until = ?2 WHERE id = ?1 AND used_until < ?2`)
    : undefined;
  return {
    of(...values) {
      const found = find.get(...values);
      if (found === undefined) onChange();
      return numberOf(found ?? add.get(...values) ?? {}, 'id');
    },
    keep(id, until) {
      if (touch !== undefined && Number(touch.run(id, until).changes) > 0) onChange();
    },
  };
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

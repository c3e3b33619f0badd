import type { JsonObject } from '../../core/model.ts';
import type { Outcome } from '../../core/outcome.ts';
import {
  BATCH_FORMAT,
  type BatchTables,
  type ContextEntry,
  type EventEntry,
  HOUR_MS,
  type KindEntry,
  NUMBERS_PER_ROW,
} from '../../ports/batch-tables.ts';
import type {
  DeclaredLoss,
  ExposureSource,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import { OutcomeLists } from './outcome-lists.ts';

/** Who was told something, by which way, when. */
export interface Occasion {
  readonly time: number;
  readonly revision: number;
  readonly source: ExposureSource;
  readonly client: string;
  readonly subject: string;
  /** How many subjects this one stands for. */
  readonly weight: number;
}

/** What a batch is told when it is closed. */
export interface BatchEnd {
  readonly process: string;
  readonly sequence: number;
  readonly accepted: number;
  readonly losses: readonly DeclaredLoss[];
}

const MOST_ROWS = 4_000;
/** Of outcomes, told one by one. */
const MOST_ITEMS = 18_000;
const MOST_BYTES = 220 * 1024;
const ROW_BYTES = 18;
/** Everything else takes more than one byte in JSON: six at most. */
const NOT_PLAIN = /[^ !#-[\]-~]/;

/** Collects what was recorded of one environment in one hour, in tables, until it is a batch. */
export class BatchBuilder {
  readonly place: RecordedPlace;
  readonly hour: number;
  /** Evaluations and events so far. */
  units = 0;
  /** About how large it will be. */
  bytes = 400;
  readonly #outcomes = new OutcomeLists();
  readonly #kinds: KindEntry[] = [];
  readonly #kindIndexes = new Map<string, number>();
  #lastKind = -1;
  readonly #subjects = new Map<string, number>();
  readonly #rows: number[] = [];
  readonly #many = new Map<number, { count: number; readonly weight: number }>();
  /** Rows by what they say; undefined while equal ones are not put together. */
  #equal: Map<string, number> | undefined;
  readonly #events: EventEntry[] = [];
  readonly #contexts: ContextEntry[] = [];
  #lastTime: number;

  constructor(place: RecordedPlace, hour: number) {
    this.place = place;
    this.hour = hour;
    this.#lastTime = hour * HOUR_MS;
  }

  get isFull(): boolean {
    return (
      this.#rows.length >= MOST_ROWS * NUMBERS_PER_ROW ||
      this.#events.length >= MOST_ROWS ||
      this.#outcomes.items >= MOST_ITEMS ||
      this.bytes >= MOST_BYTES
    );
  }

  /** From now on equal evaluations become one row with a count. */
  mergeEqual(): void {
    this.#equal ??= new Map();
  }

  addOutcome(occasion: Occasion, outcome: Outcome): void {
    this.#add(occasion, this.#outcomes.indexOf(outcome), 1);
  }

  /** Those outcomes from `from` up to `to` that are to be recorded, as one row. At most 500 of them. */
  addOutcomes(occasion: Occasion, outcomes: readonly Outcome[], from: number, to: number): number {
    const pick = this.#outcomes.pickOf(outcomes, from, to);
    if (pick.units > 0) this.#add(occasion, -1 - pick.index, pick.units);
    return pick.units;
  }

  addEvent({ time, event, kind, subject, flag, value, count }: RecordedEvent): void {
    const sinceStart = time - this.hour * HOUR_MS;
    const about = this.#subjectIndex(subject);
    this.#events.push([sinceStart, event, kind, about, flag ?? null, value ?? null, count]);
    this.units += count;
    this.bytes += sizeOf(event) + (flag?.length ?? 0) + 60;
  }

  /** `text` is the attributes as JSON. */
  addContext(subject: string, attributes: JsonObject, text: string, seenAt: number): void {
    this.#contexts.push([this.#subjectIndex(subject), attributes, seenAt]);
    this.bytes += 3 * text.length + 30;
  }

  bytesOf({ process, sequence, accepted, losses }: BatchEnd): Uint8Array {
    const many: number[] = [];
    for (const [row, { count, weight }] of this.#many) many.push(row, count, weight);
    const tables: Omit<BatchTables, 'outcomes'> = {
      ...{ format: BATCH_FORMAT, process, sequence, ...this.place, hour: this.hour, accepted },
      ...this.#outcomes.tables(),
      ...{ kinds: this.#kinds, subjects: [...this.#subjects.keys()], rows: this.#rows, many },
      ...{ events: this.#events, contexts: this.#contexts },
      losses: losses.map(({ reason, units, sequence: of }) =>
        of === undefined ? [reason, units] : [reason, units, of],
      ),
    };
    const text = JSON.stringify(tables);
    return Buffer.from(`${text.slice(0, -1)},"outcomes":${this.#outcomes.outcomesText()}}`);
  }

  #add(occasion: Occasion, what: number, units: number): void {
    const { time, subject, weight } = occasion;
    const kind = this.#kindIndex(occasion);
    const about = this.#subjectIndex(subject);
    const row = this.#rows.length / NUMBERS_PER_ROW;
    this.units += units;
    if (this.#equal !== undefined) {
      const key = `${kind} ${about} ${what} ${weight}`;
      const same = this.#equal.get(key);
      if (same !== undefined) {
        const amount = this.#many.get(same);
        if (amount === undefined) this.#many.set(same, { count: 2, weight });
        else amount.count++;
        return;
      }
      this.#equal.set(key, row);
    }
    this.#rows.push(time - this.#lastTime, kind, about, what);
    this.#lastTime = time;
    if (weight !== 1) this.#many.set(row, { count: 1, weight });
    this.bytes += ROW_BYTES + this.#outcomes.takeGrowth();
  }

  #kindIndex({ revision, source, client }: Occasion): number {
    const last = this.#kinds[this.#lastKind];
    if (last !== undefined && last[0] === revision && last[1] === source && last[2] === client)
      return this.#lastKind;
    const key = `${revision} ${source} ${client}`;
    const known = this.#kindIndexes.get(key) ?? this.#kinds.push([revision, source, client]) - 1;
    if (known === this.#kinds.length - 1) this.bytes += sizeOf(client) + 20;
    this.#kindIndexes.set(key, known);
    this.#lastKind = known;
    return known;
  }

  #subjectIndex(subject: string): number {
    const known = this.#subjects.get(subject);
    if (known !== undefined) return known;
    const index = this.#subjects.size;
    this.#subjects.set(subject, index);
    this.bytes += sizeOf(subject) + 3;
    return index;
  }
}

function sizeOf(text: string): number {
  return NOT_PLAIN.test(text) ? 6 * text.length : text.length;
}

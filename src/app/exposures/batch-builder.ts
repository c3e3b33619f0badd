import type { Outcome } from '../../core/outcome.ts';
import { BATCH_FORMAT, HOUR_MS } from '../../ports/batch-tables.ts';
import type { DeclaredLoss, ExposureSource, RecordedPlace } from '../../ports/exposure-store.ts';
import { ROW_BYTES, rowsText, writeRow } from '../../ports/row-text.ts';
import { DistinctPieces } from './distinct-pieces.ts';
import type { JsonBytes } from './json-bytes.ts';
import { LateTexts } from './late-texts.ts';
import { outcomeText } from './outcome-text.ts';
import type { ToldSheet } from './told-sheet.ts';

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
const MOST_ITEMS = 36_000;
const MOST_BYTES = 220 * 1024;
const COMMA = Buffer.from(',');
const SUBJECTS = Buffer.from('],"subjects":[');
const PICKS = Buffer.from('],"picks":[');
const FIRST_ROWS = 32;

/**
 * Collects what was recorded of one environment in one hour until it is a batch. All of it is written as JSON at once,
 * into memory that is used again: nothing of what is recorded is kept, and little is left to do in the end.
 */
export class BatchBuilder {
  place: RecordedPlace = { project: '', environment: '' };
  hour = 0;
  /** Evaluations so far. */
  units = 0;
  /** How large it was when somebody counted. */
  weighed = 0;
  #items = 0;
  #rows = 0;
  #lastTime = 0;
  /** Of what is told by its text in the end. */
  #textBytes = 0;
  #rowBytes = new Uint8Array(FIRST_ROWS * ROW_BYTES);
  #rowsEnd = 0;
  readonly #subjects = new DistinctPieces();
  readonly #lateSubjects = new LateTexts();
  readonly #picks = new DistinctPieces();
  readonly #outcomes = new Map<Outcome, number>();
  /** In the order in which they are needed, and how long each was when it was counted. */
  readonly #lists = new Map<ToldSheet, { readonly index: number; bytes: number }>();
  readonly #kinds: string[] = [];
  #lastKind: Pick<Occasion, 'revision' | 'source' | 'client'> | undefined;
  #lastKindIndex = 0;
  readonly #many = new Map<number, { count: number; readonly weight: number }>();
  /** Rows by what they say; undefined while equal ones are not put together. */
  #equal: Map<string, number> | undefined;
  readonly #contexts: string[] = [];

  /** For a new batch. */
  begin(place: RecordedPlace, hour: number): void {
    this.place = place;
    this.hour = hour;
    this.#lastTime = hour * HOUR_MS;
  }

  /** About how large it will be. */
  get bytes(): number {
    return 400 + this.#textBytes + 1.4 * this.#rowsEnd;
  }

  get isFull(): boolean {
    return this.#rows >= MOST_ROWS || this.#items >= MOST_ITEMS || this.#textBytes >= MOST_BYTES;
  }

  /** From now on equal evaluations become one row with a count. */
  mergeEqual(): void {
    this.#equal ??= new Map();
  }

  addOutcome(occasion: Occasion, outcome: Outcome): void {
    this.#add(occasion, this.#outcomes.get(outcome) ?? this.#newOutcome(outcome), 1);
  }

  /** What the sheet has just read, as one row. Returns how many evaluations that is. */
  addPick(occasion: Occasion, sheet: ToldSheet): number {
    const units = sheet.units();
    if (units === 0) return 0;
    const { json } = this.#picks;
    const { length } = json;
    json.ascii(`[${this.#listIndex(sheet)},"`);
    sheet.writeCodes(json);
    json.ascii('"]');
    const pick = this.#picks.take();
    this.#textBytes += json.length - length;
    this.#add(occasion, -1 - pick, units);
    return units;
  }

  /** `text` is the attributes as JSON. */
  addContext(subject: string, text: string, seenAt: number): void {
    this.#contexts.push(`[${this.#subjectIndex(subject)},${text},${seenAt}]`);
    this.#textBytes += 3 * text.length + 30;
  }

  bytesOf({ process, sequence, accepted, losses }: BatchEnd): Uint8Array {
    const { project, environment } = this.place;
    const head = { format: BATCH_FORMAT, process, sequence, project, environment, hour: this.hour, accepted };
    const told = losses.map(({ reason, units, sequence: of }) =>
      of === undefined ? [reason, units] : [reason, units, of],
    );
    const many = [...this.#many].map(([row, { count, weight }]) => `${row},${count},${weight}`);
    const rows = rowsText(this.#rowBytes.subarray(0, this.#rowsEnd));
    const outcomes = [...this.#outcomes.keys()].map(outcomeText);
    const tables = `"outcomes":[${outcomes}],"kinds":[${this.#kinds}],"rows":"${rows}","many":[${many}]`;
    return Buffer.concat([
      Buffer.from(`${JSON.stringify(head).slice(0, -1)},${tables},"lists":[`),
      ...[...this.#lists.keys()].flatMap((sheet, index) =>
        index === 0 ? [sheet.json()] : [COMMA, sheet.json()],
      ),
      ...[SUBJECTS, itemsIn(this.#subjects.json), PICKS, itemsIn(this.#picks.json)],
      Buffer.from(`],"events":[],"contexts":[${this.#contexts}],"losses":${JSON.stringify(told)}}`),
    ]);
  }

  /** Forgets everything, so that it serves for another batch. */
  clear(): void {
    this.units = 0;
    this.weighed = 0;
    this.#items = 0;
    this.#rows = 0;
    this.#textBytes = 0;
    this.#rowsEnd = 0;
    for (const part of [
      this.#subjects,
      this.#lateSubjects,
      this.#picks,
      this.#outcomes,
      this.#lists,
      this.#many,
    ])
      part.clear();
    this.#kinds.length = 0;
    this.#lastKind = undefined;
    this.#equal = undefined;
    this.#contexts.length = 0;
  }

  #add(occasion: Occasion, what: number, units: number): void {
    const { time, subject, weight } = occasion;
    const kind = this.#kindIndex(occasion);
    const about = this.#subjectIndex(subject);
    this.units += units;
    this.#items += units;
    if (this.#equal !== undefined && this.#isMerged(`${kind} ${about} ${what} ${weight}`, weight)) return;
    if (weight !== 1) this.#many.set(this.#rows, { count: 1, weight });
    this.#rows++;
    if (this.#rowsEnd + ROW_BYTES > this.#rowBytes.length) this.#growRows();
    this.#rowsEnd = writeRow(this.#rowBytes, this.#rowsEnd, time - this.#lastTime, kind, about, what);
    this.#lastTime = time;
  }

  #growRows(): void {
    const grown = new Uint8Array(2 * this.#rowBytes.length);
    grown.set(this.#rowBytes);
    this.#rowBytes = grown;
  }

  /** Whether there is a row that says the same; if not, the next one does. */
  #isMerged(key: string, weight: number): boolean {
    const same = this.#equal?.get(key);
    if (same === undefined) {
      this.#equal?.set(key, this.#rows);
      return false;
    }
    const amount = this.#many.get(same);
    if (amount === undefined) this.#many.set(same, { count: 2, weight });
    else amount.count++;
    return true;
  }

  #kindIndex({ revision, source, client }: Occasion): number {
    const last = this.#lastKind;
    if (last?.revision === revision && last.source === source && last.client === client)
      return this.#lastKindIndex;
    const text = JSON.stringify([revision, source, client]);
    const known = this.#kinds.indexOf(text);
    this.#lastKind = { revision, source, client };
    this.#lastKindIndex = known < 0 ? this.#kinds.push(text) - 1 : known;
    if (known < 0) this.#textBytes += 3 * text.length;
    return this.#lastKindIndex;
  }

  #subjectIndex(subject: string): number {
    const known = this.#lateSubjects.get(subject);
    if (known >= 0) return known;
    const { json } = this.#subjects;
    const { length } = json;
    const index = this.#subjects.text(subject);
    this.#textBytes += json.length - length;
    this.#lateSubjects.set(subject, index);
    return index;
  }

  #newOutcome(outcome: Outcome): number {
    const index = this.#outcomes.size;
    this.#outcomes.set(outcome, index);
    this.#textBytes += 2 * outcomeText(outcome).length;
    return index;
  }

  #listIndex(told: ToldSheet): number {
    const known = this.#lists.get(told);
    const list = known ?? { index: this.#lists.size, bytes: 0 };
    if (known === undefined) this.#lists.set(told, list);
    this.#textBytes += told.sheet.bytes - list.bytes;
    list.bytes = told.sheet.bytes;
    return list.index;
  }
}

/** Without the comma after the last one. */
function itemsIn({ bytes, length }: JsonBytes): Buffer {
  return bytes.subarray(0, Math.max(0, length - 1));
}

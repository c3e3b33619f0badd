import type { Outcome } from '../../core/outcome.ts';
import { type BatchTables, FIRST_CODE, MOST_CODES, type OutcomeEntry } from '../../ports/batch-tables.ts';
import { originalOf } from '../decisions.ts';

/** What one call answered, and how many evaluations that is. */
export interface Answered {
  readonly index: number;
  readonly units: number;
}

/** A list of flags, and what was answered about each of them so far. */
interface Sheet {
  readonly index: number;
  readonly from: number;
  readonly to: number;
  /** Of the whole list that it is a part of. */
  readonly length: number;
  /** By place: the first that came, and the second. There are seldom more. */
  readonly firsts: (Outcome | undefined)[];
  readonly seconds: (Outcome | undefined)[];
  /** By place, then in the order in which they came. */
  readonly outcomes: Outcome[][];
  readonly indexes: number[][];
  /** Where each answer to the whole list is, by its codes. */
  readonly picks: Map<string, number>;
  /** Some of them are not recorded. */
  hasNothing: boolean;
}

/** What is answered but not to be recorded. */
const NOTHING = -1;
/** Calls that ask for other flags are few: their lists are told again rather than looked for. */
const MOST_LOOKED_AT = 3;
const INDEX_BYTES = 8;

/** Which outcome of its place each answer is: for one call at a time. */
const codes = Buffer.alloc(512);

/** Whether an answer is recorded. Of flags that do not exist there is no end. */
export function isRecorded({ recordExposures, flagVersion, errorCode }: Outcome): boolean {
  return recordExposures && (flagVersion > 0 || errorCode !== 'FLAG_NOT_FOUND');
}

/** The tables of one batch that say what was answered. Outcomes are told apart by identity. */
export class OutcomeLists {
  /** Outcomes that rows stand for, all together. */
  items = 0;
  /** Each outcome as JSON. */
  readonly #entries: string[] = [];
  readonly #indexes = new Map<Outcome, number>();
  readonly #sheets: Sheet[] = [];
  readonly #picks: (readonly [number, string])[] = [];
  #growth = 0;

  indexOf(outcome: Outcome): number {
    const known = this.#indexes.get(outcome);
    this.items++;
    return known ?? this.#newIndex(outcome);
  }

  /** At most 500 of them. Equal picks are one: many people get the same, and some ask again and again. */
  pickOf(outcomes: readonly Outcome[], from: number, to: number): Answered {
    this.items += to - from;
    const oldest = Math.max(0, this.#sheets.length - MOST_LOOKED_AT);
    for (let last = this.#sheets.length - 1; last >= oldest; last--) {
      const sheet = this.#sheets[last];
      if (sheet !== undefined && this.#fits(sheet, outcomes, from, to)) return this.#pick(sheet);
    }
    const sheet = this.#newSheet(outcomes, from, to);
    this.#fits(sheet, outcomes, from, to);
    return this.#pick(sheet);
  }

  /** By how many bytes the tables grew since this was asked the last time. */
  takeGrowth(): number {
    const growth = this.#growth;
    this.#growth = 0;
    return growth;
  }

  tables(): Pick<BatchTables, 'lists' | 'picks'> {
    return { lists: this.#sheets.map(({ indexes }) => indexes), picks: this.#picks };
  }

  /** The table of outcomes as JSON. */
  outcomesText(): string {
    return `[${this.#entries.join()}]`;
  }

  /** Whether these are answers about the same flags. Leaves their codes behind. */
  #fits(sheet: Sheet, outcomes: readonly Outcome[], from: number, to: number): boolean {
    if (sheet.from !== from || sheet.to !== to || sheet.length !== outcomes.length) return false;
    const { firsts, seconds } = sheet;
    codes.fill(FIRST_CODE, 0, to - from);
    for (let place = 0; place < to - from; place++) {
      const outcome = outcomes[from + place];
      if (outcome === firsts[place]) continue;
      const code = outcome === seconds[place] ? 1 : this.#otherCode(sheet, place, outcome);
      if (code < 0) return false;
      codes[place] = FIRST_CODE + code;
    }
    return true;
  }

  /** -1 if it is about another flag. */
  #otherCode(sheet: Sheet, place: number, outcome: Outcome | undefined): number {
    const known = sheet.outcomes[place];
    if (outcome === undefined || known === undefined) return -1;
    const code = known.indexOf(outcome);
    return code < 0 ? this.#newAnswer(sheet, place, outcome, known) : code;
  }

  #newAnswer(sheet: Sheet, place: number, outcome: Outcome, known: Outcome[]): number {
    if (known.length >= MOST_CODES || (known[0] !== undefined && known[0].flag !== outcome.flag)) return -1;
    const recorded = isRecorded(outcome);
    if (!recorded) sheet.hasNothing = true;
    const index = recorded ? (this.#indexes.get(outcome) ?? this.#newIndex(outcome)) : NOTHING;
    this.#growth += INDEX_BYTES;
    sheet.indexes[place]?.push(index);
    if (known.length === 0) sheet.firsts[place] = outcome;
    if (known.length === 1) sheet.seconds[place] = outcome;
    return known.push(outcome) - 1;
  }

  #pick(sheet: Sheet): Answered {
    const length = sheet.to - sheet.from;
    const text = codes.toString('latin1', 0, length);
    const units = sheet.hasNothing ? recordedIn(sheet, length) : length;
    const known = sheet.picks.get(text);
    if (known !== undefined) return { index: known, units };
    const index = this.#picks.push([sheet.index, text]) - 1;
    this.#growth += length + INDEX_BYTES;
    sheet.picks.set(text, index);
    return { index, units };
  }

  #newSheet({ length }: readonly Outcome[], from: number, to: number): Sheet {
    const places = <T>() => Array.from({ length: to - from }, (): T[] => []);
    const sheet = {
      ...{ index: this.#sheets.length, from, to, length, hasNothing: false },
      ...{ outcomes: places<Outcome>(), indexes: places<number>() },
      picks: new Map<string, number>(),
      firsts: new Array<Outcome | undefined>(to - from).fill(undefined),
      seconds: new Array<Outcome | undefined>(to - from).fill(undefined),
    };
    this.#sheets.push(sheet);
    return sheet;
  }

  #newIndex(outcome: Outcome): number {
    const text = entryTexts.get(outcome) ?? newEntryText(outcome);
    const index = this.#entries.push(text) - 1;
    this.#indexes.set(outcome, index);
    this.#growth += 2 * text.length;
    return index;
  }
}

function recordedIn({ indexes }: Sheet, length: number): number {
  let units = 0;
  for (let place = 0; place < length; place++)
    if (indexes[place]?.[(codes[place] ?? 0) - FIRST_CODE] !== NOTHING) units++;
  return units;
}

// An outcome is one object as long as its flag stays the same, and is told in many batches.
const entryTexts = new WeakMap<Outcome, string>();

function newEntryText(outcome: Outcome): string {
  const { flag, flagVersion, variation, reason, ruleId, errorCode } = originalOf(outcome);
  const entry: OutcomeEntry =
    errorCode === undefined
      ? [flag, flagVersion, variation, reason, ruleId]
      : [flag, flagVersion, variation, reason, ruleId, errorCode];
  const text = JSON.stringify(entry);
  entryTexts.set(outcome, text);
  return text;
}

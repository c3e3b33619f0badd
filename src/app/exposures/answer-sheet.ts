import { deflateRawSync } from 'node:zlib';
import type { Outcome } from '../../core/outcome.ts';
import { CODES_PER_CHARACTER, FIRST_CODE, MOST_CODES } from '../../ports/batch-tables.ts';
import type { JsonBytes } from './json-bytes.ts';
import { isRecorded, outcomeText } from './outcome-text.ts';

/** At most so many answers are told at once. */
export const LONGEST_PICK = 500;
/** It is told whole in each batch that needs it, so it does not become any longer than that. */
const MOST_BYTES = 64 * 1024;

/** Which of its place's outcomes each answer is, of the list that was read last: for one call at a time. */
const codes = new Uint8Array(LONGEST_PICK);

/**
 * What was answered so far to those who asked for a list of flags, or for a part of one. Outcomes are told apart by
 * identity; each has a code among those of its place. Serves as long as a snapshot does.
 */
export class AnswerSheet {
  readonly #from: number;
  readonly #to: number;
  /** Of the whole list that it is a part of. */
  readonly #length: number;
  /** By place: the first that came, and the second. There are seldom more. */
  readonly #firsts: (Outcome | undefined)[];
  readonly #seconds: (Outcome | undefined)[];
  readonly #answers: Outcome[][];
  /** About how long it is as JSON. */
  bytes: number;
  /** Some of the answers are not recorded. */
  #hasNothing = false;
  #told: Uint8Array | undefined;
  #isPacked = false;
  #largestCode = 0;

  /** For those outcomes, and for others about the same flags. */
  constructor(outcomes: readonly Outcome[], from: number, to: number) {
    this.#from = from;
    this.#to = to;
    this.#length = outcomes.length;
    this.#answers = outcomes.slice(from, to).map((): Outcome[] => []);
    this.#firsts = outcomes.slice(from, to);
    this.#seconds = new Array<Outcome | undefined>(to - from).fill(undefined);
    this.bytes = 0;
    for (const [place, outcome] of this.#firsts.entries())
      if (outcome !== undefined) this.#add(place, outcome);
  }

  /** Whether these answers can be told with it. If so they are what it writes next. */
  reads(outcomes: readonly Outcome[], from: number, to: number): boolean {
    if (from !== this.#from || to !== this.#to || outcomes.length !== this.#length) return false;
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    let others = 0;
    // Which one of two it is cannot be foreseen: a branch for it would take three times as long.
    for (let place = 0; place < to - from; place++) {
      const outcome = outcomes[from + place];
      const isNotFirst = Number(outcome !== firsts[place]);
      codes[place] = isNotFirst;
      others |= isNotFirst & Number(outcome !== seconds[place]);
    }
    this.#largestCode = 1;
    return others === 0 || this.#readsOthers(outcomes);
  }

  #readsOthers(outcomes: readonly Outcome[]): boolean {
    for (let place = 0; place < this.#to - this.#from; place++) {
      const outcome = outcomes[this.#from + place];
      if (codes[place] === 0 || outcome === this.#seconds[place]) continue;
      const code = this.#otherCode(place, outcome);
      if (code < 0) return false;
      codes[place] = code;
      if (code > this.#largestCode) this.#largestCode = code;
    }
    return true;
  }

  /** How many of the answers that were read are recorded. */
  units(): number {
    const length = this.#to - this.#from;
    if (!this.#hasNothing) return length;
    let units = 0;
    for (let place = 0; place < length; place++) {
      const outcome = this.#answers[place]?.[codes[place] ?? 0];
      if (outcome !== undefined && isRecorded(outcome)) units++;
    }
    return units;
  }

  /** The codes of the answers that were read: bit by bit, the lowest of all first. */
  writeCodes(json: JsonBytes): void {
    const length = this.#to - this.#from;
    for (let bit = 0; this.#largestCode >> bit > 0; bit++) {
      json.reserve(length);
      const { bytes } = json;
      let at = json.length;
      let character = 0;
      let shift = 0;
      for (let place = 0; place < length; place++) {
        character |= (((codes[place] ?? 0) >> bit) & 1) << shift;
        if (++shift < CODES_PER_CHARACTER) continue;
        bytes[at++] = FIRST_CODE + character;
        character = 0;
        shift = 0;
      }
      if (shift > 0) bytes[at++] = FIRST_CODE + character;
      json.length = at;
    }
  }

  /** As an item of a list of JSON. What stays the same for a while is packed. */
  told(): Uint8Array {
    if (this.#told === undefined) {
      const places = this.#answers.map((outcomes) => `[${outcomes.map(textOf)}]`);
      this.#told = Buffer.from(`[${places}]`);
    } else if (!this.#isPacked) {
      this.#told = Buffer.from(`"${deflateRawSync(this.#told).toString('base64')}"`);
      this.#isPacked = true;
    }
    return this.#told;
  }

  /** -1 if it is about another flag, or if there is no room for it. */
  #otherCode(place: number, outcome: Outcome | undefined): number {
    const known = this.#answers[place];
    if (outcome === undefined || known === undefined) return -1;
    const code = known.indexOf(outcome);
    if (code >= 0) return code;
    const isOfThisFlag = known[0]?.flag === outcome.flag;
    if (!isOfThisFlag || known.length >= MOST_CODES || this.bytes >= MOST_BYTES) return -1;
    if (known.length === 1) this.#seconds[place] = outcome;
    return this.#add(place, outcome);
  }

  #add(place: number, outcome: Outcome): number {
    const known = this.#answers[place];
    const code = known === undefined ? -1 : known.push(outcome) - 1;
    if (!isRecorded(outcome)) this.#hasNothing = true;
    // Names that are not ASCII are longer than that; there is room for some.
    this.bytes += outcomeText(outcome).length + 3;
    this.#told = undefined;
    this.#isPacked = false;
    return code;
  }
}

function textOf(outcome: Outcome): string {
  return isRecorded(outcome) ? outcomeText(outcome) : 'null';
}

/** Calls that ask for other flags are few: of the same part of a list so many sheets are kept. */
const MOST_KEPT = 3;

/** The sheets of one snapshot. */
export class AnswerSheets {
  /** By where in a list they begin; the latest first. */
  readonly #sheets = new Map<number, AnswerSheet[]>();

  /** One that has read these answers, of which there are no more than `LONGEST_PICK`. */
  reading(outcomes: readonly Outcome[], from: number, to: number): AnswerSheet {
    const known = this.#sheets.get(from) ?? [];
    for (const sheet of known) if (sheet.reads(outcomes, from, to)) return sheet;
    const sheet = new AnswerSheet(outcomes, from, to);
    sheet.reads(outcomes, from, to);
    this.#sheets.set(from, [sheet, ...known.slice(0, MOST_KEPT - 1)]);
    return sheet;
  }
}

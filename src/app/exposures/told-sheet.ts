import { deflateRawSync } from 'node:zlib';
import type { Outcome } from '../../core/outcome.ts';
import { CODES_PER_CHARACTER, FIRST_CODE } from '../../ports/batch-tables.ts';
import type { AnswerSheet } from '../answer-sheet.ts';
import type { JsonBytes } from './json-bytes.ts';
import { isRecorded, outcomeText } from './outcome-text.ts';

/** How a sheet, and what it has read last, is told in a batch. */
export class ToldSheet {
  readonly sheet: AnswerSheet;
  /** How long the sheet was when it was told. */
  #toldBytes = 0;
  #json = Buffer.alloc(0);
  #isPacked = false;
  /** How long the sheet was when it was looked through. */
  #seenBytes = 0;
  #isAllRecorded = true;

  constructor(sheet: AnswerSheet) {
    this.sheet = sheet;
  }

  /** How many of the answers are recorded. */
  units(): number {
    const { answers, codes, bytes } = this.sheet;
    if (this.#seenBytes !== bytes)
      this.#isAllRecorded = answers.every((outcomes) => outcomes.every(isRecorded));
    this.#seenBytes = bytes;
    if (this.#isAllRecorded) return answers.length;
    return answers.filter((outcomes, place) => {
      const outcome = outcomes[codes[place] ?? 0];
      return outcome !== undefined && isRecorded(outcome);
    }).length;
  }

  /** The codes of the answers: bit by bit, the lowest of all first. */
  writeCodes(json: JsonBytes): void {
    const { answers, codes, largestCode } = this.sheet;
    const { length } = answers;
    for (let bit = 0; largestCode >> bit > 0; bit++) {
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

  /** All of the sheet, as an item of a list of JSON. What stays the same for a while is packed. */
  json(): Uint8Array {
    if (this.#toldBytes !== this.sheet.bytes) {
      this.#toldBytes = this.sheet.bytes;
      this.#json = Buffer.from(`[${this.sheet.answers.map((outcomes) => `[${outcomes.map(textOf)}]`)}]`);
      this.#isPacked = false;
    } else if (!this.#isPacked) {
      this.#json = Buffer.from(`"${deflateRawSync(this.#json).toString('base64')}"`);
      this.#isPacked = true;
    }
    return this.#json;
  }
}

function textOf(outcome: Outcome): string {
  return isRecorded(outcome) ? outcomeText(outcome) : 'null';
}

const told = new WeakMap<AnswerSheet, ToldSheet>();

export function toldSheetOf(sheet: AnswerSheet): ToldSheet {
  let known = told.get(sheet);
  if (known === undefined) {
    known = new ToldSheet(sheet);
    told.set(sheet, known);
  }
  return known;
}

import { type AnswerSheet, LONGEST_SHEET, sheetsOf } from '../../app/answer-sheet.ts';
import type { Outcome } from '../../core/outcome.ts';
import { keptDecisions } from './kept-decisions.ts';

/** So many decisions are kept together: for two outcomes of each flag that are 32 stretches. */
const STRETCH = 5;
const CODE_BITS = 5;
/** Longer stretches are put together from single decisions every time. */
const LONGEST_STRETCH = 4 * 1024;
/** Of all stretches of a sheet, with what is around each; when there are more they are made anew. */
const MOST_BYTES = 4 * 1024 * 1024;
const OVERHEAD_BYTES = 200;

/** A list of decisions that is ready to be written. */
export interface JoinedDecisions {
  readonly length: number;
  /** Returns where the next byte goes. */
  write(bytes: Buffer, at: number): number;
}

/**
 * Puts decisions one after the other, as a repeated field with this tag (of one byte). What some flags in a row were answered
 * is the same for many, so the bytes of such stretches are kept, and a list is a few copies instead of many.
 */
export class DecisionJoiner {
  readonly #tag: number;
  readonly #stretches = new WeakMap<AnswerSheet, Stretches>();

  constructor(tag: number) {
    this.#tag = tag;
  }

  /** `snapshot` is where the list is all that somebody may see; undefined for flags that somebody chose. */
  join(outcomes: readonly Outcome[], snapshot: object | undefined): JoinedDecisions {
    const parts: Buffer[] = [];
    if (snapshot === undefined) for (const outcome of outcomes) parts.push(keptDecisions.of(outcome).item);
    else this.#addStretches(outcomes, snapshot, parts);
    let length = 0;
    for (const part of parts) length += part.length;
    const write = (bytes: Buffer, start: number) => {
      let at = start;
      for (const part of parts) {
        bytes.set(part, at);
        bytes[at] = this.#tag;
        at += part.length;
      }
      return at;
    };
    return { length, write };
  }

  #addStretches(outcomes: readonly Outcome[], snapshot: object, parts: Buffer[]): void {
    const sheets = sheetsOf(snapshot);
    for (let from = 0; from < outcomes.length; from += LONGEST_SHEET) {
      const sheet = sheets.reading(outcomes, from);
      let stretches = this.#stretches.get(sheet);
      if (stretches === undefined) {
        stretches = new Stretches(this.#tag);
        this.#stretches.set(sheet, stretches);
      }
      stretches.add(sheet, parts);
    }
  }
}

/** The decisions of a sheet, some in a row at a time, by their codes. */
class Stretches {
  readonly #tag: number;
  /** By where in the sheet they begin, and the codes. */
  #kept: Map<number, Buffer>[] = [];
  #bytes = 0;

  constructor(tag: number) {
    this.#tag = tag;
  }

  /** Those that the sheet has just read. */
  add({ answers, codes }: AnswerSheet, parts: Buffer[]): void {
    for (let from = 0; from < answers.length; from += STRETCH) {
      const to = Math.min(answers.length, from + STRETCH);
      let key = 0;
      for (let place = from; place < to; place++) key = (key << CODE_BITS) | (codes[place] ?? 0);
      const known = this.#kept[from / STRETCH]?.get(key);
      if (known !== undefined) parts.push(known);
      else this.#addNew(answers.slice(from, to), codes.subarray(from, to), key, from / STRETCH, parts);
    }
  }

  #addNew(
    answers: readonly (readonly Outcome[])[],
    codes: Uint8Array,
    key: number,
    number: number,
    parts: Buffer[],
  ): void {
    const items = answers.flatMap((outcomes, place) => {
      const outcome = outcomes[codes[place] ?? 0];
      return outcome === undefined ? [] : [keptDecisions.of(outcome).item];
    });
    const stretch = Buffer.allocUnsafeSlow(items.reduce((sum, { length }) => sum + length, 0));
    if (stretch.length > LONGEST_STRETCH) {
      parts.push(...items);
      return;
    }
    let at = 0;
    for (const item of items) {
      stretch.set(item, at);
      stretch[at] = this.#tag;
      at += item.length;
    }
    parts.push(stretch);
    this.#keep(number, key, stretch);
  }

  #keep(number: number, key: number, stretch: Buffer): void {
    if (this.#bytes > MOST_BYTES) {
      this.#kept = [];
      this.#bytes = 0;
    }
    this.#bytes += stretch.length + OVERHEAD_BYTES;
    const known = this.#kept[number];
    if (known === undefined) this.#kept[number] = new Map([[key, stretch]]);
    else known.set(key, stretch);
  }
}

import type { Outcome } from '../core/outcome.ts';

/** A sheet is about at most so many flags. */
export const LONGEST_SHEET = 500;
/** Outcomes of a flag. */
const MOST_CODES = 32;
/** By an estimate; whoever tells a sheet tells all of it. */
const MOST_BYTES = 64 * 1024;
const OUTCOME_BYTES = 40;

/** Which of its flag's outcomes each answer is, of the list that was read last. */
const codes = new Uint8Array(LONGEST_SHEET);

/**
 * What was answered so far to those who asked for a list of flags, or for a part of one. Outcomes are told apart by
 * identity; each has a code, from 0 up, among those of its flag. Answers about the same flags are mostly the same, so
 * whatever is made of a list can be made of codes.
 */
export class AnswerSheet {
  /** By place, each outcome at its code. Only ever added to. */
  readonly answers: readonly (readonly Outcome[])[];
  /** Of the answers that were read last. They are overwritten by whoever reads the next list. */
  readonly codes: Uint8Array = codes;
  largestCode = 0;
  /** About how long it is as text. More whenever there is more in it. */
  bytes = 0;
  readonly #answers: Outcome[][];
  /** By place: the first that came, and the second. There are seldom more. */
  readonly #firsts: readonly (Outcome | undefined)[];
  readonly #seconds: (Outcome | undefined)[];
  readonly #from: number;
  /** Of the whole list that it is a part of. */
  readonly #length: number;

  /** For those outcomes, and for others about the same flags. */
  constructor(outcomes: readonly Outcome[], from: number, to: number) {
    this.#from = from;
    this.#length = outcomes.length;
    this.#firsts = outcomes.slice(from, to);
    this.#seconds = this.#firsts.map(() => undefined);
    this.#answers = this.#firsts.map((): Outcome[] => []);
    this.answers = this.#answers;
    for (let place = 0; place < to - from; place++) this.#codeOf(place, outcomes[from + place]);
  }

  /** Whether these answers are about its flags, and there was room for what is new of them: then they have codes. */
  reads(outcomes: readonly Outcome[], from: number, to: number): boolean {
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    if (from !== this.#from || to - from !== firsts.length || outcomes.length !== this.#length) return false;
    let others = 0;
    // Which one of two it is cannot be foreseen: a branch for it would take three times as long.
    for (let place = 0; place < to - from; place++) {
      const outcome = outcomes[from + place];
      const isNotFirst = Number(outcome !== firsts[place]);
      codes[place] = isNotFirst;
      others |= isNotFirst & Number(outcome !== seconds[place]);
    }
    this.largestCode = 1;
    return others === 0 || this.#readsOthers(outcomes);
  }

  #readsOthers(outcomes: readonly Outcome[]): boolean {
    for (let place = 0; place < this.#firsts.length; place++) {
      const outcome = outcomes[this.#from + place];
      if (codes[place] === 0 || outcome === this.#seconds[place]) continue;
      const code = this.#codeOf(place, outcome);
      if (code < 0) return false;
      codes[place] = code;
      if (code > this.largestCode) this.largestCode = code;
    }
    return true;
  }

  /** -1 if it is about another flag, or if there is no room for it. */
  #codeOf(place: number, outcome: Outcome | undefined): number {
    const known = this.#answers[place];
    if (outcome === undefined || known === undefined) return -1;
    const code = known.indexOf(outcome);
    const [first] = known;
    if (code >= 0 || first === undefined) return code < 0 ? this.#add(known, outcome) : code;
    if (first.flag !== outcome.flag || known.length >= MOST_CODES || this.bytes >= MOST_BYTES) return -1;
    if (known.length === 1) this.#seconds[place] = outcome;
    return this.#add(known, outcome);
  }

  #add(known: Outcome[], outcome: Outcome): number {
    const { flag, variation, ruleId } = outcome;
    this.bytes += OUTCOME_BYTES + flag.length + variation.length + ruleId.length;
    return known.push(outcome) - 1;
  }
}

/** Calls that ask for other flags are few: of the same part of a list so many sheets are kept. */
const MOST_KEPT = 3;

interface Read {
  readonly outcomes: readonly Outcome[];
  readonly from: number;
  readonly sheet: AnswerSheet;
}

/** Whose codes there are. */
let last: Read | undefined;

/** The sheets of one snapshot. */
export class AnswerSheets {
  /** By where in a list they begin; the latest first. */
  readonly #sheets = new Map<number, AnswerSheet[]>();

  /**
   * A sheet that has read these answers, `LONGEST_SHEET` of them from `from` on or as many as there are. To ask again for
   * the same list takes no time; nobody may change it.
   */
  reading(outcomes: readonly Outcome[], from: number): AnswerSheet {
    if (last?.outcomes === outcomes && last.from === from) return last.sheet;
    const sheet = this.#reading(outcomes, from, Math.min(outcomes.length, from + LONGEST_SHEET));
    last = { outcomes, from, sheet };
    return sheet;
  }

  #reading(outcomes: readonly Outcome[], from: number, to: number): AnswerSheet {
    const known = this.#sheets.get(from) ?? [];
    for (const sheet of known) if (sheet.reads(outcomes, from, to)) return sheet;
    const sheet = new AnswerSheet(outcomes, from, to);
    sheet.reads(outcomes, from, to);
    this.#sheets.set(from, [sheet, ...known.slice(0, MOST_KEPT - 1)]);
    return sheet;
  }
}

const sheets = new WeakMap<object, AnswerSheets>();

/** Those of a snapshot, as long as there is the snapshot. */
export function sheetsOf(snapshot: object): AnswerSheets {
  let known = sheets.get(snapshot);
  if (known === undefined) {
    known = new AnswerSheets();
    sheets.set(snapshot, known);
  }
  return known;
}

import type { Outcome } from '../../core/outcome.ts';
import type { BatchTables, OutcomeEntry } from '../../ports/batch-tables.ts';
import { originalOf } from '../decisions.ts';

/** What one call answered, and how many evaluations that is. */
export interface Answered {
  readonly index: number;
  readonly units: number;
}

interface KnownList {
  readonly outcomes: readonly Outcome[];
  readonly from: number;
  readonly to: number;
  readonly index: number;
  readonly units: number;
  /** The pick that is just this list, once there is one. */
  plainPick: number;
}

/** What is answered but not to be recorded. */
const NOTHING = -1;
/** Calls that ask for other flags, or run a release, are few: their lists are told again and again rather than looked for. */
const MOST_LOOKED_AT = 3;
/** More differences than that share of a list take as long as the whole of it. */
const MOST_DIFFERENT = 0.5;
const INDEX_BYTES = 5;

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
  readonly #lists: (readonly number[])[] = [];
  readonly #known: KnownList[] = [];
  readonly #picks: (readonly number[])[] = [];
  readonly #equalPicks = new Map<string, number>();
  #growth = 0;

  indexOf(outcome: Outcome): number {
    const known = this.#indexes.get(outcome);
    this.items++;
    return known ?? this.#newIndex(outcome);
  }

  /** `mayRepeat`: equal picks are to be one. */
  pickOf(outcomes: readonly Outcome[], from: number, to: number, mayRepeat: boolean): Answered {
    this.items += to - from;
    for (let last = this.#known.length - 1; last >= 0; last--) {
      const list = this.#known[last];
      const pick = list && this.#pickFrom(list, outcomes, from, to, mayRepeat);
      if (pick !== undefined) return pick;
    }
    return this.#plainPick(this.#newList(outcomes, from, to));
  }

  /** By how many bytes the tables grew since this was asked the last time. */
  takeGrowth(): number {
    const growth = this.#growth;
    this.#growth = 0;
    return growth;
  }

  tables(): Pick<BatchTables, 'lists' | 'picks'> {
    return { lists: this.#lists, picks: this.#picks };
  }

  /** The table of outcomes as JSON. */
  outcomesText(): string {
    return `[${this.#entries.join()}]`;
  }

  /** Undefined if little is as in that list. */
  #pickFrom(
    list: KnownList,
    outcomes: readonly Outcome[],
    from: number,
    to: number,
    mayRepeat: boolean,
  ): Answered | undefined {
    if (list.from !== from || list.to !== to || list.outcomes.length !== outcomes.length) return undefined;
    const pick = [list.index];
    const most = 1 + 2 * MOST_DIFFERENT * (to - from);
    let { units } = list;
    for (let at = from; at < to; at++) {
      const outcome = outcomes[at];
      const before = list.outcomes[at];
      if (outcome === before || outcome === undefined || before === undefined) continue;
      if (pick.length > most) return undefined;
      const recorded = isRecorded(outcome);
      pick.push(at - from, recorded ? (this.#indexes.get(outcome) ?? this.#newIndex(outcome)) : NOTHING);
      units += (recorded ? 1 : 0) - (isRecorded(before) ? 1 : 0);
    }
    if (pick.length === 1) return this.#plainPick(list);
    return { index: this.#pickIndex(pick, mayRepeat), units };
  }

  #plainPick(list: KnownList): Answered {
    if (list.plainPick < 0) list.plainPick = this.#pickIndex([list.index], false);
    return { index: list.plainPick, units: list.units };
  }

  #pickIndex(pick: readonly number[], mayRepeat: boolean): number {
    const key = mayRepeat ? pick.join() : '';
    const known = mayRepeat ? this.#equalPicks.get(key) : undefined;
    if (known !== undefined) return known;
    const index = this.#picks.push(pick) - 1;
    this.#growth += pick.length * INDEX_BYTES;
    if (mayRepeat) this.#equalPicks.set(key, index);
    return index;
  }

  #newList(outcomes: readonly Outcome[], from: number, to: number): KnownList {
    const indexes: number[] = [];
    let units = 0;
    for (let at = from; at < to; at++) {
      const outcome = outcomes[at];
      const recorded = outcome !== undefined && isRecorded(outcome);
      indexes.push(recorded ? (this.#indexes.get(outcome) ?? this.#newIndex(outcome)) : NOTHING);
      if (recorded) units++;
    }
    const index = this.#lists.push(indexes) - 1;
    this.#growth += indexes.length * INDEX_BYTES;
    const list = { outcomes, from, to, index, units, plainPick: -1 };
    this.#known.push(list);
    if (this.#known.length > MOST_LOOKED_AT) this.#known.shift();
    return list;
  }

  #newIndex(outcome: Outcome): number {
    const text = entryTexts.get(outcome) ?? newEntryText(outcome);
    const index = this.#entries.push(text) - 1;
    this.#indexes.set(outcome, index);
    this.#growth += 2 * text.length;
    return index;
  }
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

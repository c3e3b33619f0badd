import type { Outcome } from '../../core/outcome.ts';
import { keptDecisions } from './kept-decisions.ts';

/** Longer lists are put together from single decisions every time. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** A sheet of which less can be used is replaced. */
const MOST_DIFFERENT = 0.75;

/** All that one kind of caller sees in a snapshot. */
export interface WholeList {
  readonly snapshot: object;
  readonly audience: 'web' | 'server';
}

/** What an earlier answer said about every flag of an environment. */
interface Sheet {
  readonly outcomes: readonly Outcome[];
  /** The decisions one after the other. */
  readonly bytes: Buffer;
  /** Where each begins, and where the last one ends. */
  readonly starts: Uint32Array;
}

/** A list of decisions that is ready to be written. */
export interface JoinedDecisions {
  readonly length: number;
  /** Returns where the next byte goes. */
  write(bytes: Buffer, at: number): number;
}

/**
 * Puts decisions one after the other, as a repeated field with this tag (of one byte). Answers for every flag of an
 * environment are mostly the same for everybody, so one of them is kept, and the next one copies whole stretches of it.
 */
export class DecisionJoiner {
  readonly #tag: number;
  /** By snapshot. */
  readonly #sheets = { web: new WeakMap<object, Sheet>(), server: new WeakMap<object, Sheet>() };

  constructor(tag: number) {
    this.#tag = tag;
  }

  /** `whole` is undefined for flags that somebody chose. */
  join(outcomes: readonly Outcome[], whole: WholeList | undefined): JoinedDecisions {
    if (whole === undefined || outcomes.length === 0) return this.#fromItems(outcomes);
    const sheets = this.#sheets[whole.audience];
    const sheet = sheets.get(whole.snapshot);
    const alike = sheet && this.#fromSheet(outcomes, sheet);
    if (alike !== undefined) return alike;
    const joined = this.#fromItems(outcomes);
    if (joined.length <= MAX_KEPT_BYTES) sheets.set(whole.snapshot, sheetOf(outcomes, joined));
    return joined;
  }

  #fromItems(outcomes: readonly Outcome[]): JoinedDecisions {
    const items = outcomes.map((outcome) => keptDecisions.of(outcome).item);
    let length = 0;
    for (const item of items) length += item.length;
    const write = (bytes: Buffer, start: number) => {
      let at = start;
      for (const item of items) {
        bytes.set(item, at);
        bytes[at] = this.#tag;
        at += item.length;
      }
      return at;
    };
    return { length, write };
  }

  /** Undefined if little is as it was. */
  #fromSheet(outcomes: readonly Outcome[], sheet: Sheet): JoinedDecisions | undefined {
    if (outcomes.length !== sheet.outcomes.length) return undefined;
    const { bytes: kept, starts } = sheet;
    const different: number[] = [];
    const items: Buffer[] = [];
    let { length } = kept;
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome === sheet.outcomes[index]) continue;
      const { item } = keptDecisions.of(outcome);
      different.push(index);
      items.push(item);
      length += item.length - ((starts[index + 1] ?? 0) - (starts[index] ?? 0));
    }
    if (different.length > outcomes.length * MOST_DIFFERENT) return undefined;
    const write = (bytes: Buffer, start: number) => {
      let at = start;
      let from = 0;
      for (let place = 0; place < items.length; place++) {
        const [index = 0, item] = [different[place], items[place]];
        const until = starts[index] ?? 0;
        if (until > from) at += kept.copy(bytes, at, from, until);
        if (item !== undefined) bytes.set(item, at);
        bytes[at] = this.#tag;
        at += item?.length ?? 0;
        from = starts[index + 1] ?? 0;
      }
      return at + kept.copy(bytes, at, from);
    };
    return { length, write };
  }
}

function sheetOf(outcomes: readonly Outcome[], joined: JoinedDecisions): Sheet {
  const bytes = Buffer.allocUnsafeSlow(joined.length);
  joined.write(bytes, 0);
  const starts = new Uint32Array(outcomes.length + 1);
  outcomes.forEach((outcome, index) => {
    starts[index + 1] = (starts[index] ?? 0) + keptDecisions.of(outcome).item.length;
  });
  return { outcomes, bytes, starts };
}

import type { LossReason, SequenceRange } from '../../ports/exposure-store.ts';
import { FORMAT, type PartDocument, type ProcessDocument } from './exposure-documents.ts';

/** Whole numbers, as few ranges. */
export class Ranges {
  /** From, to, from, to, …, upwards, with gaps between. */
  readonly list: number[];

  constructor(list: readonly number[] = []) {
    this.list = [...list];
  }

  has(value: number): boolean {
    const index = this.#behind(value);
    return index > 0 && (this.list[index - 1] ?? 0) >= value;
  }

  add(value: number): void {
    if (this.has(value)) return;
    const index = this.#behind(value);
    const joinsBefore = index > 0 && this.list[index - 1] === value - 1;
    const joinsAfter = this.list[index] === value + 1;
    if (joinsBefore && joinsAfter) this.list.splice(index - 1, 2);
    else if (joinsBefore) this.list[index - 1] = value;
    else if (joinsAfter) this.list[index] = value;
    else this.list.splice(index, 0, value, value);
  }

  /** Below the highest, from 1 up. */
  gaps(): SequenceRange[] {
    const gaps: SequenceRange[] = [];
    for (let index = 0, before = 0; index < this.list.length; index += 2) {
      const from = this.list[index] ?? 0;
      if (from > before + 1) gaps.push({ from: before + 1, to: from - 1 });
      before = this.list[index + 1] ?? 0;
    }
    return gaps;
  }

  get highest(): number {
    return this.list.at(-1) ?? 0;
  }

  /** Where the first range begins that begins behind the value. */
  #behind(value: number): number {
    let low = 0;
    let high = this.list.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.list[2 * middle] ?? 0) > value) high = middle;
      else low = middle + 1;
    }
    return 2 * low;
  }
}

export interface DeclaredOf {
  readonly reason: LossReason;
  readonly sequence: number;
  readonly units: number;
}

/** What batches told of their process. */
export interface Known {
  stored: number;
  accepted: number;
  readonly ranges: Ranges;
  /** Losses of what never came into a batch. */
  readonly lost: Map<LossReason, number>;
  /** Losses of what was in a batch, by reason and sequence. */
  readonly declared: Map<string, DeclaredOf>;
  firstAt: number;
  lastAt: number;
  readonly end?: { readonly accepted: number; readonly firstAt: number; readonly lastAt: number };
}

/** What a document says; undefined if nobody can tell. Without one: nothing. */
export function knownOf(document: ProcessDocument | undefined): Known | undefined {
  if (document === undefined) return nothing();
  const { format, token, pending, stored, accepted, ranges, lost, declared, end } = document;
  const { firstAt = Infinity, lastAt = -Infinity } = document;
  const lists = [pending, ranges, lost, declared];
  if (format !== FORMAT || typeof token !== 'string' || !lists.every((list) => Array.isArray(list)))
    return undefined;
  if (![stored, accepted, ...ranges].every((number) => Number.isSafeInteger(number))) return undefined;
  const known = { ...nothing(), stored, accepted, ranges: new Ranges(ranges), firstAt, lastAt };
  for (const { reason, units } of lost) known.lost.set(reason, units);
  for (const one of declared) known.declared.set(`${one.reason} ${one.sequence}`, one);
  return end === undefined ? known : { ...known, end };
}

/** The same, with one more part in it. */
export function withPart(known: Known, part: PartDocument): Known {
  known.stored += part.units;
  known.accepted = Math.max(known.accepted, part.accepted);
  known.ranges.add(part.sequence);
  known.firstAt = Math.min(known.firstAt, part.firstAt);
  known.lastAt = Math.max(known.lastAt, part.lastAt);
  const here = new Map<string, DeclaredOf>();
  for (const { reason, units, sequence } of part.losses) {
    if (sequence === undefined) known.lost.set(reason, (known.lost.get(reason) ?? 0) + units);
    else {
      const key = `${reason} ${sequence}`;
      here.set(key, { reason, sequence, units: units + (here.get(key)?.units ?? 0) });
    }
  }
  // Several batches may declare the same: the most that one of them says.
  for (const [key, loss] of here)
    if (loss.units >= (known.declared.get(key)?.units ?? 0)) known.declared.set(key, loss);
  return known;
}

function nothing(): Known {
  return {
    ...{ stored: 0, accepted: 0, ranges: new Ranges(), lost: new Map(), declared: new Map() },
    ...{ firstAt: Infinity, lastAt: -Infinity },
  };
}

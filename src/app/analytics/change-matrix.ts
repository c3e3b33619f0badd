import type { Context } from '../../core/context.ts';
import type { JsonObject } from '../../core/model.ts';
import type { Outcome, Reason } from '../../core/outcome.ts';
import { type Reach, reachOf } from './reach.ts';
import type { Sampled } from './share.ts';

/** Those who get one variation now and another, or the same, then. */
export interface ChangeCell {
  /** Empty: the caller's own default. */
  readonly from: string;
  readonly to: string;
  readonly reach: Reach;
  readonly examples: readonly ChangeExample[];
}

export interface ChangeExample {
  readonly subject: string;
  readonly attributes: JsonObject;
  readonly fromReason: Reason;
  readonly toReason: Reason;
}

interface Cell {
  readonly from: string;
  readonly to: string;
  count: number;
  readonly examples: ChangeExample[];
}

/** The matrix of variations, as far as anybody is in it. A cell is known by its number. */
export class ChangeMatrix {
  readonly #cells: Cell[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #examples: number;

  constructor(examples: number) {
    this.#examples = examples;
  }

  /** Puts a context into its cell, and says which that is. */
  add(before: Outcome, after: Outcome, { targetingKey: subject, attributes }: Context): number {
    const number = this.#numberOf(before.variation, after.variation);
    const cell = this.#cells[number];
    if (cell === undefined) return number;
    cell.count++;
    if (cell.examples.length < this.#examples)
      cell.examples.push({ subject, attributes, fromReason: before.reason, toReason: after.reason });
    return number;
  }

  /** How many are in each cell, by its number. */
  tally(): ReadonlyMap<number, number> {
    return new Map(this.#cells.map(({ count }, number) => [number, count]));
  }

  /** Of `of` contexts, those of the tally that get another variation. */
  moved(of: number, tally: ReadonlyMap<number, number>, sample: Sampled): Reach {
    let moved = 0;
    for (const [number, count] of tally) {
      const cell = this.#cells[number];
      if (cell !== undefined && cell.from !== cell.to) moved += count;
    }
    return reachOf(moved, of, sample);
  }

  /** The cells of a tally over `of` contexts, the most frequent first. */
  list(tally: ReadonlyMap<number, number>, of: number, sample: Sampled, withExamples: boolean): ChangeCell[] {
    return [...tally]
      .flatMap(([number, count]) => {
        const cell = this.#cells[number];
        if (cell === undefined) return [];
        const { from, to } = cell;
        return [{ from, to, reach: reachOf(count, of, sample), examples: withExamples ? cell.examples : [] }];
      })
      .sort((a, b) => b.reach.matched - a.reach.matched || (nameOf(a) < nameOf(b) ? -1 : 1));
  }

  #numberOf(from: string, to: string): number {
    const name = nameOf({ from, to });
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#cells.push({ from, to, count: 0, examples: [] }) - 1;
    this.#numbers.set(name, number);
    return number;
  }
}

function nameOf({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${from}\0${to}`;
}

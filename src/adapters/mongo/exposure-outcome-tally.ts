import { compareCodePoints } from '../../core/canonical-json.ts';
import type { OutcomeQuery, RecordedEvent, VariationOutcome } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';

interface Variation {
  evaluations: number;
  subjects: number;
  affected: number;
  events: number;
  sum: number;
  sumOfSquares: number;
}

type Occurrence = Pick<RecordedEvent, 'time' | 'value' | 'count'>;

/** What somebody was told; undefined stands for what nobody asks for. */
interface Told {
  firstAt: number;
  readonly first: Variation | undefined;
  /** Present if they were told several things. */
  all?: Set<Variation | undefined>;
  readonly happened: { events: number; sum: number };
}

/** What happened to somebody who was told several things, and when they were told which, at the same index. */
interface Changing {
  readonly happened: Occurrence[];
  readonly times: number[];
  readonly told: (Variation | undefined)[];
}

/** Takes all rows, then all events, then, if it needs them, when what was told. */
export class OutcomeTally {
  readonly #query: OutcomeQuery;
  readonly #variations = new Map<string, Variation>();
  readonly #subjects = new Map<string, Told>();
  readonly #changing = new Map<string, Changing>();

  constructor(query: OutcomeQuery) {
    this.#query = query;
  }

  /** Whether something happened to somebody who was told several things. */
  get needsTurns(): boolean {
    return this.#changing.size > 0;
  }

  addRow(time: number, ruleId: string, variation: string, subject: string, count: number): void {
    if (!this.#isIn(time)) return;
    const got = this.#asked(ruleId, variation);
    if (got !== undefined) got.evaluations += count;
    if (subject === '') return;
    const known = this.#subjects.get(subject);
    if (known === undefined) {
      this.#subjects.set(subject, { firstAt: time, first: got, happened: { events: 0, sum: 0 } });
      return;
    }
    known.firstAt = Math.min(known.firstAt, time);
    if (known.all === undefined && got === known.first) return;
    known.all ??= new Set([known.first]);
    known.all.add(got);
  }

  addEvent({ time, event, kind, subject, flag, value = 0, count }: RecordedEvent): void {
    const { flag: wanted, kinds, event: name } = this.#query;
    if (!this.#isIn(time) || (flag !== undefined && flag !== null && flag !== wanted)) return;
    if ((kinds !== undefined && !kinds.includes(kind)) || (name !== undefined && name !== event)) return;
    const known = this.#subjects.get(subject);
    if (known === undefined || time < known.firstAt) return;
    if (known.all === undefined) {
      known.happened.events += count;
      known.happened.sum += value * count;
      return;
    }
    const changing = entryIn(
      this.#changing,
      subject,
      () => ({ happened: [], times: [], told: [] }) as Changing,
    );
    changing.happened.push({ time, value, count });
  }

  addTurn(time: number, ruleId: string, variation: string, subject: string): void {
    const changing = this.#changing.get(subject);
    if (changing === undefined || !this.#isIn(time)) return;
    changing.times.push(time);
    changing.told.push(this.#asked(ruleId, variation));
  }

  /** In code point order. To be called once. */
  outcomes(): VariationOutcome[] {
    for (const { first, all, happened } of this.#subjects.values()) {
      for (const variation of all ?? [first]) if (variation !== undefined) variation.subjects++;
      if (all === undefined && first !== undefined && happened.events > 0) blame(first, happened);
    }
    for (const changing of this.#changing.values()) blameTheLast(changing);
    return [...this.#variations]
      .sort(([a], [b]) => compareCodePoints(a, b))
      .map(([variation, counted]) => ({ variation, ...counted }));
  }

  #isIn(time: number): boolean {
    return time >= this.#query.from && time < this.#query.to;
  }

  #asked(ruleId: string, variation: string): Variation | undefined {
    if (this.#query.ruleId !== undefined && this.#query.ruleId !== ruleId) return undefined;
    return entryIn(this.#variations, variation, () => ({
      ...{ evaluations: 0, subjects: 0, affected: 0, events: 0, sum: 0, sumOfSquares: 0 },
    }));
  }
}

/** Blames what happened to one subject. */
function blame(
  variation: Variation,
  { events, sum }: { readonly events: number; readonly sum: number },
): void {
  variation.affected += 1;
  variation.events += events;
  variation.sum += sum;
  variation.sumOfSquares += sum * sum;
}

/** Each event on all that was told at the last instant before it. */
function blameTheLast({ happened, times, told }: Changing): void {
  const order = [...times.keys()].sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
  const timeAt = (index: number) => times[order[index] ?? -1] ?? -Infinity;
  const fared = new Map<Variation, { events: number; sum: number }>();
  let behind = 0;
  for (const { time, value = 0, count } of happened.sort((a, b) => a.time - b.time)) {
    while (behind < order.length && timeAt(behind) <= time) behind++;
    const blamed = new Set<Variation | undefined>();
    for (let turn = behind - 1; turn >= 0 && timeAt(turn) === timeAt(behind - 1); turn--)
      blamed.add(told[order[turn] ?? -1]);
    for (const variation of blamed) {
      if (variation === undefined) continue;
      const own = entryIn(fared, variation, () => ({ events: 0, sum: 0 }));
      own.events += count;
      own.sum += value * count;
    }
  }
  for (const [variation, own] of fared) blame(variation, own);
}

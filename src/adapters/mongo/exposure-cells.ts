import { compareCodePoints } from '../../core/canonical-json.ts';
import type { RecordedEvaluation, SeriesPoint } from '../../ports/exposure-store.ts';
import type { Cell, MinuteCell } from './exposure-documents.ts';

export const MINUTE_MS = 60_000;

type Counted = Pick<RecordedEvaluation, 'flag' | 'variation' | 'reason'>;

/** Sums by time, flag, variation and reason. */
export class Cells {
  readonly #byTime = new Map<number, Map<string, Map<string, SeriesPoint>>>();

  add(at: number, { flag, variation, reason }: Counted, count: number, estimate: number): void {
    const flags = entryIn(this.#byTime, at, () => new Map<string, Map<string, SeriesPoint>>());
    const answers = entryIn(flags, flag, () => new Map<string, SeriesPoint>());
    // A reason has no such character.
    const answer = `${reason}/${variation}`;
    const known = answers.get(answer);
    const point = { at, flag, variation, reason, count, estimate };
    if (known !== undefined) {
      point.count += known.count;
      point.estimate += known.estimate;
    }
    answers.set(answer, point);
  }

  addCells(at: number, cells: readonly Cell[]): void {
    for (const cell of cells) this.add(at, cell, cell.count, cell.estimate);
  }

  addEvaluations(evaluations: readonly RecordedEvaluation[], at: (time: number) => number): void {
    for (const one of evaluations) this.add(at(one.time), one, one.count, one.count * one.weight);
  }

  /** In the order of a series. */
  points(): SeriesPoint[] {
    return this.#all().sort(
      (a, b) =>
        a.at - b.at ||
        compareCodePoints(a.flag, b.flag) ||
        compareCodePoints(a.variation, b.variation) ||
        compareCodePoints(a.reason, b.reason),
    );
  }

  /** In no order; of all times, which have to be one. */
  totals(): Cell[] {
    return this.#all().map(({ flag, variation, reason, count, estimate }) => ({
      ...{ flag, variation, reason, count, estimate },
    }));
  }

  /** In no order. */
  byFlag(): Map<string, MinuteCell[]> {
    const flags = new Map<string, MinuteCell[]>();
    for (const point of this.#all()) entryIn(flags, point.flag, () => [] as MinuteCell[]).push(point);
    return flags;
  }

  #all(): SeriesPoint[] {
    const points: SeriesPoint[] = [];
    for (const flags of this.#byTime.values())
      for (const answers of flags.values()) points.push(...answers.values());
    return points;
  }
}

export function minuteOf(time: number): number {
  return Math.floor(time / MINUTE_MS) * MINUTE_MS;
}

/** What is there, or what is put there. */
export function entryIn<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

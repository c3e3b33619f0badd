import type { Clock } from '../ports/clock.ts';

/** At least this often the clock is looked at again, because it may jump. */
const LONGEST_SLEEP_MS = 30_000;

/** Below this many dead entries nobody cares. */
const FEW = 100;

interface Entry {
  readonly at: number;
  task: (() => void) | undefined;
}

/** Runs many tasks at many times with one timer: a binary heap, earliest first. */
export class Alarm implements Disposable {
  readonly #clock: Clock;
  #heap: Entry[] = [];
  /** How many entries of the heap were disposed of and only wait for their time. */
  #dead = 0;
  #timer: Disposable | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `task` once when the clock says `at` (epoch milliseconds) or later, unless disposed first. */
  at(at: number, task: () => void): Disposable {
    const entry: Entry = { at, task };
    this.#push(entry);
    this.#arm();
    return {
      [Symbol.dispose]: () => {
        if (entry.task === undefined) return;
        entry.task = undefined;
        this.#dead++;
        if (this.#dead > FEW && this.#dead > this.#heap.length / 2) this.#compact();
      },
    };
  }

  /** How many entries are kept, dead ones included. */
  get size(): number {
    return this.#heap.length;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#heap = [];
  }

  #compact(): void {
    const living = this.#heap.filter(({ task }) => task !== undefined);
    this.#heap = [];
    this.#dead = 0;
    for (const entry of living) this.#push(entry);
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined || next.at >= this.#timerAt) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerAt = next.at;
    const delayMs = Math.min(Math.max(next.at - this.#clock.now(), 0), LONGEST_SLEEP_MS);
    this.#timer = this.#clock.after(delayMs, () => this.#ring());
  }

  #ring(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (let next = this.#heap[0]; next !== undefined && next.at <= now; next = this.#heap[0]) {
      this.#pop();
      const { task } = next;
      next.task = undefined;
      if (task === undefined) this.#dead--;
      else task();
    }
    this.#arm();
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const [a, b] = [heap[left], heap[right]];
      if (a === undefined) break;
      const child = b !== undefined && b.at < a.at ? right : left;
      const below = heap[child];
      if (below === undefined || below.at >= last.at) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

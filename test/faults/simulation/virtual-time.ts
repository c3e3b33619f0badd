import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../../src/ports/clock.ts';

/** How often the event loop goes round between two moments, so that everything that can happen at one has happened. */
const TURNS = 3;

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly task: () => void;
}

/** Time that passes only as fast as there is nothing left to do, the same way again for the same program. */
export class VirtualTime {
  readonly #startMs: number;
  #waiting: Entry[] = [];
  #elapsedMs = 0;
  #order = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#elapsedMs;
  }

  /** A clock for somebody who may die: then nothing rings any more. */
  clock(isAlive: () => boolean = () => true): Clock {
    return {
      now: () => this.#startMs + this.#elapsedMs,
      monotonic: () => this.#elapsedMs,
      after: (delayMs, task) =>
        this.#add(delayMs, () => {
          if (isAlive()) task();
        }),
    };
  }

  async sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#add(ms, resolve);
    await promise;
  }

  /** Lets time pass up to this moment. */
  async runUntil(untilMs: number): Promise<void> {
    await this.settle();
    for (let next = this.#waiting[0]; next !== undefined && next.due <= untilMs; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#elapsedMs = Math.max(this.#elapsedMs, next.due);
      next.task();
      await this.settle();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  /** Lets time pass until this resolves. Rejects if it has not after so long. */
  async runThrough<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    const untilMs = this.#elapsedMs + withinMs;
    await this.settle();
    while (!isOver) {
      if (this.#elapsedMs >= untilMs) throw new Error(`it takes longer than ${withinMs} ms`);
      await this.runUntil(this.#elapsedMs + 20);
    }
    return await promise;
  }

  /** Lets happen what can happen without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  }

  #add(delayMs: number, task: () => void): Disposable {
    const entry = { due: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, task };
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#waiting[middle];
      if (other !== undefined && other.due <= entry.due) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, entry);
    return {
      [Symbol.dispose]: () => {
        const index = this.#waiting.indexOf(entry);
        if (index >= 0) this.#waiting.splice(index, 1);
      },
    };
  }
}

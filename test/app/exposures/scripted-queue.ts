import { FlagError } from '../../../src/core/errors.ts';
import type { Delivery, ExposureQueue, Parcel } from '../../../src/ports/exposure-queue.ts';

/** How it answers: `lost` keeps the parcel and says that it cannot tell. */
export type Mood = 'takes' | 'unavailable' | 'lost' | 'exhausted' | 'invalid' | 'hangs';

/** The side of a queue that publishers see, in whatever mood a test puts it. It keeps one parcel of each id. */
export class ScriptedQueue implements ExposureQueue {
  mood: Mood = 'takes';
  readonly kept = new Map<string, Uint8Array>();
  /** Every try, in order. */
  readonly tries: Parcel[] = [];
  /** Tries that are not answered yet, and the most there ever were. */
  open = 0;
  mostOpen = 0;
  readonly #listeners = new Set<() => void>();
  readonly #held: (() => void)[] = [];

  async publish(parcel: Parcel): Promise<void> {
    this.tries.push({ id: parcel.id, bytes: Uint8Array.from(parcel.bytes) });
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    try {
      if (this.mood === 'hangs') await new Promise<void>((resolve) => void this.#held.push(resolve));
      else await Promise.resolve();
      this.#answer(parcel);
    } finally {
      this.open--;
    }
  }

  /** It is back: whoever wants to know is told, and what hung goes on. */
  connect(): void {
    this.mood = 'takes';
    for (const resolve of this.#held.splice(0)) resolve();
    for (const listener of this.#listeners) listener();
  }

  connected(): boolean {
    return this.mood === 'takes';
  }

  onConnected(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  take(): Promise<readonly Delivery[]> {
    return Promise.reject(new FlagError('unavailable', 'nobody takes here'));
  }

  state() {
    return Promise.resolve({ waiting: this.kept.size, bytes: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }

  #answer({ id, bytes }: Parcel): void {
    const { mood } = this;
    if ((mood === 'takes' || mood === 'lost') && !this.kept.has(id))
      this.kept.set(id, Uint8Array.from(bytes));
    if (mood === 'lost') throw new FlagError('unavailable', 'nobody knows');
    if (mood !== 'takes' && mood !== 'hangs') throw new FlagError(mood, `the queue is ${mood}`);
  }
}

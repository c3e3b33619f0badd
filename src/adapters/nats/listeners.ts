/** Those who want to hear of something. One that throws keeps nothing from the others. */
export class Listeners<T> {
  readonly #entries = new Set<Entry<T>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Until the returned handle is disposed. */
  add(listener: (value: T) => void): Disposable {
    const entry = { listener };
    this.#entries.add(entry);
    return { [Symbol.dispose]: () => void this.#entries.delete(entry) };
  }

  /** Calls, in their order, those that listen now and have not gone by their turn. */
  call(value: T): void {
    this.#call([...this.#entries], value);
  }

  /** The same, once whoever runs now is done. */
  callSoon(value: T): void {
    const entries = [...this.#entries];
    queueMicrotask(() => this.#call(entries, value));
  }

  #call(entries: readonly Entry<T>[], value: T): void {
    for (const entry of entries) {
      if (!this.#entries.has(entry)) continue;
      try {
        entry.listener(value);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** An object of its own, so that one function can listen twice. */
interface Entry<T> {
  readonly listener: (value: T) => void;
}

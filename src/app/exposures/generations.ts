/**
 * What was said lately, as far as a bounded memory goes: at least the last `size` entries, at most twice as many. An entry
 * that is asked for again and again is still forgotten, sooner or later.
 */
export class Generations<K, V> {
  readonly #size: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(size: number) {
    this.#size = size;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#size) this.turn();
    this.#young.set(key, value);
  }

  /** Forgets everything but what was set since the last turn. */
  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

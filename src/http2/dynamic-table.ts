import { type Field, sizeOf } from './field.ts';

/** When so many have left at the front, the others move up. */
const MOST_LEFT = 64;

/** The fields that a peer wants to be remembered, newest first, as many as fit. */
export class DynamicTable {
  /** Oldest first, from `#first` on. */
  #fields: (Field | undefined)[] = [];
  #first = 0;
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** `age` is 0 for the newest. */
  at(age: number): Field | undefined {
    const index = this.#fields.length - 1 - age;
    return index < this.#first ? undefined : this.#fields[index];
  }

  /** A field that is larger than the table empties it, and is not kept. */
  add(field: Field): void {
    this.#fields.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#maxSize) {
      const oldest = this.#fields[this.#first];
      this.#fields[this.#first++] = undefined;
      if (oldest !== undefined) this.#size -= sizeOf(oldest);
    }
    if (this.#first < MOST_LEFT) return;
    this.#fields = this.#fields.slice(this.#first);
    this.#first = 0;
  }
}

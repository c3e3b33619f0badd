/** Numbers things 0, 1, 2, … in the order in which they first come. Those that are the same as JSON are one. */
export class IndexedTexts<T> {
  readonly all: T[] = [];
  readonly #indexes = new Map<string, number>();

  of(thing: T): number {
    const text = JSON.stringify(thing);
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    this.#indexes.set(text, this.all.length);
    return this.all.push(thing) - 1;
  }
}

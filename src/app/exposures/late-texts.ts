/** A power of two. */
const SLOTS = 4_096;

/**
 * The numbers of texts that were said lately: each slot knows the last one that fell into it, by how it ends, which is where
 * names that are alike differ.
 */
export class LateTexts {
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');
  /** Each number, plus 1. 0: nothing is here. */
  readonly #numbers = new Uint16Array(SLOTS);

  /** -1 if it is not known any more. */
  get(text: string): number {
    const slot = slotOf(text);
    return this.#texts[slot] === text ? (this.#numbers[slot] ?? 0) - 1 : -1;
  }

  set(text: string, number: number): void {
    const slot = slotOf(text);
    this.#texts[slot] = text;
    this.#numbers[slot] = number + 1;
  }

  /** Forgets the numbers. */
  clear(): void {
    this.#numbers.fill(0);
  }
}

function slotOf(text: string): number {
  const last = text.length - 1;
  const end =
    last < 2
      ? last
      : text.charCodeAt(last) ^ (text.charCodeAt(last - 1) << 4) ^ (text.charCodeAt(last - 2) << 8);
  return end & (SLOTS - 1);
}

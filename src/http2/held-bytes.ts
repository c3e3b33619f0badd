const LEAST_BYTES = 4_096;

/** What arrives while nobody takes it, in one piece: memory follows the bytes, not the number of frames. */
export class HeldBytes {
  #bytes: Buffer = Buffer.allocUnsafe(0);
  #length = 0;

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, this.#bytes.length * 2, length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  all(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

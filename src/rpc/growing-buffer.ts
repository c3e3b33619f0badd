/** Bytes that arrive in pieces, up to a number that was announced. Memory follows what has arrived. */
export interface GrowingBuffer {
  /** Takes what it still wants and returns what is left over. */
  take(chunk: Uint8Array): Uint8Array;
  full(): boolean;
  empty(): boolean;
  bytes(): Uint8Array;
  clear(): void;
}

export function growingBuffer(wanted: number): GrowingBuffer {
  let held = new Uint8Array(0);
  let length = 0;
  return {
    take: (chunk) => {
      const taken = Math.min(chunk.length, wanted - length);
      if (length + taken > held.length) {
        const larger = new Uint8Array(Math.min(wanted, Math.max(held.length * 2, length + taken)));
        larger.set(held.subarray(0, length));
        held = larger;
      }
      held.set(chunk.subarray(0, taken), length);
      length += taken;
      return chunk.subarray(taken);
    },
    full: () => length === wanted,
    empty: () => length === 0,
    bytes: () => held.subarray(0, length),
    clear: () => {
      length = 0;
    },
  };
}

const HEADER_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/** Puts the messages of one stream together, however they are cut into pieces. */
export class MessageReader {
  #rest: Buffer = NOTHING;

  /** Calls `take` with each message that ends within `bytes` from `start` to `end`; it is overwritten after the call. */
  read(bytes: Buffer, start: number, end: number, take: (message: Buffer) => void): void {
    const piece = bytes.subarray(start, end);
    const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    while (at + HEADER_BYTES <= all.length) {
      const next = at + HEADER_BYTES + all.readUInt32BE(at + 1);
      if (next > all.length) break;
      take(all.subarray(at + HEADER_BYTES, next));
      at = next;
    }
    this.#rest = at === all.length ? NOTHING : Buffer.from(all.subarray(at));
  }
}

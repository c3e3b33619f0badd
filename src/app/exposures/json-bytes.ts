const FIRST_BYTES = 256;

/** JSON that is written piece by piece into bytes, which are used again once they are cleared. */
export class JsonBytes {
  /** The first `length` of them are written. */
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;

  /** JSON, or a part of it. */
  raw(json: string): void {
    this.reserve(3 * json.length);
    this.length += this.bytes.write(json, this.length);
  }

  /** A few characters of ASCII: to call the system for them would take longer. */
  ascii(json: string): void {
    this.reserve(json.length);
    for (let at = 0; at < json.length; at++) this.bytes[this.length++] = json.charCodeAt(at);
  }

  /** Makes room for so many more. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.length + more));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  clear(): void {
    this.length = 0;
  }
}

import { DynamicTable } from './dynamic-table.ts';
import { COMPRESSION_ERROR, ConnectionError } from './errors.ts';
import { type Field, field } from './field.ts';
import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';

/** What every table may hold at first; nobody is allowed more here. */
const TABLE_BYTES = 4_096;
/** Far beyond anything that fits into a block. */
const LARGEST_INTEGER = 2 ** 28;

const text = Buffer.alloc(4_096);

/** Reads the header blocks of one connection, in the order in which they come (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  #bytes: Buffer = text;
  #at = 0;
  #end = 0;
  #edition = 0;

  /** Changes with the table: as long as it is the same, the same block means the same. */
  get edition(): number {
    return this.#edition;
  }

  /**
   * Calls `each` with the fields of a block. Time and memory follow the length of the block, not what it refers to.
   * Throws a ConnectionError for what is no block: afterwards nobody knows what the next one means.
   */
  decode(bytes: Buffer, start: number, end: number, each: (field: Field) => void): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#resize();
    while (this.#at < end) each(this.#field());
    this.#bytes = text;
  }

  #field(): Field {
    const byte = this.#bytes[this.#at] ?? 0;
    if (byte >= 0x80) return this.#entry(this.#integer(0x7f));
    if (byte >= 0x40) {
      const added = this.#literal(0x3f);
      this.#table.add(added);
      this.#edition++;
      return added;
    }
    if (byte >= 0x20) throw malformed('the size of the table changes behind a field');
    return this.#literal(0x0f);
  }

  /** Where a block begins, the table may change its size: to the least that it had meanwhile, and to what it has now. */
  #resize(): void {
    for (let times = 0; times < 2; times++) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (this.#at >= this.#end || byte < 0x20 || byte >= 0x40) return;
      const size = this.#integer(0x1f);
      if (size > TABLE_BYTES) throw malformed('the table is larger than it may be');
      this.#table.resize(size);
      this.#edition++;
    }
  }

  #literal(mask: number): Field {
    const index = this.#integer(mask);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    return field(name, this.#string());
  }

  #entry(index: number): Field {
    const found = STATIC_TABLE[index - 1] ?? this.#table.at(index - 1 - STATIC_TABLE.length);
    if (index === 0 || found === undefined) throw malformed('there is no such entry in the table');
    return found;
  }

  #integer(mask: number): number {
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (factor > LARGEST_INTEGER || value > LARGEST_INTEGER) throw malformed('a number is too large');
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (this.#at >= this.#end || byte === undefined) throw malformed('it ends in the middle of a field');
    this.#at++;
    return byte;
  }

  #string(): string {
    const isPacked = (this.#bytes[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw malformed('it ends in the middle of a string');
    if (!isPacked) return this.#bytes.toString('latin1', start, this.#at);
    const out = length * 2 <= text.length ? text : Buffer.allocUnsafe(length * 2);
    const unpacked = decodeHuffman(this.#bytes, start, this.#at, out);
    if (unpacked < 0) throw malformed('a string is no Huffman code');
    return out.toString('latin1', 0, unpacked);
  }
}

function malformed(what: string): ConnectionError {
  return new ConnectionError(COMPRESSION_ERROR, what);
}

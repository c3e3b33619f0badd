// As much of HPACK as a load generator needs. Every request on a connection has the same headers, so they are said in
// full once and by their places in the table from then on. Of an answer only the status matters: strings are never
// decoded, and the table keeps what each entry means instead of what it says.

/** What a block of headers said, as bits. */
export const HTTP_OK = 1;
export const GRPC_OK = 2;
const HTTP_FAILED = 4;
const GRPC_FAILED = 8;
export const FAILED = HTTP_FAILED | GRPC_FAILED;

const GRPC_STATUS_PLAIN = 'grpc-status';
const GRPC_STATUS_HUFFMAN = '9acac8b21234da8f';
const STATIC_ENTRIES = 61;
/** 4096 bytes of table hold at most that many entries; older ones are never referred to. */
const TABLE_ENTRIES = 128;

/** The names whose values matter, by what they are. */
type Name = 'other' | ':status' | 'grpc-status';

interface Entry {
  readonly name: Name;
  /** Bits, as above. */
  readonly means: number;
}

const OTHER: Entry = { name: 'other', means: 0 };

/** Understands the header blocks that one peer sends on one connection, which must all be shown, in order. */
export class HeaderReader {
  /** Newest last. */
  #table: Entry[] = [];
  #block: Uint8Array = new Uint8Array();
  #at = 0;

  /** What the block in `bytes` from `start` to `end` says about the outcome of the call. */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.#block = bytes;
    this.#at = start;
    let means = 0;
    while (this.#at < end) means |= this.#field();
    if (this.#at !== end) throw new Error('a header block ends within a field');
    return means;
  }

  #field(): number {
    const first = this.#block[this.#at] ?? 0;
    if (first >= 0x80) return this.#entry(this.#integer(7)).means;
    if (first >= 0x40) {
      const entry = this.#literal(6);
      this.#table.push(entry);
      if (this.#table.length > 2 * TABLE_ENTRIES) this.#table = this.#table.slice(-TABLE_ENTRIES);
      return entry.means;
    }
    if (first >= 0x20) {
      this.#integer(5);
      return 0;
    }
    return this.#literal(4).means;
  }

  #literal(prefix: number): Entry {
    const index = this.#integer(prefix);
    const name = index === 0 ? nameOf(this.#string()) : this.#entry(index).name;
    const value = this.#string();
    if (name === 'other') return OTHER;
    const isPlain = !value.isHuffman;
    if (name === ':status') return { name, means: isPlain && value.text === '200' ? HTTP_OK : HTTP_FAILED };
    return { name, means: isPlain && value.text === '0' ? GRPC_OK : GRPC_FAILED };
  }

  #entry(index: number): Entry {
    if (index === 8) return { name: ':status', means: HTTP_OK };
    if (index > 8 && index < 15) return { name: ':status', means: HTTP_FAILED };
    if (index <= STATIC_ENTRIES) return OTHER;
    const entry = this.#table[this.#table.length - (index - STATIC_ENTRIES)];
    if (entry === undefined) throw new Error(`there is no header ${index} in the table`);
    return entry;
  }

  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = (this.#block[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#block[this.#at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #string(): Text {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    this.#at += length;
    return { isHuffman, text: isHuffman ? bytes.toHex() : String.fromCharCode(...bytes) };
  }
}

interface Text {
  readonly isHuffman: boolean;
  /** In hexadecimal if it is Huffman-coded. */
  readonly text: string;
}

function nameOf({ isHuffman, text }: Text): Name {
  if (text === (isHuffman ? GRPC_STATUS_HUFFMAN : GRPC_STATUS_PLAIN)) return 'grpc-status';
  return text === ':status' ? ':status' : 'other';
}

/** The headers of every call of one connection. */
export interface CallHeaders {
  readonly path: string;
  readonly authority: string;
  /** Absent: no `authorization`. */
  readonly token?: string;
}

/** The first block of headers on a connection, and every later one. */
export interface HeaderBlocks {
  readonly first: Uint8Array;
  readonly next: Uint8Array;
}

const POST = 0x83;
const HTTP = 0x86;

/** Nothing is said about compression, so no answer is compressed. */
export function headerBlocks({ path, authority, token }: CallHeaders): HeaderBlocks {
  const literals = [
    literal(0x44, path),
    literal(0x41, authority),
    literal(0x5f, 'application/grpc'),
    Buffer.concat([Buffer.of(0x40), text('te'), text('trailers')]),
    literal(0x7a, 'vexil-bench'),
    ...(token === undefined ? [] : [literal(0x57, `Bearer ${token}`)]),
  ];
  const places = literals.map((_, at) => 0x80 + STATIC_ENTRIES + literals.length - at);
  return {
    first: Buffer.concat([Buffer.of(POST, HTTP), ...literals]),
    next: Buffer.of(POST, HTTP, ...places),
  };
}

function literal(nameInTable: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(nameInTable), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length = bytes.length < 0x7f ? [bytes.length] : [0x7f, bytes.length - 0x7f];
  if (bytes.length > 0x7f + 0x7f) throw new Error('a header is too long');
  return Buffer.concat([Buffer.of(...length), bytes]);
}

import * as net from 'node:net';
import { type CallHeaders, HeaderReader, headerBlocks } from './hpack.ts';

// An HTTP/2 client that does no more than a load generator needs, so that the server is what is measured: node:http2
// takes as long to make a call as a server takes to answer it. Windows are opened as far as they go at the start; what
// is sent never comes near the server's own, for only a few small requests are under way at a time.

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME_HEADER = 9;
const LARGEST_WINDOW = 2 ** 31 - 1;
const INITIAL_WINDOW = 65_535;
const WINDOW_OF_STREAMS = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]);
const READ_BYTES = 256 * 1024;

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED_OR_PRIORITY = 0x28;

/** What happens on a connection. `bytes` are overwritten after the call. */
export interface ConnectionEvents {
  /** A piece of an answer, not necessarily a whole message. */
  onData(stream: number, bytes: Buffer, start: number, end: number): void;
  /** Headers or trailers, as bits of `hpack.ts`; the stream has ended if `isEnd`. */
  onHeaders(stream: number, means: number, isEnd: boolean): void;
  /** Everything that one read brought has been told: the moment to send what it led to. */
  onTurn(): void;
  /** The connection is of no use any more. Not called after `close`. */
  onFailure(error: Error): void;
}

export class H2Connection {
  readonly #socket: net.Socket;
  readonly #events: ConnectionEvents;
  readonly #headers = new HeaderReader();
  readonly #firstBlock: Uint8Array;
  readonly #nextBlock: Uint8Array;
  #rest: Buffer = Buffer.alloc(0);
  #out: Uint8Array[] = [];
  #nextStream = 1;
  #unacknowledged = 0;
  #isClosed = false;

  private constructor(port: number, headers: CallHeaders, events: ConnectionEvents, opened: () => void) {
    this.#events = events;
    const { first, next } = headerBlocks(headers);
    this.#firstBlock = first;
    this.#nextBlock = next;
    this.#out.push(PREFACE, frame(SETTINGS, 0, 0, WINDOW_OF_STREAMS));
    this.#openWindow(LARGEST_WINDOW - INITIAL_WINDOW);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const callback = (size: number) => {
      this.#read(buffer.subarray(0, size));
      return true;
    };
    const onread = { buffer, callback };
    this.#socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread }, opened);
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Resolves when the socket is open; calls may be made at once. */
  static async open(port: number, headers: CallHeaders, events: ConnectionEvents): Promise<H2Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onFailure = (error: Error) => {
      reject(error);
      events.onFailure(error);
    };
    const connection = new H2Connection(port, headers, { ...events, onFailure }, resolve);
    await promise;
    // Whoever says nothing for long is cut off.
    connection.flush();
    return connection;
  }

  /** Starts a call with a message in its envelope; `isEnd` unless more are to follow. Returns the stream. */
  call(envelope: Uint8Array, isEnd: boolean): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const block = stream === 1 ? this.#firstBlock : this.#nextBlock;
    this.#out.push(frame(HEADERS, END_HEADERS, stream, block));
    this.send(stream, envelope, isEnd);
    return stream;
  }

  /** A further message on a stream. */
  send(stream: number, envelope: Uint8Array, isEnd: boolean): void {
    this.#out.push(frame(DATA, isEnd ? END_STREAM : 0, stream, envelope));
  }

  /** Sends what was said since the last time, in one write. */
  flush(): void {
    if (this.#out.length === 0) return;
    this.#socket.write(this.#out.length === 1 ? (this.#out[0] ?? '') : Buffer.concat(this.#out));
    this.#out = [];
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    try {
      const end = this.#frames(bytes);
      this.#rest = end === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(end));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#isClosed) return;
    this.#events.onTurn();
    this.flush();
  }

  #frames(bytes: Buffer): number {
    let at = 0;
    while (at + FRAME_HEADER <= bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      const start = at + FRAME_HEADER;
      const end = start + length;
      if (end > bytes.length) break;
      const type = bytes[at + 3] ?? 0;
      const flags = bytes[at + 4] ?? 0;
      this.#frame(type, flags, bytes.readUInt32BE(at + 5), bytes, start, end);
      at = end;
    }
    return at;
  }

  #frame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case DATA:
        this.#received(end - start);
        if (end > start) this.#events.onData(stream, bytes, start, end);
        if ((flags & END_STREAM) !== 0) this.#events.onHeaders(stream, 0, true);
        return;
      case HEADERS:
        if ((flags & END_HEADERS) === 0 || (flags & PADDED_OR_PRIORITY) !== 0)
          throw new Error(`cannot read headers with the flags ${flags}`);
        this.#events.onHeaders(stream, this.#headers.read(bytes, start, end), (flags & END_STREAM) !== 0);
        return;
      case SETTINGS:
        if ((flags & ACK) === 0) this.#out.push(frame(SETTINGS, ACK, 0, new Uint8Array()));
        return;
      case PING:
        if ((flags & ACK) === 0) this.#out.push(frame(PING, ACK, 0, bytes.subarray(start, end)));
        return;
      case RST_STREAM:
      case GOAWAY:
        throw new Error(`the server sent frame ${type}: ${bytes.subarray(start, end).toString('hex')}`);
      case CONTINUATION:
        throw new Error('cannot read continued headers');
    }
  }

  #received(size: number): void {
    this.#unacknowledged += size;
    if (this.#unacknowledged < LARGEST_WINDOW / 4) return;
    this.#openWindow(this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #openWindow(by: number): void {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(by);
    this.#out.push(frame(WINDOW_UPDATE, 0, 0, size));
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onFailure(error);
  }
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

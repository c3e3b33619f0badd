import { Connection, type ConnectionOptions, type ConnectionSocket } from '../../src/http2/connection.ts';
import type { Stream, StreamOwner } from '../../src/http2/stream.ts';
import {
  DATA,
  END_HEADERS,
  type Frame,
  frame,
  grpcFields,
  HEADERS,
  headerBlock,
  settingsFrame,
  takeFrames,
} from '../attacks/raw-http2.ts';

/** A socket that keeps what is written, and is as full as a test wants it to be. */
export class FakeSocket implements ConnectionSocket {
  readonly remoteAddress = '192.0.2.1';
  readonly writes: Buffer[] = [];
  /** Writes between a cork and its end count as one. */
  wroteTimes = 0;
  isPaused = false;
  isDestroyed = false;
  writable = true;
  writableLength = 0;
  #isCorked = false;

  get writableNeedDrain(): boolean {
    return this.writableLength > 0;
  }

  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes));
    if (!this.#isCorked) this.wroteTimes++;
    return !this.writableNeedDrain;
  }

  cork(): void {
    this.#isCorked = true;
  }

  uncork(): void {
    this.#isCorked = false;
    this.wroteTimes++;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.writable = false;
  }

  destroy(): void {
    this.writable = false;
    this.isDestroyed = true;
  }
}

/** What an owner was told, in order: the bytes of DATA, and words. */
export class Told implements StreamOwner {
  readonly what: (string | number)[] = [];

  data(bytes: Uint8Array): void {
    this.what.push(bytes.length);
  }

  end(): void {
    this.what.push('end');
  }

  drained(): void {
    this.what.push('drained');
  }

  reset(): void {
    this.what.push('reset');
  }
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A connection without a network, whose peer has said hello. */
export interface Dialogue {
  readonly connection: Connection;
  readonly socket: FakeSocket;
  readonly streams: Stream[];
  readonly owners: Told[];
  readonly errors: Error[];
  /** Milliseconds. */
  now: number;
  say(...bytes: Uint8Array[]): void;
  /** All frames that were sent since the last time, after what is due has been sent. */
  heard(): Promise<readonly Frame[]>;
}

export function dialogue(options: Partial<ConnectionOptions> = {}, hello = [settingsFrame([])]): Dialogue {
  const socket = new FakeSocket();
  const streams: Stream[] = [];
  const owners: Told[] = [];
  const errors: Error[] = [];
  const time = { now: 1_000 };
  const connection = new Connection(socket, {
    ...{ maxStreams: 100, maxHeaderBytes: 16_384, maxHeaderFields: 64, patienceMs: 10_000, idleMs: 60_000 },
    now: () => time.now,
    onStream: (stream) => {
      const owner = new Told();
      stream.own(owner);
      streams.push(stream);
      owners.push(owner);
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  let unread: Buffer = Buffer.alloc(0);
  const talk: Dialogue = {
    ...{ connection, socket, streams, owners, errors },
    get now() {
      return time.now;
    },
    set now(now) {
      time.now = now;
    },
    say: (...bytes) => connection.read(Buffer.concat(bytes)),
    heard: async () => {
      await Promise.resolve();
      const frames: Frame[] = [];
      unread = takeFrames(Buffer.concat([unread, ...socket.writes.splice(0)]), frames);
      return frames;
    },
  };
  talk.say(PREFACE, ...hello);
  return talk;
}

/** HEADERS of a call. */
export function request(stream: number, flags = 0, more: [string, string][] = []): Buffer {
  return frame(HEADERS, END_HEADERS | flags, stream, headerBlock([...grpcFields('/call', 'token'), ...more]));
}

export function data(stream: number, length: number, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let left = length; left > 16_384; left -= 16_384)
    frames.push(frame(DATA, 0, stream, Buffer.alloc(16_384)));
  return Buffer.concat([
    ...frames,
    frame(DATA, flags, stream, Buffer.alloc(length - 16_384 * frames.length)),
  ]);
}

/** What a frame is, as tests compare it. */
export function described({ type, flags, stream, payload }: Frame): string {
  const names = ['DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH', 'PING', 'GOAWAY', 'WINDOW'];
  const name = names[type] ?? 'CONTINUATION';
  const number = name === 'RST_STREAM' || name === 'WINDOW' ? ` ${payload.readUInt32BE()}` : '';
  const size = name === 'DATA' ? ` ${payload.length}` : '';
  const last = (type === 0 || type === 1) && (flags & 1) !== 0 ? ' end' : '';
  return `${name} ${stream}${number}${size}${last}`;
}

import * as net from 'node:net';

/** The types of frames, by the numbers of RFC 9113. */
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

/** Error codes, by name. */
export const ERRORS = new Map([
  [0, 'NO_ERROR'],
  [1, 'PROTOCOL_ERROR'],
  [2, 'INTERNAL_ERROR'],
  [3, 'FLOW_CONTROL_ERROR'],
  [5, 'STREAM_CLOSED'],
  [6, 'FRAME_SIZE_ERROR'],
  [7, 'REFUSED_STREAM'],
  [8, 'CANCEL'],
  [9, 'COMPRESSION_ERROR'],
  [11, 'ENHANCE_YOUR_CALM'],
]);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A peer that says whatever it wants, frame by frame. */
export interface RawPeer extends Disposable {
  readonly frames: readonly Frame[];
  write(...frames: Uint8Array[]): void;
  /** Whether the server has ended the connection. */
  isClosed(): boolean;
  /** Bytes that the server has not taken yet. */
  backlog(): number;
  /** Resolves to the first frame that fits, received before or after; rejects after ten seconds or at the end. */
  received(fits: (frame: Frame) => boolean): Promise<Frame>;
  /** Resolves when the connection has ended, to what it was ended with: `ENHANCE_YOUR_CALM`, or `closed`. */
  readonly ended: Promise<string>;
  /** Lets the server's bytes lie. */
  stopReading(): void;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEADER_BYTES = 9;
const PATIENCE_MS = 10_000;

/** Connects and greets with these settings. */
export async function rawPeer(
  port: number,
  settings: readonly (readonly [number, number])[] = [],
): Promise<RawPeer> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  let closed = false;
  let unread: Buffer = Buffer.alloc(0);
  const notify = (): void => {
    for (const look of [...waiting]) look();
  };
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.on('close', () => {
      closed = true;
      notify();
      const goaway = frames.find(({ type }) => type === GOAWAY);
      resolve(goaway === undefined ? 'closed' : errorOf(goaway));
    });
  });
  socket.on('data', (chunk: Buffer) => {
    unread = takeFrames(Buffer.concat([unread, chunk]), frames);
    notify();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.write(Buffer.concat([PREFACE, settingsFrame(settings)]));
  return {
    frames,
    write: (...parts) => {
      if (!socket.destroyed) socket.write(Buffer.concat(parts));
    },
    isClosed: () => closed,
    backlog: () => socket.writableLength,
    ended,
    stopReading: () => void socket.pause(),
    received: (fits) =>
      new Promise((resolve, reject) => {
        const finish = (end: () => void): void => {
          waiting.delete(look);
          clearTimeout(timer);
          end();
        };
        const look = (): void => {
          const found = frames.find(fits);
          if (found !== undefined) finish(() => resolve(found));
          else if (closed) finish(() => reject(new Error(`closed after ${describeFrames(frames)}`)));
        };
        const late = () => reject(new Error(`still waiting after ${describeFrames(frames)}`));
        const timer = setTimeout(() => finish(late), PATIENCE_MS);
        waiting.add(look);
        look();
      }),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [at, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return frame(SETTINGS, 0, 0, payload);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** HPACK without tables and without Huffman: each field spelled out. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** The header fields of a gRPC call. */
export function grpcFields(path: string, token: string): [string, string][] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':authority', 'localhost'],
    [':path', path],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['authorization', `Bearer ${token}`],
  ];
}

/** The name of the error in a GOAWAY or a RST_STREAM. */
export function errorOf({ type, payload }: Frame): string {
  const code = payload.readUInt32BE(type === GOAWAY ? 4 : 0);
  return ERRORS.get(code) ?? String(code);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([prefixedInteger(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits. */
function prefixedInteger(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

export function takeFrames(bytes: Buffer, frames: Frame[]): Buffer {
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const end = at + HEADER_BYTES + bytes.readUIntBE(at, 3);
    if (bytes.length < end) break;
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return bytes.subarray(at);
}

function describeFrames(frames: readonly Frame[]): string {
  return (
    frames
      .map(({ type, flags, stream }) => `${type}/${flags}/${stream}`)
      .slice(-20)
      .join(' ') || 'nothing'
  );
}

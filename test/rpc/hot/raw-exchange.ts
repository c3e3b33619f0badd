import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';

/** A request, header by header and piece by piece. Over HTTP/1.1 a body in several pieces is chunked. */
export interface RawCall {
  readonly http: 1 | 2;
  readonly path: string;
  readonly method?: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly pieces: readonly Uint8Array[];
  /** What happens after the last piece. Default: the request ends there. */
  readonly ending?: 'open' | 'reset';
}

/** All that came back, but for the date. Fields are in the order of their names. */
export interface RawReply {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  /** Whether the answer ended with its headers. */
  readonly isHeadersOnly: boolean;
  /** The code that the stream was closed with; 0 for an orderly end. */
  readonly reset: number;
}

const NO_REPLY: RawReply = { status: 0, fields: [], body: '', trailers: [], isHeadersOnly: false, reset: 0 };

/** Sends headers as they are, also twice. */
const LENIENT = { strictSingleValueFields: false, rejectUnauthorized: false };

/** Sends a call on a connection of its own, which with TLS may be to anybody. */
export function exchange(port: number, call: RawCall, isSecure = false): Promise<RawReply> {
  return call.http === 1 ? exchangeHttp1(port, call, isSecure) : exchangeHttp2(port, call, isSecure);
}

async function exchangeHttp2(port: number, call: RawCall, isSecure: boolean): Promise<RawReply> {
  const session = http2.connect(`${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`, LENIENT);
  session.on('error', () => undefined);
  try {
    const stream = session.request(
      [':method', call.method ?? 'POST', ':path', call.path, ...call.fields.flat()],
      { endStream: false },
    );
    const reply = { ...NO_REPLY };
    const chunks: Buffer[] = [];
    stream.on('response', (_headers, flags, raw) => {
      reply.isHeadersOnly = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      Object.assign(reply, statusAndFields(raw));
    });
    stream.on('trailers', (_headers, _flags, raw) => {
      reply.trailers = statusAndFields(raw).fields;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => stream.on('close', resolve));
    for (const piece of call.pieces) await written(stream, piece);
    if (call.ending === undefined) stream.end();
    if (call.ending === 'reset') stream.close(http2.constants.NGHTTP2_CANCEL);
    await closed;
    return { ...reply, body: Buffer.concat(chunks).toString('latin1'), reset: stream.rstCode };
  } finally {
    session.destroy();
  }
}

function written(stream: http2.ClientHttp2Stream, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.closed) resolve();
    else stream.write(piece, () => setImmediate(resolve));
  });
}

function statusAndFields(raw: readonly string[]): Pick<RawReply, 'status' | 'fields'> {
  const fields: string[] = [];
  let status = 0;
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index], raw[index + 1]];
    if (name === ':status') status = Number(value);
    else if (name !== 'date') fields.push(`${name}: ${value}`);
  }
  return { status, fields: fields.sort() };
}

async function exchangeHttp1(port: number, call: RawCall, isSecure: boolean): Promise<RawReply> {
  const address = { port, host: '127.0.0.1', noDelay: true };
  const socket = isSecure ? tls.connect({ ...address, rejectUnauthorized: false }) : net.connect(address);
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await once(socket, isSecure ? 'secureConnect' : 'connect');
  const length = call.pieces[0]?.length ?? 0;
  const framing = call.fields.some(([name]) => name === 'content-length')
    ? []
    : [call.pieces.length > 1 ? 'transfer-encoding: chunked' : `content-length: ${length}`];
  const isChunked = framing[0]?.startsWith('transfer') === true;
  const head = [
    `${call.method ?? 'POST'} ${call.path} HTTP/1.1`,
    'host: localhost',
    'connection: close',
    ...framing,
    ...call.fields.map(([name, value]) => `${name}: ${value}`),
  ];
  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => socket.write(bytes, () => setImmediate(resolve)));
  await send(Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'));
  for (const piece of call.pieces)
    await send(
      isChunked ? Buffer.from(`${piece.length.toString(16)}\r\n${latin1(piece)}\r\n`, 'latin1') : piece,
    );
  if (call.ending === undefined && isChunked) await send(Buffer.from('0\r\n\r\n'));
  if (call.ending === 'reset') socket.resetAndDestroy();
  await closed;
  return parsed(received);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function parsed(received: string): RawReply {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return { ...NO_REPLY, body: received };
  const [first = '', ...lines] = received.slice(0, end).split('\r\n');
  const fields = lines.filter((line) => !/^date:/i.test(line)).map((line) => line.toLowerCase());
  return {
    ...NO_REPLY,
    status: Number(first.split(' ')[1]),
    fields: fields.sort(),
    body: received.slice(end + 4),
  };
}

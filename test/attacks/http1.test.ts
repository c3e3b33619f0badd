import { once } from 'node:events';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawHttp1 } from './raw-http1.ts';
import { openTarget, type Target } from './target.ts';

const TIMEOUT_MS = 1_000;
const BODY = '{"flagKey":"checkout"}';

let target: Target;

beforeAll(async () => {
  target = await openTarget({
    VEXIL_CONNECT_TIMEOUT_MS: String(TIMEOUT_MS),
    VEXIL_RECEIVE_TIMEOUT_MS: String(TIMEOUT_MS),
  });
});

afterAll(() => target.close());

function request(lines: readonly string[], body = BODY): string {
  return [
    'POST /vexil.v1.EvaluationService/Evaluate HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${target.keys.server}`,
    'Content-Type: application/json',
    ...lines,
    '',
    body,
  ].join('\r\n');
}

/** The statuses of all answers on one connection. */
async function statuses(bytes: string | Uint8Array): Promise<number[]> {
  const received = await rawHttp1(target.server.port, bytes);
  await target.checkHealthy();
  return [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
}

const LENGTH = `Content-Length: ${BODY.length}`;
const CLOSE = 'Connection: close';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('a request over HTTP/1.1', () => {
  it('is answered', async () => {
    expect(await statuses(request([LENGTH, CLOSE]))).toEqual([200]);
  });

  it.each<[string, () => string]>([
    [
      'a length and chunks',
      () => request([LENGTH, 'Transfer-Encoding: chunked', CLOSE], `0\r\n\r\n${SMUGGLED}`),
    ],
    ['two lengths', () => request([LENGTH, 'Content-Length: 0', CLOSE])],
    ['two lengths in one', () => request([`Content-Length: ${BODY.length}, 0`, CLOSE])],
    ['a negative length', () => request(['Content-Length: -1', CLOSE])],
    ['a length in another notation', () => request(['Content-Length: 0x16', CLOSE])],
    ['a length with a sign', () => request([`Content-Length: +${BODY.length}`, CLOSE])],
    ['chunks in disguise', () => request(['Transfer-Encoding: xchunked', CLOSE], `0\r\n\r\n${SMUGGLED}`)],
    [
      'chunks and something else',
      () => request(['Transfer-Encoding: chunked, identity', CLOSE], `0\r\n\r\n${SMUGGLED}`),
    ],
    ['a space before a colon', () => request([`Content-Length : ${BODY.length}`, CLOSE])],
    ['a folded header', () => request([LENGTH, 'X-Folded: a', ' b', CLOSE])],
    ['a bare line feed', () => request([LENGTH, CLOSE]).replaceAll('\r\n', '\n')],
    ['a bare carriage return', () => request([LENGTH, 'X-Bare: a\rb', CLOSE])],
    ['a NUL in a header', () => request([LENGTH, 'X-Nul: a\0b', CLOSE])],
    ['no host', () => request([LENGTH, CLOSE]).replace('Host: localhost\r\n', '')],
    ['a chunk of no size', () => request(['Transfer-Encoding: chunked', CLOSE], 'xyz\r\n\r\n')],
    [
      'a chunk of too many sizes',
      () => request(['Transfer-Encoding: chunked', CLOSE], 'ffffffffffffffffff\r\n\r\n'),
    ],
    ['a version that is none', () => request([LENGTH, CLOSE]).replace('HTTP/1.1', 'HTTP/9.9')],
    ['a method that is none', () => request([LENGTH, CLOSE]).replace('POST', 'P\0ST')],
    ['a PROXY header', () => `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${request([LENGTH, CLOSE])}`],
  ])('with %s is refused, and nothing behind it is heard', async (_, make) => {
    expect([[400], []]).toContainEqual(await statuses(make()));
  });

  it.each([
    [
      'an upgrade to HTTP/2',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ],
    ['an upgrade to WebSocket', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x']],
  ])('with %s stays what it is', async (_, lines) => {
    const socket = net.connect(target.server.port, '127.0.0.1');
    socket.write(request([LENGTH, ...lines]));
    const [chunk] = await once(socket, 'data');
    expect(String(chunk)).not.toMatch(/^HTTP\/1\.1 101/);
    socket.destroy();
    await target.checkHealthy();
  });

  it('with headers beyond the limit is 431', async () => {
    expect(await statuses(request([LENGTH, `X-Large: ${'x'.repeat(20_000)}`, CLOSE]))).toEqual([431]);
    const many = Array.from({ length: 5_000 }, (_, index) => `X-${index}: y`);
    expect(await statuses(request([LENGTH, ...many, CLOSE]))).toEqual([431]);
  });

  it('to a path beyond the limit is 431', async () => {
    expect(await statuses(request([LENGTH, CLOSE]).replace('/vexil', `/${'x'.repeat(20_000)}`))).toEqual([
      431,
    ]);
  });

  it.each([
    'CONNECT localhost:22',
    'OPTIONS *',
    'GET http://169.254.169.254/',
    'TRACE /',
    'GET //evil.example/',
    'GET /%00',
    'GET /\\..\\admin.key',
  ])('for %o finds nothing', async (line) => {
    const answers = await statuses(`${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    for (const status of answers) expect([400, 404, 405]).toContain(status);
  });
});

describe('bytes that are no request', () => {
  it.each<[string, Buffer]>([
    ['the start of TLS', Buffer.from('16030100c2010000be0303', 'hex')],
    ['zeros', Buffer.alloc(100_000)],
    ['noise', Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7_919) % 256))],
    ['an SSH greeting', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    ['half a preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    [
      'a preface and noise',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(1_000, 0xff)]),
    ],
    ['a line without an end', Buffer.alloc(1_000_000, 65)],
  ])('close the connection, and nothing else: %s', async (_, bytes) => {
    expect(await rawHttp1(target.server.port, bytes)).not.toMatch(/200 OK/);
    await target.checkHealthy();
  });
});

describe.concurrent('a peer that takes its time', () => {
  it.each<[string, () => string]>([
    ['nothing at all', () => ''],
    ['half a word', () => 'PO'],
    ['half a preface', () => 'PRI * HT'],
    ['headers without an end', () => request([LENGTH]).split('Content-Type')[0] ?? ''],
    ['a body without an end', () => request(['Content-Length: 100000'])],
    ['chunks without an end', () => request(['Transfer-Encoding: chunked'], '1\r\na\r\n')],
  ])('is cut off after saying %s', async (_, make) => {
    const startedAt = performance.now();
    const received = await rawHttp1(target.server.port, make());
    expect(received).not.toMatch(/ 200 /);
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS * 5);
  });

  it('is cut off when it goes on byte by byte', async () => {
    const socket = net.connect(target.server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(request(['Content-Length: 100000'], ''));
    const drip = setInterval(() => socket.write(' '), 100);
    // A byte that comes after the end may be answered by a reset.
    await once(socket, 'close').catch(() => undefined);
    clearInterval(drip);
    await target.checkHealthy();
  });
});

it('a thousand connections that say nothing cost nobody else anything', async () => {
  const sockets = Array.from({ length: 1_000 }, () => net.connect(target.server.port, '127.0.0.1'));
  const closed = sockets.map((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    return once(socket, 'close').catch(() => undefined);
  });
  await target.checkHealthy();
  await Promise.all(closed);
  await target.checkHealthy();
});

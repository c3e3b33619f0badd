import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { headerBlock } from '../../src/http2/header-block.ts';
import { type HttpResponse, page } from '../../src/rpc/http-exchange.ts';
import { type Listener, type ListenOptions, listen } from '../../src/server/listen.ts';

const LIMITS = {
  maxConnections: 50,
  maxStreamsPerConnection: 100,
  maxHeaderBytes: 16_384,
  firstBytesTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  idleConnectionMs: 60_000,
};

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** HEADERS of a POST, with no end of the stream. */
const HALF_A_REQUEST = Buffer.from([0, 0, 6, 1, 4, 0, 0, 0, 1, 0x83, 0x84, 0x86, 0x01, 1, 0x61]).toString(
  'latin1',
);

let listener: Listener | undefined;

async function start(options: Partial<ListenOptions> = {}): Promise<Listener> {
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: LIMITS,
    onRequest: ({ httpVersion, target }) => page(200, { 'x-version': httpVersion }, `hello ${target}`),
    ...options,
  });
  return listener;
}

afterEach(() => {
  listener?.destroy();
  listener = undefined;
});

function origin({ port }: Listener): string {
  return `http://127.0.0.1:${port}`;
}

function raw({ port }: Listener): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  return socket;
}

async function untilClosed(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  if (!socket.closed) await once(socket, 'close');
  return text;
}

async function writeSlowly(socket: net.Socket, text: string): Promise<void> {
  for (const byte of Buffer.from(text)) {
    await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => setImmediate(resolve)));
  }
}

/** An answer that says something, and the rest of it when that is there. */
function answerInTwo(first: string, last: Promise<string>): HttpResponse {
  async function* body() {
    yield Buffer.from(first);
    yield Buffer.from(await last);
  }
  return { status: 200, body: body() };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

async function get(session: http2.ClientHttp2Session, path: string): Promise<Answer> {
  const stream = session.request({ ':path': path });
  let status: number | undefined;
  stream.on('response', (headers) => {
    status = headers[':status'];
  });
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  return { status, body };
}

/** Reads a little and leaves; how the stream ended. */
async function cutOff(session: http2.ClientHttp2Session, path: string): Promise<number> {
  const stream = session.request({ ':path': path });
  stream.on('error', () => undefined);
  stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  await new Promise<void>((resolve) => stream.once('close', resolve));
  return stream.rstCode;
}

describe('listen', () => {
  it('serves HTTP/1.1 and HTTP/2 on one cleartext port', async () => {
    const server = await start();
    const one = await fetch(`${origin(server)}/a`);
    expect(one.headers.get('x-version')).toBe('1.1');
    expect(await one.text()).toBe('hello /a');
    const session = http2.connect(origin(server));
    expect(await get(session, '/b')).toEqual({ status: 200, body: 'hello /b' });
    session.destroy();
  });

  it('recognises the protocol when the first bytes trickle in one by one', async () => {
    const server = await start();
    const one = raw(server);
    await writeSlowly(one, 'PUT /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    expect(await untilClosed(one)).toContain('hello /x');
    const two = raw(server);
    await writeSlowly(two, PREFACE);
    const [settings] = await once(two, 'data');
    expect(settings[3]).toBe(4);
    two.destroy();
  });

  it('answers an HTTP/2 call in far less than the 40 ms of a delayed acknowledgement', async () => {
    const server = await start();
    const session = http2.connect(origin(server));
    await get(session, '/warm');
    const started = performance.now();
    for (let i = 0; i < 20; i++) await get(session, '/a');
    expect((performance.now() - started) / 20).toBeLessThan(20);
    session.destroy();
  });

  it('tells who asks first whether to send a body that it is wanted', async () => {
    const server = await start();
    const session = http2.connect(origin(server));
    const stream = session.request({ ':method': 'POST', ':path': '/a', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('body');
    expect((await stream.toArray()).join('')).toBe('hello /a');
    session.destroy();
  });

  it('offers each HTTP/2 stream to onStream first', async () => {
    const server = await start({
      onStream: (stream) => {
        if (stream.head.path !== '/hot') return false;
        stream.respond(headerBlock(200, []));
        stream.end(Buffer.from('hot'));
        return true;
      },
    });
    const session = http2.connect(origin(server));
    expect((await get(session, '/hot')).body).toBe('hot');
    expect((await get(session, '/cold')).body).toBe('hello /cold');
    session.destroy();
  });

  it('drops a socket that says nothing', async () => {
    const server = await start({ limits: { ...LIMITS, firstBytesTimeoutMs: 50 } });
    expect(await untilClosed(raw(server))).toBe('');
  });

  it('drops an HTTP/2 peer that stops after the preface', async () => {
    const server = await start({ limits: { ...LIMITS, firstBytesTimeoutMs: 50 } });
    const socket = raw(server);
    socket.write(PREFACE);
    await untilClosed(socket);
    await expect.poll(() => server.connections()).toBe(0);
  });

  it('times out HTTP/1.1 headers and bodies that never end', async () => {
    const server = await start({ limits: { ...LIMITS, firstBytesTimeoutMs: 100, requestTimeoutMs: 200 } });
    const headers = raw(server);
    headers.write('GET / HTTP/1.1\r\nhost: a\r\nx-slow: ');
    expect(await untilClosed(headers)).toContain('408');
    listener?.destroy();
    const other = await start({
      limits: { ...LIMITS, firstBytesTimeoutMs: 100, requestTimeoutMs: 200 },
      onRequest: async ({ body }) => {
        await Array.fromAsync(body);
        return page(200);
      },
    });
    const body = raw(other);
    body.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12');
    expect(await untilClosed(body)).toContain('408');
  });

  it('lets an answer last longer than the request timeout', async () => {
    const server = await start({
      limits: { ...LIMITS, firstBytesTimeoutMs: 50, requestTimeoutMs: 50 },
      onRequest: () =>
        answerInTwo('first ', new Promise((resolve) => setTimeout(() => resolve('last'), 2_500))),
    });
    expect(await (await fetch(origin(server))).text()).toBe('first last');
  });

  it('refuses headers above the limit', async () => {
    const server = await start();
    const big = 'x'.repeat(20_000);
    expect((await fetch(origin(server), { headers: { big } })).status).toBe(431);
    const session = http2.connect(origin(server));
    await once(session, 'remoteSettings');
    const stream = session.request({ ':path': '/', big });
    const [error] = await once(stream, 'error');
    expect(error.message).toContain('NGHTTP2_ENHANCE_YOUR_CALM');
    session.destroy();
  });

  it('caps connections', async () => {
    const server = await start({ limits: { ...LIMITS, maxConnections: 2 } });
    const kept = [raw(server), raw(server)];
    await Promise.all(kept.map((socket) => once(socket, 'connect')));
    await untilClosed(raw(server));
    expect(server.connections()).toBe(2);
    for (const socket of kept) socket.destroy();
  });

  it('sends a peer away that resets streams as fast as it can', async () => {
    const server = await start();
    const session = http2.connect(origin(server));
    session.on('error', () => undefined);
    const goaway = once(session, 'goaway');
    await once(session, 'remoteSettings');
    for (let i = 0; i < 500 && !session.destroyed; i++) {
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => undefined);
      stream.close(http2.constants.NGHTTP2_CANCEL);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const [code] = await goaway;
    expect([http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, http2.constants.NGHTTP2_INTERNAL_ERROR]).toContain(
      code,
    );
  });

  it('sends a peer away that pings for nothing, and not one that pings while data flows', async () => {
    const server = await start();
    const idle = http2.connect(origin(server));
    idle.on('error', () => undefined);
    const goaway = once(idle, 'goaway');
    await once(idle, 'remoteSettings');
    for (let i = 0; i < 20 && !idle.destroyed; i++) {
      await new Promise<void>((resolve) => {
        if (!idle.destroyed) idle.once('close', resolve).ping(() => resolve());
        else resolve();
      });
    }
    const [code, , data] = await goaway;
    expect(code).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(String(data)).toBe('too_many_pings');
    const busy = http2.connect(origin(server));
    for (let i = 0; i < 20; i++) {
      await get(busy, '/a');
      await new Promise<void>((resolve) => busy.ping(() => resolve()));
    }
    expect(busy.closed).toBe(false);
    busy.destroy();
  });

  it('closes an HTTP/2 connection on which nothing runs, and none on which something does', async () => {
    const held: ((text: string) => void)[] = [];
    const running = await start({
      limits: { ...LIMITS, idleConnectionMs: 100 },
      onRequest: ({ target }) =>
        target === '/held' ? answerInTwo('held ', new Promise((resolve) => held.push(resolve))) : page(200),
    });
    const idle = http2.connect(origin(running));
    const busy = http2.connect(origin(running));
    const call = busy.request({ ':path': '/held' });
    call.resume();
    await expect.poll(() => held.length).toBe(1);
    idle.request({ ':path': '/' }).resume();
    await once(idle, 'close');
    expect([busy.closed, busy.destroyed]).toEqual([false, false]);
    held[0]?.('and let go');
    await once(call, 'close');
    await once(busy, 'close');
  });

  it('is not worn out by large answers that are cut off', async () => {
    const large = Buffer.alloc(1_000_000);
    const server = await start({ onRequest: () => answerInTwo(String(large), Promise.resolve('')) });
    const session = http2.connect(origin(server));
    const codes = new Set<number>();
    for (let calls = 0; calls < 150; calls++) codes.add(await cutOff(session, '/large'));
    expect([...codes]).toEqual([http2.constants.NGHTTP2_CANCEL]);
    expect((await get(session, '/')).body.length).toBe(large.length);
    session.destroy();
  });

  it('survives junk on either protocol', async () => {
    const errors: Error[] = [];
    const server = await start({ onConnectionError: (error) => errors.push(error) });
    const junk = raw(server);
    junk.write('\x16\x03\x01\x02\x00 TLS?');
    expect(await untilClosed(junk)).toContain('400');
    const smuggled = raw(server);
    smuggled.write(
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(await untilClosed(smuggled)).toContain('400');
    const frames = raw(server);
    frames.write(
      Buffer.concat([Buffer.from(PREFACE), SETTINGS, Buffer.from([0, 0, 2, 1, 4, 0, 0, 0, 1, 255, 255])]),
    );
    await untilClosed(frames);
    expect((await fetch(origin(server))).status).toBe(200);
  });

  it('closes gracefully: no new connections, running calls end well, HTTP/2 peers get a GOAWAY', async () => {
    const release: ((text: string) => void)[] = [];
    const server = await start({
      onRequest: () => answerInTwo('begin ', new Promise((resolve) => release.push(resolve))),
    });
    const one = await fetch(origin(server));
    const session = http2.connect(origin(server));
    const two = get(session, '/');
    await expect.poll(() => release.length).toBe(2);
    const goaway = once(session, 'goaway');
    const closed = server.close();
    await goaway;
    await expect(fetch(origin(server))).rejects.toThrow();
    for (const end of release) end('end');
    expect(await one.text()).toBe('begin end');
    expect((await two).body).toBe('begin end');
    await closed;
    await expect.poll(() => server.connections()).toBe(0);
  });

  it.each([
    ['has said nothing yet', ''],
    ['has not said which protocol it speaks', 'PRI * HT'],
    ['is in the middle of its headers', 'POST / HTTP/1.1\r\nhost: a\r\n'],
    ['is in the middle of a body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12'],
    ['is in the middle of the preface', PREFACE.slice(0, 18)],
    ['is in the middle of a frame', `${PREFACE}\0\0`],
    ['is in the middle of a request', `${PREFACE}${SETTINGS.toString('latin1')}${HALF_A_REQUEST}`],
  ])('closes although somebody %s', async (_, said) => {
    const server = await start({
      onRequest: async ({ body }) => {
        await Array.fromAsync(body);
        return page(200);
      },
    });
    const socket = raw(server);
    await once(socket, 'connect');
    socket.write(said, 'latin1');
    await expect.poll(() => server.connections()).toBe(1);
    await (await fetch(origin(server))).text();
    await server.close();
    await untilClosed(socket);
    await expect.poll(() => server.connections()).toBe(0);
  });

  it('rejects when the port is taken', async () => {
    const server = await start();
    await expect(
      listen({ host: '127.0.0.1', port: server.port, limits: LIMITS, onRequest: () => page(200) }),
    ).rejects.toThrow('EADDRINUSE');
  });
});

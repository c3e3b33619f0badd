import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Code, createConnectRouter } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { deadlineInterceptor } from '../../src/rpc/call-timeout.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { createHttpHandler, type RefusedCall } from '../../src/rpc/http-handler.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { callH1, callH2, envelope, type RawAnswer, type RawRequest } from './raw-call.ts';

const MAX_BYTES = 65_536;
const ALLOWED = 'https://shop.example';
const EVALUATE = '/vexil.v1.EvaluationService/Evaluate';
const WATCH = '/vexil.v1.EvaluationService/WatchFlags';
const STREAM = '/vexil.v1.EvaluationService/EvaluateStream';
const WRITE = '/vexil.v1.FlagService/CreateFlag';

const GZIP_BOMB = gzipSync(Buffer.alloc(5_000_000, 32));
const BROTLI_BOMB = brotliCompressSync(Buffer.alloc(1_000_000, 32));

const refused: RefusedCall[] = [];
const errors: unknown[] = [];
let listener: Listener;
let origin: string;

beforeAll(async () => {
  const router = createConnectRouter({
    interceptors: [errorInterceptor((error) => errors.push(error)), deadlineInterceptor()],
  });
  router.service(EvaluationService, {
    evaluate: ({ flagKey }) => (flagKey === 'stuck' ? new Promise(() => undefined) : { flagKey }),
    async *watchFlags({ resumeToken }) {
      yield {};
      if (resumeToken === 'stuck') await new Promise(() => undefined);
    },
    async *evaluateStream(requests) {
      for await (const { id } of requests) yield { id };
    },
  });
  router.service(FlagService, {});
  const onRequest = createHttpHandler(router.handlers, {
    cors: { allows: (asking) => asking === ALLOWED },
    limits: { maxMessageBytes: () => MAX_BYTES, maxJsonDepth: 64, receiveTimeoutMs: 400 },
    unaryTimeoutMs: 1_000,
    onRefused: (call) => refused.push(call),
    onError: (error) => errors.push(error),
  });
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    onRequest,
    limits: {
      maxConnections: 100,
      maxStreamsPerConnection: 100,
      maxHeaderBytes: 16_384,
      firstBytesTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      idleConnectionMs: 60_000,
    },
  });
  origin = `http://127.0.0.1:${listener.port}`;
});

afterAll(() => {
  listener.destroy();
  expect(errors).toEqual([]);
});

type Kind = 'unary' | 'server stream' | 'bidi stream';
type Send = (request: RawRequest) => Promise<RawAnswer>;

/** One way of sending one message: a protocol, an HTTP version, a kind of method. */
interface Way {
  readonly name: string;
  readonly json: boolean;
  readonly send: (
    message: Uint8Array,
    more?: { headers?: Record<string, string>; flags?: number; length?: number; keepOpen?: boolean },
  ) => Promise<RawAnswer>;
  readonly encodingHeader: string;
  readonly timeoutHeader: string;
  readonly enveloped: boolean;
}

const PATHS: Record<Kind, string> = { unary: EVALUATE, 'server stream': WATCH, 'bidi stream': STREAM };

function way(protocol: 'grpc' | 'grpc-web' | 'connect', json: boolean, kind: Kind, http: 1 | 2): Way {
  const enveloped = protocol !== 'connect' || kind !== 'unary';
  const prefix = protocol === 'connect' ? (kind === 'unary' ? '' : 'connect+') : `${protocol}+`;
  const type = `application/${prefix}${json ? 'json' : 'proto'}`;
  const call: Send = (request) => (http === 1 ? callH1 : callH2)(origin, request);
  return {
    name: `${type}, ${kind}, HTTP/${http}`,
    json,
    enveloped,
    encodingHeader: enveloped
      ? protocol === 'connect'
        ? 'connect-content-encoding'
        : 'grpc-encoding'
      : 'content-encoding',
    timeoutHeader: protocol === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout',
    send: (message, { headers, flags, length, keepOpen } = {}) =>
      call({
        path: PATHS[kind],
        headers: { 'content-type': type, te: 'trailers', ...headers },
        body: enveloped
          ? envelope(message, { flags: flags ?? 0, length: length ?? message.length })
          : message,
        keepOpen: keepOpen ?? false,
      }),
  };
}

const WAYS: Way[] = [];
for (const protocol of ['grpc', 'grpc-web', 'connect'] as const)
  for (const json of [false, true])
    for (const kind of ['unary', 'server stream', 'bidi stream'] as const)
      for (const http of [1, 2] as const)
        if (kind !== 'bidi stream' || http === 2) WAYS.push(way(protocol, json, kind, http));

const BINARY = WAYS.filter(({ json }) => !json);
const JSONS = WAYS.filter(({ json }) => json);
const ENVELOPED = WAYS.filter(({ enveloped }) => enveloped);
const SINGLE_H2 = WAYS.filter(({ name }) => name.endsWith('HTTP/2') && !name.includes('bidi'));

function nested(depth: number): Uint8Array {
  let value = Buffer.from([0x20, 1]);
  for (let i = 0; i < depth; i++) {
    // list_value (6) of one value (1)
    const list = Buffer.concat([Buffer.of(0x0a), varint(value.length), value]);
    value = Buffer.concat([Buffer.of(0x32), varint(list.length), list]);
  }
  // context.attributes.fields["a"]
  const entry = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x12]), varint(value.length), value]);
  const struct = Buffer.concat([Buffer.of(0x0a), varint(entry.length), entry]);
  const context = Buffer.concat([Buffer.of(0x12), varint(struct.length), struct]);
  return Buffer.concat([Buffer.of(0x12), varint(context.length), context]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

describe('createHttpHandler', () => {
  it.each(WAYS)('serves $name', async ({ json, send }) => {
    expect((await send(json ? Buffer.from('{}') : Buffer.alloc(0))).code).toBe(0);
  });

  it.each(BINARY)('finds a malformed message the fault of its sender over $name', async ({ send }) => {
    const bad = {
      truncatedVarint: [0x08, 0xff],
      truncatedString: [0x0a, 10, 0x61],
      truncatedMessage: [0x12, 0x7f],
      reservedWireType: [0x0f],
      badUtf8: [0x1a, 2, 0xc3, 0x28, 0x0a, 2, 0xc3, 0x28, 0x12, 2, 0xc3, 0x28, 0x22, 2, 0xc3, 0x28],
      fieldZero: [0x02, 0],
      unclosedGroup: [0x63],
      deepGroups: Array.from({ length: 10_000 }, () => 0x63),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const answer = await send(Uint8Array.from(bytes));
      expect([name, answer.code]).toEqual([name, Code.InvalidArgument]);
      expect(answer.message).toMatch(/^the message is not a vexil\.v1\./);
    }
  });

  it('refuses deep nesting in a binary message', async () => {
    for (const { send } of BINARY.filter(({ name }) => name.includes('unary'))) {
      expect((await send(nested(20))).code).toBe(0);
      expect((await send(nested(1_000))).code).toBe(Code.InvalidArgument);
    }
  });

  it.each(JSONS)('refuses treacherous JSON over $name', async ({ send }) => {
    const bad = {
      deep: `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      duplicate: '{"flagKey":"a","flag\\u004bey":"b"}',
      notJson: '{"flagKey":',
      badUtf8: Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
      loneSurrogate: '{"flagKey":"\\ud800"}',
      wrongType: '{"flagKey":{"$gt":""},"resumeToken":{},"id":{}}',
    };
    for (const [name, body] of Object.entries(bad)) {
      const { code } = await send(Buffer.from(body));
      expect([name, code]).toEqual([name, Code.InvalidArgument]);
    }
  });

  it.each(WAYS)('bounds and checks compression over $name', async (each) => {
    const { json, send, encodingHeader, enveloped } = each;
    const good = json ? Buffer.from(`{"x":"${'y'.repeat(100)}"}`) : Buffer.alloc(0);
    const flags = enveloped ? 1 : 0;
    const packed = async (message: Uint8Array, encoding: string) =>
      (await send(message, { flags, headers: { [encodingHeader]: encoding } })).code;
    expect(await packed(gzipSync(good), 'gzip')).toBe(0);
    expect(await packed(brotliCompressSync(good), 'br')).toBe(0);
    expect(await packed(GZIP_BOMB, 'gzip')).toBe(Code.ResourceExhausted);
    expect(await packed(BROTLI_BOMB, 'br')).toBe(Code.ResourceExhausted);
    expect(await packed(Buffer.concat([gzipSync(good), Buffer.from('tail')]), 'gzip')).toBe(
      Code.InvalidArgument,
    );
    expect(await packed(gzipSync(good).subarray(0, 12), 'gzip')).toBe(Code.InvalidArgument);
    expect(await packed(Buffer.from('not gzip'), 'gzip')).toBe(Code.InvalidArgument);
    expect(await packed(good, 'snappy')).toBe(Code.Unimplemented);
    if (enveloped) expect((await send(gzipSync(good), { flags })).code).toBe(Code.InvalidArgument);
  });

  it.each(ENVELOPED)('refuses bad envelopes over $name', async ({ json, send }) => {
    const good = json ? Buffer.from('{}') : Buffer.alloc(0);
    const huge = { length: 0xffff_ffff, keepOpen: true };
    expect((await send(good, huge)).code).toBe(Code.ResourceExhausted);
    expect((await send(good, { length: good.length + 1 })).code).toBe(Code.InvalidArgument);
    expect((await send(good, { flags: 0x80 })).code).toBe(Code.InvalidArgument);
    expect((await send(good, { flags: 2 })).code).toBe(Code.InvalidArgument);
  });

  it('refuses a body above the limit, announced or not', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = Buffer.alloc(MAX_BYTES + 1, 32);
    for (const call of [callH1, callH2]) {
      const path = EVALUATE;
      expect((await call(origin, { path, headers, body })).code).toBe(Code.ResourceExhausted);
      const announced = { ...headers, 'content-length': '4294967296' };
      const early = await call(origin, { path, headers: announced, keepOpen: true });
      expect(early.code).toBe(Code.ResourceExhausted);
    }
  });

  it('wants exactly one message where there is one to send', async () => {
    const headers = { 'content-type': 'application/grpc' };
    const one = envelope(Buffer.alloc(0));
    const none = await callH2(origin, { path: EVALUATE, headers });
    expect(none.code).toBe(Code.Unimplemented);
    const two = await callH2(origin, { path: EVALUATE, headers, body: Buffer.concat([one, one]) });
    expect(two.code).toBe(Code.Unimplemented);
  });

  it('reads messages that arrive byte by byte, and several at once', async () => {
    const body = Buffer.concat([1, 2, 3].map((id) => envelope(Buffer.from([0x08, id]))));
    const socket = net.connect(listener.port, '127.0.0.1');
    const head = `POST ${WATCH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/grpc\r\n`;
    socket.write(`${head}content-length: 7\r\n\r\n`);
    for (const byte of envelope(Buffer.from([0x22, 0]))) {
      await new Promise<void>((done) => socket.write(Buffer.of(byte), () => setImmediate(done)));
    }
    expect(await text(socket)).toContain('grpc-status: 0');
    const many = await callH2(origin, {
      path: STREAM,
      headers: { 'content-type': 'application/grpc' },
      body,
    });
    expect(many.body).toEqual(Buffer.concat([1, 2, 3].map((id) => envelope(Buffer.from([0x08, id])))));
  });

  it.each(SINGLE_H2)(
    'gives up on a request that does not arrive in time over $name',
    async ({ json, send }) => {
      const message = json ? Buffer.from('{}') : Buffer.from([0x0a, 1, 0x61]);
      const { code } = await send(message.subarray(0, 1), { length: message.length, keepOpen: true });
      expect(code).toBe(Code.DeadlineExceeded);
    },
  );

  it.each(WAYS)('holds to deadlines over $name', async ({ json, name, send, timeoutHeader }) => {
    const good = json ? Buffer.from('{}') : Buffer.alloc(0);
    const connect = timeoutHeader.startsWith('connect');
    const timed = async (text: string) => (await send(good, { headers: { [timeoutHeader]: text } })).code;
    expect(await timed(connect ? '0' : '0S')).toBe(Code.DeadlineExceeded);
    if (!connect) expect(await timed('1n')).toBe(Code.DeadlineExceeded);
    expect(await timed(connect ? '9999999999' : '99999999H')).toBe(0);
    for (const junk of ['soon', '-1', '1.5S', '123456789012', '']) {
      expect([junk, await timed(junk)]).toEqual([junk, Code.InvalidArgument]);
    }
    if (name.includes('bidi')) return;
    const [field, tag] = name.includes('unary') ? ['flagKey', '\x0a'] : ['resumeToken', '\x22'];
    const stuck = Buffer.from(json ? `{"${field}":"stuck"}` : `${tag}\x05stuck`);
    const { code } = await send(stuck, { headers: { [timeoutHeader]: connect ? '50' : '50m' } });
    expect(code).toBe(Code.DeadlineExceeded);
  });

  it('gives a unary call without a deadline the longest one', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await callH1(origin, {
      path: EVALUATE,
      headers,
      body: Buffer.from('{"flagKey":"stuck"}'),
    });
    expect(answer.code).toBe(Code.DeadlineExceeded);
  });

  it('answers an unknown method UNIMPLEMENTED in every protocol, and 404 to others', async () => {
    for (const path of ['/vexil.v1.EvaluationService/Nope', '/nope.Nope/Nope']) {
      for (const type of ['grpc', 'grpc-web', 'json', 'proto', 'connect+json']) {
        const headers = { 'content-type': `application/${type}` };
        const answer = await callH2(origin, { path, headers });
        const inBody = answer.headers['content-type'] === 'application/json';
        expect([type, answer.code, inBody]).toEqual([type, Code.Unimplemented, !type.startsWith('grpc')]);
      }
      expect((await callH1(origin, { path, method: 'GET' })).status).toBe(404);
    }
  });

  it('answers 415 and 405 to what is no call', async () => {
    const post = (type: string) => callH1(origin, { path: EVALUATE, headers: { 'content-type': type } });
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/grpc-web-text',
      'multipart/form-data',
    ])
      expect([type, (await post(type)).status]).toEqual([type, 415]);
    expect((await callH1(origin, { path: WRITE, method: 'GET' })).status).toBe(405);
    expect((await callH1(origin, { path: EVALUATE, method: 'PUT' })).status).toBe(405);
  });

  describe('with a GET', () => {
    const get = (query: string) => callH1(origin, { path: `${EVALUATE}?${query}`, method: 'GET' });
    const binary = Buffer.from([0x0a, 1, 0x61]);

    it('serves JSON, binary and compressed messages', async () => {
      expect(
        (await get(`encoding=json&message=${encodeURIComponent('{"flagKey":"a"}')}`)).body.toString(),
      ).toContain('"a"');
      expect((await get(`encoding=proto&base64=1&message=${binary.toString('base64url')}`)).code).toBe(0);
      const packed = gzipSync('{"flagKey":"a"}').toString('base64url');
      const answer = await get(`encoding=json&base64=1&compression=gzip&message=${packed}`);
      expect(answer.body.toString()).toContain('"a"');
    });

    it('refuses what it would refuse in a POST, in the same words', async () => {
      const cases: [string, Code][] = [
        ['encoding=json&message={"a":1,"a":2}', Code.InvalidArgument],
        [`encoding=json&message=${'['.repeat(100)}`, Code.InvalidArgument],
        ['encoding=json&message={', Code.InvalidArgument],
        ['encoding=proto&base64=1&message=!!!', Code.InvalidArgument],
        ['encoding=proto&base64=1&message=CP8', Code.InvalidArgument],
        [
          `encoding=json&base64=1&compression=gzip&message=${GZIP_BOMB.toString('base64url')}`,
          Code.ResourceExhausted,
        ],
        ['encoding=json&base64=1&compression=gzip&message=e30', Code.InvalidArgument],
        ['encoding=json&compression=snappy&message={}', Code.Unimplemented],
      ];
      for (const [query, code] of cases)
        expect([query, (await get(encodeURI(query))).code]).toEqual([query, code]);
      expect((await get('encoding=xml&message={}')).status).toBe(415);
    });
  });

  describe('with an Origin', () => {
    const preflight = (asking: string) =>
      callH1(origin, {
        path: EVALUATE,
        method: 'OPTIONS',
        headers: { origin: asking, 'access-control-request-method': 'POST' },
      });
    const call = (asking: string) =>
      callH2(origin, {
        path: EVALUATE,
        headers: { origin: asking, 'content-type': 'application/grpc-web+proto' },
        body: envelope(Buffer.alloc(0)),
      });

    it('lets an allowed page in, by name', async () => {
      const { status, headers } = await preflight(ALLOWED);
      expect(status).toBe(204);
      expect(headers['access-control-allow-origin']).toBe(ALLOWED);
      expect(headers['access-control-allow-headers']).toMatch(/X-Grpc-Web.*Authorization.*X-Api-Key/);
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      const answer = await call(ALLOWED);
      expect(answer.headers).toMatchObject({ 'access-control-allow-origin': ALLOWED, vary: 'Origin' });
      expect(answer.headers['access-control-expose-headers']).toMatch(/grpc-status/i);
    });

    it('shows no other page anything', async () => {
      for (const asking of ['https://evil.example', 'null', '']) {
        const { status, headers } = await preflight(asking);
        expect([asking, status]).toEqual([asking, 403]);
        expect(headers['access-control-allow-origin']).toBeUndefined();
        expect((await call(asking)).headers['access-control-allow-origin']).toBeUndefined();
      }
    });
  });

  it.each(['patient', 'endless'])(
    'lets go of a refused message that is too large, from a %s caller',
    async (kind) => {
      const session = http2.connect(origin);
      const stream = session.request({
        ':method': 'POST',
        ':path': EVALUATE,
        'content-type': 'application/grpc',
      });
      const answered = once(stream, 'response');
      const closed = once(stream, 'close');
      stream.write(envelope(Buffer.alloc(20 * MAX_BYTES)));
      if (kind === 'patient') stream.end();
      stream.resume();
      expect((await answered)[0]).toMatchObject({ 'grpc-status': String(Code.ResourceExhausted) });
      await closed;
      session.destroy();
    },
  );

  it('survives an authority that is no host', async () => {
    const socket = net.connect(listener.port, '127.0.0.1');
    socket.write(`POST ${EVALUATE} HTTP/1.1\r\nhost: a b[\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    expect(await text(socket)).toContain('400');
  });

  it('reports calls that no interceptor saw', async () => {
    refused.length = 0;
    await callH2(origin, {
      path: EVALUATE,
      headers: { 'content-type': 'application/proto' },
      body: Buffer.of(0xff),
    });
    await callH2(origin, { path: '/no.No/No', headers: { 'content-type': 'application/grpc' } });
    expect(refused).toMatchObject([
      { method: { name: 'Evaluate' }, protocol: 'connect', code: Code.InvalidArgument },
      { method: undefined, protocol: 'grpc', code: Code.Unimplemented },
    ]);
  });
});

import { once } from 'node:events';
import * as http2 from 'node:http2';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelope } from '../rpc/raw-call.ts';
import { type GrpcCaller, grpcCaller, type MessageStream } from '../support/grpc-caller.ts';
import { metricOf } from '../support/metrics.ts';
import { isMessage, type Message } from '../support/stock-protos.ts';
import { bearer, openTarget, PRODUCTION, type Target } from './target.ts';

const WATCH = 'EvaluationService/WatchFlags';
/** A WatchFlagsRequest for either view. */
const DEFINITIONS = Buffer.from([0x0a, 0x00]);
const DECISIONS = Buffer.from([0x12, 0x00]);

let target: Target;
let grpc: GrpcCaller;

beforeAll(async () => {
  target = await openTarget({ VEXIL_HEARTBEAT_MS: '500' });
  grpc = grpcCaller(target.server.address);
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await target.close();
});

/** A gRPC call whose request is still to be written. */
function open(session: http2.ClientHttp2Session, method: string): http2.ClientHttp2Stream {
  const headers = { 'content-type': 'application/grpc', ...bearer(target.keys.server) };
  const stream = session.request({ ':method': 'POST', ':path': `/vexil.v1.${method}`, ...headers });
  return stream.on('error', () => undefined);
}

const watch = (request: Message, token = target.keys.server) => grpc.stream(WATCH, request, { token });

/** The resume token of the first message that has one. */
async function tokenOf(stream: MessageStream): Promise<string> {
  for (let message = await stream.next(); message !== undefined; message = await stream.next())
    for (const part of Object.values(message))
      if (isMessage(part) && typeof part.resumeToken === 'string' && part.resumeToken !== '')
        return part.resumeToken;
  throw new Error('the stream had no token');
}

async function firstToken(request: Message, key?: string): Promise<string> {
  using stream = watch(request, key);
  return await tokenOf(stream);
}

const setFlag = (enabled: boolean) =>
  target.ok(`FlagService/${enabled ? 'EnableFlag' : 'DisableFlag'}`, { name: `${PRODUCTION}/flags/pricing` });

const watchers = () => metricOf(target.server.managementUrl, 'vexil_watchers');

/** Polls the metrics until there are so many watchers. */
async function untilWatchers(count: number): Promise<void> {
  while ((await watchers()) !== count);
}

describe('a resume token', () => {
  it('is good for the view, the filter, the context and the environment that it is of', async () => {
    const context = { targetingKey: 'user-1' };
    const resumeToken = await firstToken({ decisions: { context } });
    using again = watch({ decisions: { context }, resumeToken });
    expect(await again.next()).toMatchObject({ hello: { intent: 'INTENT_NOTHING' } });
    const others: [Message, string?][] = [
      [{ decisions: { context: { targetingKey: 'user-2' } } }],
      [{ decisions: { context }, flagKeys: ['checkout'] }],
      [{ definitions: {} }],
      [{ decisions: { context } }, target.keys.web],
      [{ decisions: { context } }, target.keys.staging],
    ];
    for (const [request, key] of others)
      expect(await watch({ ...request, resumeToken }, key).ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is of no use when anything about it is changed', async () => {
    const token = await firstToken({ definitions: {} });
    const bytes = Buffer.from(token, 'base64url');
    const flipped = Array.from(bytes, (byte, at) => {
      const copy = Buffer.from(bytes);
      copy[at] = byte ^ 1;
      return copy.toString('base64url');
    });
    const junk = [`${token}A`, token.slice(1), `${token}=`, 'x', '\0', '{"$gt":""}', 'x'.repeat(100_000)];
    for (const resumeToken of [...flipped, ...junk])
      expect(await watch({ definitions: {}, resumeToken }).ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('from before a change gets the change', async () => {
    const resumeToken = await firstToken({ definitions: {} });
    await setFlag(false);
    using stream = watch({ definitions: {}, resumeToken });
    expect(await stream.next()).toMatchObject({ hello: { intent: 'INTENT_CHANGES' } });
    expect(await stream.next()).toHaveProperty('delta');
    await setFlag(true);
  });
});

describe('a watch', () => {
  it('needs a view, and flag keys that could be', async () => {
    expect(await watch({}).ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const flagKeys of [['../x'], [''], ['a', '$where']])
      expect(await watch({ definitions: {}, flagKeys }).ended).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const flagKeys = Array.from({ length: 5_001 }, (_, index) => `flag-${index}`);
    expect(await watch({ definitions: {}, flagKeys }).ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it.each([0, 1, 5, 20])('leaves nothing behind when it is broken off after %d ms', async (ms) => {
    for (let round = 0; round < 3; round++) {
      const session = http2.connect(target.server.url);
      session.on('error', () => undefined);
      const streams = Array.from({ length: 50 }, (_, index) => {
        const stream = open(session, WATCH);
        return stream.end(envelope(index % 2 === 0 ? DEFINITIONS : DECISIONS));
      });
      if (round > 0) await Promise.all(streams.map((stream) => once(stream, 'ready')));
      await setTimeout(ms);
      for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
      await new Promise((resolve) => session.close(() => resolve(undefined)));
    }
    await untilWatchers(0);
    await target.checkHealthy();
  });

  it('that nobody reads costs a bounded amount of memory', async () => {
    const session = http2.connect(target.server.url, { settings: { initialWindowSize: 0 } });
    session.on('error', () => undefined);
    for (let index = 0; index < 50; index++) {
      const stream = open(session, WATCH);
      stream.end(envelope(DEFINITIONS));
    }
    await untilWatchers(50);
    const before = target.memoryMib();
    for (let change = 0; change < 100; change++) await setFlag(change % 2 === 1);
    expect(target.memoryMib() - before).toBeLessThan(64);
    await target.checkHealthy();
    session.destroy();
    await untilWatchers(0);
  });
});

describe('a stream of evaluations', () => {
  it('that nobody reads stops being read itself', async () => {
    const session = http2.connect(target.server.url, { settings: { initialWindowSize: 0 } });
    session.on('error', () => undefined);
    const stream = open(session, 'EvaluationService/EvaluateStream');
    const before = target.memoryMib();
    const many = Buffer.concat(
      Array.from({ length: 1_000 }, () => envelope(Buffer.from('\u0012\u0008checkout'))),
    );
    for (let sent = 0; sent < 500 && stream.write(many); sent++)
      await new Promise((resolve) => setImmediate(resolve));
    expect(stream.writableLength).toBeGreaterThan(0);
    await target.checkHealthy();
    expect(target.memoryMib() - before).toBeLessThan(64);
    session.destroy();
  });

  it('that asks in few bytes for large values, and reads none, costs a bounded amount of memory', async () => {
    const value = 'x'.repeat(60_000);
    const flag = { type: 'FLAG_TYPE_STRING', variations: [{ key: 'off', value }], defaultVariation: 'off' };
    const [parent = ''] = PRODUCTION.split('/environments/');
    await target.ok('FlagService/CreateFlag', { parent, flagId: 'b', flag });
    const session = http2.connect(target.server.url, { settings: { initialWindowSize: 0 } });
    session.on('error', () => undefined);
    const stream = open(session, 'EvaluationService/EvaluateStream');
    const before = target.memoryMib();
    stream.write(Buffer.concat(Array.from({ length: 8_000 }, () => envelope(Buffer.from('\u0012\u0001b')))));
    await setTimeout(500);
    await target.checkHealthy();
    expect(target.memoryMib() - before).toBeLessThan(64);
    session.destroy();
  });

  it('that is given up at once gives its seat back, whatever protocol it is in', async () => {
    const few = await openTarget({ VEXIL_MAX_STREAMS_PER_KEY: '20' });
    try {
      for (const type of ['application/grpc', 'application/grpc+json', 'application/connect+json']) {
        for (let connection = 0; connection < 10; connection++) {
          const session = http2.connect(few.server.url).on('error', () => undefined);
          for (let call = 0; call < 5; call++) {
            const path = '/vexil.v1.EvaluationService/EvaluateStream';
            const headers = {
              ':method': 'POST',
              ':path': path,
              'content-type': type,
              ...bearer(few.keys.server),
            };
            const stream = session.request(headers).on('error', () => undefined);
            stream.close(http2.constants.NGHTTP2_CANCEL);
          }
          await new Promise((resolve) => session.close(() => resolve(undefined)));
        }
      }
      const session = http2.connect(few.server.url).on('error', () => undefined);
      const statuses = Array.from({ length: 20 }, async () => {
        const path = '/vexil.v1.EvaluationService/EvaluateStream';
        const type = { 'content-type': 'application/grpc', ...bearer(few.keys.server) };
        const stream = session.request({ ':method': 'POST', ':path': path, ...type });
        stream.on('error', () => undefined).write(envelope(Buffer.from('\u0012\u0008checkout')));
        const [headers] = await once(stream, 'response');
        return headers['grpc-status'];
      });
      expect(await Promise.all(statuses)).toEqual(Array(20).fill(undefined));
      session.destroy();
    } finally {
      await few.close();
    }
  });

  it('ends with the first message that is malformed', async () => {
    const session = http2.connect(target.server.url);
    const stream = open(session, 'EvaluationService/EvaluateStream');
    stream.write(envelope(Buffer.from('\u0012\u0008checkout')));
    stream.write(envelope(Buffer.from([0x12, 0x7f])));
    stream.resume();
    const status = await new Promise((resolve) =>
      stream.on('trailers', (trailers) => resolve(trailers['grpc-status'])),
    );
    expect(Number(status)).toBe(3);
    session.destroy();
  });
});

it('ten thousand calls that are given up at once leave nothing behind', async () => {
  const before = target.memoryMib();
  for (let connection = 0; connection < 50; connection++) {
    const session = http2.connect(target.server.url);
    session.on('error', () => undefined);
    for (let call = 0; call < 200; call++) {
      const stream = open(session, 'EvaluationService/Evaluate');
      stream.write(envelope(Buffer.from('\n\u0008checkout')));
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve) => {
      session.on('close', resolve);
      session.close();
    });
  }
  await target.checkHealthy();
  expect(target.memoryMib() - before).toBeLessThan(64);
});

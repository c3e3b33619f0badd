import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { Admission } from '../../../src/app/admission.ts';
import { hashSecret, mintToken } from '../../../src/app/key-token.ts';
import { createKey, revokeKey } from '../../../src/app/manage/keys.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import type { Principal } from '../../../src/app/principal.ts';
import type { CallHead } from '../../../src/rpc/hot/call-head.ts';
import { Deadlines } from '../../../src/rpc/hot/deadlines.ts';
import { Exchange } from '../../../src/rpc/hot/exchange.ts';
import type { HttpAnswer } from '../../../src/rpc/hot/http-answer.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { type Instance, openInstance, PEPPER } from '../../support/instance.ts';
import { envelope } from '../raw-call.ts';

const ROOT: Principal = {
  ...{ keyId: 'root', kind: 'admin', project: '_system', environment: undefined },
  ...{ scopes: ['read', 'write', 'halt', 'keys'], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};
const ANSWER = envelope(Buffer.from('answer'));
const UNLIMITED = {
  ...{ callsPerKeyPerSecond: 0, streamsPerKey: 0, streamsPerAddress: 0 },
  ...{ openStreamsPerAddress: 0, refusedKeysPerAddressPerSecond: 0 },
};

let instance: Instance;
let clock: FakeClock;
let sent: HttpAnswer[];
let statuses: string[];
let logged: unknown[];

beforeAll(async () => {
  instance = await openInstance();
  const project = { key: 'shop', name: '', description: '', environments: ['production'] };
  await instance.commit('shop', createProject(project));
});

afterAll(async () => {
  await instance[Symbol.asyncDispose]();
});

beforeEach(() => {
  clock = createFakeClock();
  sent = [];
  statuses = [];
  logged = [];
});

async function newKey(): Promise<{ token: string; id: string }> {
  const { token, id, secret } = mintToken('server', randomBytes);
  const key = {
    id,
    kind: 'server' as const,
    name: '',
    environment: 'production',
    scopes: [],
    allowedOrigins: [],
  };
  await instance.commit('shop', createKey({ ...key, secretHash: hashSecret(PEPPER, secret) }, ROOT));
  return { token, id };
}

/** A call of gRPC to a method that answers like this. */
async function call(answer: () => Uint8Array | Promise<Uint8Array>, more: Partial<CallHead> = {}) {
  const head: CallHead = {
    method: { method: EvaluationService.method.evaluate, path: '/a/B', read: () => ({ answer }) },
    name: 'a/B',
    format: {
      ...{ protocol: 'grpc', codec: 'proto', encodingHeader: '', acceptedHeader: '', timeoutHeader: '' },
    },
    ...{ timeoutMs: 30_000, announcedBytes: 0, decompress: undefined, compression: undefined },
    ...{ token: (await newKey()).token, origin: undefined, traceparent: undefined },
    ...more,
  };
  const parts = {
    access: instance.access,
    admission: new Admission(UNLIMITED, clock),
    cors: { allows: () => false },
    deadlines: new Deadlines(clock),
    ...{ maxMessageBytes: 1_000, receiveTimeoutMs: 10_000 },
    recordCall: ({ status }: { status: string }) => void statuses.push(status),
    refused: () => undefined,
    logUnexpected: (error: unknown, _: string, traceId: string | undefined) =>
      void logged.push({ error, traceId }),
  };
  const exchange = new Exchange(parts, head, {
    address: () => '127.0.0.1',
    send: (each) => void sent.push(each),
  });
  exchange.start();
  return exchange;
}

const statusesSent = () =>
  sent.map(({ headers, trailers }) => trailers?.['grpc-status'] ?? headers['grpc-status']);

describe('an exchange', () => {
  it('answers once the request is complete, and not before', async () => {
    const exchange = await call(() => ANSWER);
    exchange.take(envelope(Buffer.of(1, 2, 3)));
    expect(sent).toEqual([]);
    exchange.end();
    expect(sent).toMatchObject([{ status: 200, body: ANSWER, trailers: { 'grpc-status': '0' } }]);
    expect(statuses).toEqual(['OK']);
  });

  it('is over with its answer, whatever else happens', async () => {
    const exchange = await call(() => ANSWER);
    exchange.take(envelope(Buffer.alloc(0)));
    exchange.end();
    exchange.take(Buffer.alloc(10));
    exchange.end();
    exchange.leave();
    clock.advance(100_000);
    expect([sent.length, statuses, clock.pending()]).toEqual([1, ['OK'], 0]);
  });

  it('gives up on a request that does not arrive', async () => {
    const exchange = await call(() => ANSWER);
    exchange.take(Buffer.of(0, 0));
    clock.advance(9_999);
    expect(sent).toEqual([]);
    clock.advance(1);
    expect(statusesSent()).toEqual(['4']);
    expect(decodeURIComponent(String(sent[0]?.headers['grpc-message']))).toContain('too long to arrive');
    expect([statuses, clock.pending()]).toEqual([['DEADLINE_EXCEEDED'], 0]);
  });

  it.each([5, 200, 9_000, 20_000])('ends at a deadline of %i ms when no answer comes', async (timeoutMs) => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const exchange = await call(() => promise, { timeoutMs });
    exchange.take(envelope(Buffer.alloc(0)));
    exchange.end();
    clock.advance(timeoutMs - 1);
    expect(sent).toEqual([]);
    clock.advance(1);
    expect(statusesSent()).toEqual(['4']);
    resolve(ANSWER);
    await promise;
    expect([sent.length, statuses, clock.pending()]).toEqual([1, ['DEADLINE_EXCEEDED'], 0]);
  });

  it('answers nobody who has left, and counts them once', async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const exchange = await call(() => promise);
    exchange.take(envelope(Buffer.alloc(0)));
    exchange.end();
    exchange.leave();
    exchange.leave();
    resolve(ANSWER);
    await promise;
    clock.advance(100_000);
    expect([sent, statuses, clock.pending()]).toEqual([[], ['CANCELLED'], 0]);
  });

  it('refuses at once who has no time left', async () => {
    await call(() => ANSWER, { timeoutMs: 0 });
    expect([statusesSent(), statuses, clock.pending()]).toEqual([['4'], ['DEADLINE_EXCEEDED'], 0]);
  });

  it('tells a stranger so before there is a message', async () => {
    await call(() => ANSWER, { token: 'vx_server_none' });
    expect([statusesSent(), statuses, clock.pending()]).toEqual([['16'], ['UNAUTHENTICATED'], 0]);
  });

  it('asks again whether the key is good when the message is there, however long that takes', async () => {
    const { token, id } = await newKey();
    const exchange = await call(() => ANSWER, { token });
    exchange.take(envelope(Buffer.alloc(0)));
    await instance.commit('shop', revokeKey(id, ROOT));
    exchange.end();
    expect(statusesSent()).toEqual(['16']);
  });

  it.each([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
  ])('tells nobody but the log of an error that no code foresaw, when a method %s it', async (_, answer) => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const exchange = await call(answer, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    exchange.take(envelope(Buffer.alloc(0)));
    exchange.end();
    await expect.poll(statusesSent).toEqual(['13']);
    expect(sent[0]?.headers['grpc-message']).toBe('internal error');
    expect(logged).toMatchObject([{ error: { message: 'unforeseen' }, traceId: trace }]);
  });
});

function fail(): never {
  throw new Error('unforeseen');
}

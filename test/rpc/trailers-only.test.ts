import { Code, ConnectError, createConnectRouter } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { createHttpHandler } from '../../src/rpc/http-handler.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';

const RETRIES = {
  methodConfig: [
    {
      name: [{ service: 'vexil.v1.EvaluationService' }],
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.001s',
        maxBackoff: '0.001s',
        backoffMultiplier: 1,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
};

let listener: Listener;
let grpc: GrpcCaller;
let attempts = 0;

beforeAll(async () => {
  const router = createConnectRouter();
  router.service(EvaluationService, {
    evaluate: ({ flagKey }) => {
      attempts++;
      if (flagKey === 'later' && attempts === 3) return { flagKey };
      throw new ConnectError('not now', flagKey === 'never' ? Code.Internal : Code.Unavailable);
    },
    async *watchFlags({ resumeToken }) {
      attempts++;
      if (resumeToken !== 'refused') yield {};
      throw new ConnectError('not now', Code.Unavailable);
    },
  });
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    onRequest: createHttpHandler(router.handlers, {
      cors: { allows: () => false },
      limits: { maxMessageBytes: () => 65_536, maxJsonDepth: 64, receiveTimeoutMs: 10_000 },
      unaryTimeoutMs: 10_000,
    }),
    limits: {
      maxConnections: 100,
      maxStreamsPerConnection: 100,
      maxHeaderBytes: 16_384,
      firstBytesTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      idleConnectionMs: 60_000,
    },
  });
  grpc = grpcCaller(`127.0.0.1:${listener.port}`, { 'grpc.service_config': JSON.stringify(RETRIES) });
});

beforeEach(() => {
  attempts = 0;
});

afterAll(() => {
  grpc[Symbol.dispose]();
  listener.destroy();
});

it('lets a gRPC client try again by its retry policy what was refused before any message', async () => {
  const { response } = await grpc.call('EvaluationService/Evaluate', { flagKey: 'later' }, '');
  expect(response).toMatchObject({ flagKey: 'later' });
  expect(attempts).toBe(3);

  attempts = 0;
  using refused = grpc.stream(
    'EvaluationService/WatchFlags',
    { definitions: {}, resumeToken: 'refused' },
    { token: '' },
  );
  expect(await refused.ended).toMatchObject({ code: 'UNAVAILABLE' });
  expect(attempts).toBe(3);
});

it('tells the status of a call that is not tried again, with its message', async () => {
  const { refusal } = await grpc.call('EvaluationService/Evaluate', { flagKey: 'never' }, '');
  expect(refusal).toMatchObject({ code: 'INTERNAL', message: 'not now' });
  expect(attempts).toBe(1);
});

it('leaves a stream alone that fails after a message', async () => {
  using watch = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, { token: '' });
  expect(await watch.next()).toEqual({});
  expect(await watch.ended).toMatchObject({ code: 'UNAVAILABLE' });
  expect(attempts).toBe(1);
});

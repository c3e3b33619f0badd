import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import {
  type CallRecord,
  refusedCallRecord,
  telemetryInterceptor,
} from '../../src/rpc/telemetry-interceptor.ts';

function setUp() {
  const calls: CallRecord[] = [];
  const interceptors = [telemetryInterceptor((call) => calls.push(call))];
  const transport = createRouterTransport(
    (router) =>
      router.service(Health, {
        check: ({ service }) => {
          if (service === 'gone') throw new ConnectError('gone', Code.NotFound);
          if (service === 'bug') throw new ConnectError('bug', Code.Internal);
          return {};
        },
        async *watch({ service }) {
          yield {};
          yield {};
          if (service === 'gone') throw new ConnectError('gone', Code.Unavailable);
        },
      }),
    { router: { interceptors } },
  );
  return { calls, client: createClient(Health, transport) };
}

describe('telemetryInterceptor', () => {
  it('records a unary call with its status', async () => {
    const { calls, client } = setUp();
    await client.check({});
    await expect(client.check({ service: 'gone' })).rejects.toThrow();
    await expect(client.check({ service: 'bug' })).rejects.toThrow();
    const method = 'grpc.health.v1.Health/Check';
    expect(calls).toMatchObject([
      { method, status: 'OK', errorType: undefined },
      { method, status: 'NOT_FOUND', errorType: undefined },
      { method, status: 'INTERNAL', errorType: 'INTERNAL' },
    ]);
    for (const { durationMs } of calls) expect(durationMs).toBeGreaterThanOrEqual(0);
  });

  it('passes on what the caller says about its trace', async () => {
    const { calls, client } = setUp();
    await client.check({}, { headers: { traceparent: '00-something' } });
    await client.check({});
    expect(calls.map(({ traceparent }) => traceparent)).toEqual(['00-something', undefined]);
  });

  it('records a stream when it has ended, well, badly, or because its caller left', async () => {
    const { calls, client } = setUp();
    for await (const _ of client.watch({})) expect(calls).toEqual([]);
    await expect.poll(() => calls).toMatchObject([{ status: 'OK' }]);
    await expect(
      (async () => {
        for await (const _ of client.watch({ service: 'gone' }));
      })(),
    ).rejects.toThrow();
    await expect.poll(() => calls.at(1)).toMatchObject({ status: 'UNAVAILABLE', errorType: 'UNAVAILABLE' });
    const leaving = new AbortController();
    await expect(
      (async () => {
        for await (const _ of client.watch({}, { signal: leaving.signal })) leaving.abort();
      })(),
    ).rejects.toThrow();
    await expect.poll(() => calls.at(2)).toMatchObject({ status: 'CANCELLED', errorType: undefined });
  });
});

describe('refusedCallRecord', () => {
  it('names an unknown method _OTHER, so that callers cannot invent labels', () => {
    const call = {
      method: undefined,
      protocol: 'grpc-web',
      code: Code.Unimplemented,
      durationMs: 1,
      traceparent: null,
    } as const;
    expect(refusedCallRecord(call)).toEqual({
      system: 'grpc',
      method: '_OTHER',
      status: 'UNIMPLEMENTED',
      errorType: 'UNIMPLEMENTED',
      durationMs: 1,
      traceparent: undefined,
    });
  });
});

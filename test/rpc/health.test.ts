import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health_pb.ts';
import { healthService } from '../../src/rpc/health.ts';
import { createReadiness } from '../../src/server/readiness.ts';

function setUp() {
  const readiness = createReadiness(['vexil.v1.FlagService']);
  const stopping = new AbortController();
  const transport = createRouterTransport((router) =>
    router.service(Health, healthService(readiness, stopping.signal)),
  );
  return { readiness, stopping, client: createClient(Health, transport) };
}

describe('healthService', () => {
  it('is not serving before it is ready, and serving from then on', async () => {
    const { readiness, client } = setUp();
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    readiness.unblock('starting');
    expect((await client.check({ service: 'vexil.v1.FlagService' })).status).toBe(Status.SERVING);
  });

  it('knows nothing of services that are not here', async () => {
    const { client } = setUp();
    await expect(client.check({ service: 'nope' })).rejects.toMatchObject({ rawMessage: 'unknown service' });
    const first = await client.watch({ service: 'nope' })[Symbol.asyncIterator]().next();
    expect(first.value?.status).toBe(Status.SERVICE_UNKNOWN);
  });

  it('lists every service', async () => {
    const { statuses } = await setUp().client.list({});
    expect(Object.keys(statuses)).toEqual(['', 'vexil.v1.FlagService']);
  });

  it('tells a watcher the status now, each change once, and UNAVAILABLE at the end', async () => {
    const { readiness, stopping, client } = setUp();
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({})) seen.push(status);
    })();
    await expect.poll(() => seen).toEqual([Status.NOT_SERVING]);
    readiness.block('store closed');
    readiness.unblock('starting');
    readiness.unblock('store closed');
    await expect.poll(() => seen).toEqual([Status.NOT_SERVING, Status.SERVING]);
    readiness.block('draining');
    stopping.abort();
    await expect(watching).rejects.toMatchObject({ rawMessage: 'the server is stopping' });
    expect(seen).toEqual([Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
  });
});

import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { callsOf } from '../support/calls.ts';
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.ts';
import { fetchCaller } from '../support/fetch-caller.ts';
import { metricOf } from '../support/metrics.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

/** What a service tells a collector about the calls that it gets. */

const PATIENCE = { timeout: 20_000, interval: 50 };
const EVALUATE = 'vexil.v1.EvaluationService/Evaluate';
const WATCH = 'vexil.v1.EvaluationService/WatchFlags';
const CONTEXT = { targetingKey: 'anna' };
const PARENT = '00f067aa0ba902b7';

let traces = 0;

/** A trace that nobody else is in. */
function newTrace(): string {
  traces++;
  return `4bf92f3577b34da6a3ce929d${traces.toString(16).padStart(8, '0')}`;
}

function within(traceId: string, flags = '01') {
  return { headers: { traceparent: `00-${traceId}-${PARENT}-${flags}` } };
}

interface Site extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly project: string;
  readonly token: string;
  client(protocol: 'grpc' | 'connect'): Client<typeof EvaluationService>;
}

/** A service with one flag and a key to it. */
async function openSite(env: Readonly<Record<string, string>>): Promise<Site> {
  const server = await startServer({ env });
  const calls = callsOf(fetchCaller(server.url), server.adminToken);
  const project = await newProject(calls, 'traced');
  await newFlag(calls, project, 'checkout');
  const environment = `${project}/environments/production`;
  const token = await newKey(calls, project, { kind: 'KEY_KIND_SERVER', environment });
  const authorized: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const options = { baseUrl: server.url, interceptors: [authorized] };
  return {
    ...{ server, project, token },
    client: (protocol) =>
      createClient(
        EvaluationService,
        protocol === 'grpc'
          ? createGrpcTransport(options)
          : createConnectTransport({ ...options, httpVersion: '1.1' }),
      ),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function spanIn(collector: Collector, traceId: string): Promise<CollectedSpan> {
  return await vi.waitFor(() => {
    const [span, ...more] = collector.spans.filter((each) => each.traceId === traceId);
    expect(more).toEqual([]);
    if (span === undefined) throw new Error(`there is no span of ${traceId}`);
    return span;
  }, PATIENCE);
}

describe.each([
  ['the fast path', 'on'],
  ['the path of the RPC library', 'off'],
])('on %s, a service with a collector', (_, fastPath) => {
  let collector: Collector;
  let site: Site;

  beforeAll(async () => {
    collector = await startCollector();
    site = await openSite({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      VEXIL_REPLICA: 'one',
      VEXIL_FAST_PATH: fastPath,
    });
  });

  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
    await collector?.[Symbol.asyncDispose]();
  });

  it.each([
    ['grpc', 'grpc'],
    ['connect', 'connectrpc'],
  ] as const)('tells of a call over %s, as a part of what its caller does', async (protocol, system) => {
    const traceId = newTrace();
    await site.client(protocol).evaluate({ flagKey: 'checkout', context: CONTEXT }, within(traceId));
    const span = await spanIn(collector, traceId);
    expect(span).toMatchObject({
      ...{ name: EVALUATE, kind: 'SERVER', parentSpanId: PARENT, status: { code: 'UNSET' } },
      attributes: {
        'rpc.system.name': system,
        'rpc.method': EVALUATE,
        'rpc.status_code': 'OK',
      },
      resource: {
        'service.name': 'vexil',
        'service.instance.id': 'one',
        'deployment.environment.name': 'test',
      },
    });
    expect(span.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
    expect(span.endTimeUnixNano).toBeGreaterThanOrEqual(span.startTimeUnixNano);
  });

  it('tells of a stream once, when it has ended', async () => {
    const traceId = newTrace();
    const leaving = new AbortController();
    const options = { ...within(traceId), signal: leaving.signal };
    const messages = site.client('grpc').watchFlags({ view: { case: 'definitions', value: {} } }, options);
    const watched = (async () => {
      for await (const _ of messages) if (!leaving.signal.aborted) leaving.abort();
    })();
    await expect(watched).rejects.toThrow('aborted');
    expect(await spanIn(collector, traceId)).toMatchObject({
      ...{ name: WATCH, parentSpanId: PARENT, status: { code: 'UNSET' } },
      attributes: { 'rpc.status_code': 'CANCELLED' },
    });
  });

  it('begins a trace for a call that belongs to none', async () => {
    const known = collector.spans.length;
    await site.client('grpc').evaluateAll({ context: CONTEXT });
    const name = 'vexil.v1.EvaluationService/EvaluateAll';
    const found = () => collector.spans.slice(known).find((span) => span.name === name);
    await expect.poll(found, PATIENCE).toMatchObject({ parentSpanId: '' });
    expect(found()?.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  });

  it('does not tell of what its caller does not write down', async () => {
    const [quiet, loud] = [newTrace(), newTrace()];
    const client = site.client('grpc');
    await client.evaluate({ flagKey: 'checkout', context: CONTEXT }, within(quiet, '00'));
    await client.evaluate({ flagKey: 'checkout', context: CONTEXT }, within(loud));
    await spanIn(collector, loud);
    expect(collector.spans.filter(({ traceId }) => traceId === quiet)).toEqual([]);
  });

  it('says which calls failed, and whose fault it was', async () => {
    const [theirs, ours, nobodys] = [newTrace(), newTrace(), newTrace()];
    const post = (method: string, traceId: string, headers: object) =>
      fetch(`${site.server.url}/${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...within(traceId).headers, ...headers },
        body: '{}',
      });
    expect((await post(EVALUATE, theirs, {})).status).toBe(401);
    expect((await post(EVALUATE, ours, { 'connect-timeout-ms': '0' })).status).toBe(504);
    expect((await post('vexil.v1.EvaluationService/Guess', nobodys, {})).status).toBe(404);
    expect(await spanIn(collector, theirs)).toMatchObject({
      status: { code: 'UNSET' },
      attributes: { 'rpc.status_code': 'UNAUTHENTICATED' },
    });
    expect(await spanIn(collector, ours)).toMatchObject({
      status: { code: 'ERROR' },
      attributes: { 'rpc.status_code': 'DEADLINE_EXCEEDED', 'error.type': 'DEADLINE_EXCEEDED' },
    });
    expect(await spanIn(collector, nobodys)).toMatchObject({
      ...{ name: 'connectrpc', status: { code: 'ERROR' } },
      attributes: { 'rpc.method': '_OTHER', 'rpc.status_code': 'UNIMPLEMENTED' },
    });
  });
});

describe('a service with a collector', () => {
  it('has told of every call when it has stopped', async () => {
    await using collector = await startCollector();
    await using site = await openSite({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.endpoint}/v1/traces`,
      OTEL_SERVICE_NAME: 'decisions',
    });
    const made = Array.from({ length: 50 }, newTrace);
    const client = site.client('grpc');
    for (const traceId of made)
      await client.evaluate({ flagKey: 'checkout', context: CONTEXT }, within(traceId));
    expect(await metricOf(site.server.managementUrl, 'vexil_spans_lost_total')).toBe(0);
    await site.server.stop();
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual(expect.arrayContaining(made));
    expect(collector.spans[0]?.resource).toMatchObject({ 'service.name': 'decisions' });
  });

  it('tells of what each of its workers did', async () => {
    await using collector = await startCollector();
    await using site = await openSite({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      ...{ VEXIL_WORKERS: '2', VEXIL_REPLICA: 'many' },
    });
    await expect
      .poll(async () => {
        await site.client('grpc').evaluate({ flagKey: 'checkout', context: CONTEXT });
        const instances = collector.spans.map(({ resource }) => resource['service.instance.id']);
        return [...new Set(instances)].sort();
      }, PATIENCE)
      .toEqual(['many worker 1', 'many worker 2']);
  });

  it('answers while the collector is away, says what is lost, and stops all the same', async () => {
    await using site = await openSite({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await closedPort()}`,
      VEXIL_SHUTDOWN_MS: '6000',
    });
    const client = site.client('grpc');
    for (let call = 0; call < 100; call++)
      await client.evaluate({ flagKey: 'checkout', context: CONTEXT }, within(newTrace()));
    await site.server.stop();
    // With those that made the project, the flag and the key.
    expect(site.server.output()).toMatch(/"lost":103,.*"msg":"spans are lost"/);
  });

  it('stops while the collector takes everything and says nothing', async () => {
    await using collector = await startCollector();
    collector.answer = 'never';
    await using site = await openSite({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      VEXIL_SHUTDOWN_MS: '6000',
    });
    await site.client('grpc').evaluate({ flagKey: 'checkout', context: CONTEXT });
    await site.server.stop();
    expect(site.server.output()).toContain('spans are lost');
  });
});

describe('what traces need', () => {
  const NODE_OPTIONS = `--import=${new URL('../support/tell-loaded.ts', import.meta.url)}`;

  it('is not loaded without a collector', async () => {
    await using site = await openSite({ NODE_OPTIONS });
    await site.client('grpc').evaluate({ flagKey: 'checkout', context: CONTEXT }, within(newTrace()));
    await fetch(`${site.server.managementUrl}/metrics`);
    expect(site.server.output()).toContain('loads exporter-prometheus/');
    expect(site.server.output()).not.toMatch(/loads (sdk-trace|exporter-trace|otlp)/);
  });

  it('is loaded with one', async () => {
    await using collector = await startCollector();
    await using site = await openSite({ NODE_OPTIONS, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    expect(site.server.output()).toMatch(/loads exporter-trace-otlp-proto/);
  });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, describe, expect, it } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { healthService } from '../../src/rpc/health.ts';
import { reflectionRoutes } from '../../src/rpc/reflection.ts';
import { loadConfig } from '../../src/server/config.ts';
import { createLifecycle } from '../../src/server/lifecycle.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { createLogger } from '../../src/server/logger.ts';
import { createManagementHandler } from '../../src/server/management-server.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createReadiness } from '../../src/server/readiness.ts';
import { createRpcHandler } from '../../src/server/rpc-handler.ts';
import { readTlsFiles } from '../../src/server/tls-files.ts';

const opened: Listener[] = [];

afterEach(() => {
  for (const listener of opened.splice(0)) listener.destroy();
});

/** The whole shell with nothing but health and reflection inside. */
async function openShell(env: NodeJS.ProcessEnv = {}) {
  const config = loadConfig({ VEXIL_PORT: '0', VEXIL_MANAGEMENT_PORT: '0', ...env });
  const log = createLogger('silent');
  const readiness = createReadiness([Health.typeName]);
  const lifecycle = createLifecycle({
    ...config,
    readiness,
    clock: systemClock,
    log: (message, error) => log.info({ err: error }, message),
  });
  const metrics = createMetrics();
  const rpc = createRpcHandler({
    ...config,
    routes: (router) => {
      router.service(Health, healthService(readiness, lifecycle.stopping));
      reflectionRoutes(router, [Health]);
    },
    isManagement: () => false,
    interceptors: [],
    cors: { allows: () => false },
    recordCall: metrics.recordCall,
    log,
  });
  const secure = config.tls === undefined ? {} : { tls: readTlsFiles(config.tls) };
  const main = await listen({
    host: config.host,
    port: config.port,
    limits: config.connections,
    onRequest: rpc,
    ...secure,
  });
  const management = await listen({
    host: config.managementHost,
    port: config.managementPort,
    limits: config.connections,
    onRequest: createManagementHandler({ readiness, metrics: metrics.text, rpc }),
  });
  opened.push(main, management);
  lifecycle.addListener(main);
  lifecycle.addCloser('metrics', metrics.close);
  lifecycle.addCloser('management port', management.destroy);
  metrics.gauge('vexil.connections', 'Open connections.', main.connections);
  readiness.unblock('starting');
  return { readiness, lifecycle, port: main.port, managementOrigin: `http://127.0.0.1:${management.port}` };
}

type Call = (
  request: object,
  callback: (error: grpc.ServiceError | null, value?: { status: string }) => void,
) => void;

const definition = loadSync(join(import.meta.dirname, '../../proto/grpc/health/v1/health.proto'), {
  enums: String,
});

function grpcJsHealth(port: number, credentials: grpc.ChannelCredentials) {
  const HealthClient = grpc.makeClientConstructor(
    definition['grpc.health.v1.Health'] as grpc.ServiceDefinition,
    'Health',
  );
  const client = new HealthClient(`127.0.0.1:${port}`, credentials, {
    'grpc.ssl_target_name_override': 'localhost',
  });
  const call: Call = client.check?.bind(client);
  const check = (service: string) =>
    new Promise<string | undefined>((resolve, reject) =>
      call({ service }, (error, value) => (error === null ? resolve(value?.status) : reject(error))),
    );
  return { client, check };
}

describe('the server shell', () => {
  it('serves grpc-js over cleartext HTTP/2', async () => {
    const { port } = await openShell();
    const { client, check } = grpcJsHealth(port, grpc.credentials.createInsecure());
    expect(await check('')).toBe('SERVING');
    await expect(check('nope')).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
    client.close();
  });

  it('serves Connect to fetch, with JSON over HTTP/1.1', async () => {
    const { port } = await openShell();
    const answer = await fetch(`http://127.0.0.1:${port}/grpc.health.v1.Health/Check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(await answer.json()).toEqual({ status: 'SERVING' });
  });

  it('serves gRPC, gRPC-web and Connect over either HTTP version, to the generated client', async () => {
    const { port } = await openShell();
    const baseUrl = `http://127.0.0.1:${port}`;
    const transports = [
      createGrpcTransport({ baseUrl }),
      ...(['1.1', '2'] as const).flatMap((httpVersion) => [
        createGrpcWebTransport({ baseUrl, httpVersion }),
        createConnectTransport({ baseUrl, httpVersion }),
      ]),
    ];
    for (const transport of transports) {
      const client = createClient(Health, transport);
      expect(Object.keys((await client.list({})).statuses)).toEqual(['', Health.typeName]);
      for await (const { status } of client.watch({})) {
        expect(status).toBe(1);
        break;
      }
    }
  });

  it('describes itself by reflection', async () => {
    const { port } = await openShell();
    const client = createClient(
      ServerReflection,
      createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }),
    );
    async function* ask() {
      yield { messageRequest: { case: 'listServices' as const, value: '' } };
    }
    for await (const { messageResponse } of client.serverReflectionInfo(ask()))
      expect(messageResponse.value).toMatchObject({
        service: [
          { name: Health.typeName },
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'grpc.reflection.v1alpha.ServerReflection' },
        ],
      });
  });

  it('answers probes and metrics on the management port, and calls too', async () => {
    const { managementOrigin, readiness } = await openShell();
    const get = (path: string) => fetch(managementOrigin + path);
    expect((await get('/livez')).status).toBe(200);
    expect(await (await get('/readyz')).json()).toEqual({ ready: true, reasons: [] });
    readiness.block('store closed');
    const unready = await get('/readyz');
    expect([unready.status, await unready.json()]).toEqual([
      503,
      { ready: false, reasons: ['store closed'] },
    ]);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/other')).status).toBe(404);
    expect((await fetch(`${managementOrigin}/livez`, { method: 'POST' })).status).toBe(405);
    const client = createClient(Health, createGrpcTransport({ baseUrl: managementOrigin }));
    expect((await client.check({})).status).toBe(2);
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(
      /rpc_server_call_duration_bucket\{.*rpc_method="grpc.health.v1.Health\/Check".*le="0.005"/,
    );
    expect(metrics).toMatch(/rpc_status_code="OK"/);
    expect(metrics).toMatch(/vexil_connections.* 0/);
    expect(metrics).toMatch(/process_memory_usage\{.*\} \d+/);
  });

  it('counts a stream that its caller left as cancelled', async () => {
    const { port, managementOrigin } = await openShell();
    const client = createClient(Health, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    const leaving = new AbortController();
    const watching = (async () => {
      for await (const _ of client.watch({}, { signal: leaving.signal })) leaving.abort();
    })();
    await expect(watching).rejects.toThrow();
    const metrics = async () => (await fetch(`${managementOrigin}/metrics`)).text();
    await expect.poll(metrics).toMatch(/Health\/Watch",rpc_status_code="CANCELLED"/);
  });

  it('stops in order: not serving, streams end UNAVAILABLE, connections close', async () => {
    const { port, lifecycle, managementOrigin } = await openShell();
    const client = createClient(Health, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({})) seen.push(status);
    })();
    await expect.poll(() => seen).toEqual([1]);
    const stopped = lifecycle.stop();
    await expect(watching).rejects.toMatchObject({ rawMessage: 'the server is stopping' });
    expect(seen).toEqual([1, 2]);
    expect(await stopped).toBe('clean');
    await expect(fetch(`${managementOrigin}/livez`)).rejects.toThrow();
  });
});

const HAS_OPENSSL = (() => {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    console.warn('openssl is missing: TLS is not tested');
    return false;
  }
})();

describe.skipIf(!HAS_OPENSSL)('the server shell with TLS', () => {
  function certificates() {
    const directory = mkdtempSync(join(tmpdir(), 'vexil-tls-'));
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
       -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${key} -out ${cert}`.split(/\s+/),
      { stdio: 'ignore' },
    );
    const read = { cert: readFileSync(cert), key: readFileSync(key) };
    return { directory, certPath: cert, keyPath: key, ...read };
  }

  it('serves HTTP/2 and HTTP/1.1 by ALPN', async () => {
    const { directory, certPath, keyPath, cert } = certificates();
    const { port } = await openShell({ VEXIL_TLS_CERT: certPath, VEXIL_TLS_KEY: keyPath });
    const { client, check } = grpcJsHealth(port, grpc.credentials.createSsl(cert));
    expect(await check('')).toBe('SERVING');
    client.close();
    for (const httpVersion of ['1.1', '2'] as const) {
      const transport = createConnectTransport({
        baseUrl: `https://localhost:${port}`,
        httpVersion,
        nodeOptions: { ca: cert },
      });
      expect((await createClient(Health, transport).check({})).status).toBe(1);
    }
    rmSync(directory, { recursive: true });
  });

  it('demands a certificate of clients when it is told who signs them', async () => {
    const { directory, certPath, keyPath, cert, key } = certificates();
    const env = { VEXIL_TLS_CERT: certPath, VEXIL_TLS_KEY: keyPath, VEXIL_TLS_CLIENT_CA: certPath };
    const { port } = await openShell(env);
    const known = grpcJsHealth(port, grpc.credentials.createSsl(cert, key, cert));
    expect(await known.check('')).toBe('SERVING');
    known.client.close();
    const stranger = http2.connect(`https://localhost:${port}`, { ca: cert });
    stranger.on('error', () => undefined);
    const [error] = await once(stranger.request({ ':path': '/' }), 'error');
    expect(error.message).toMatch(/certificate required|ECONNRESET/i);
    rmSync(directory, { recursive: true });
  });

  it('survives cleartext and a handshake that never ends', async () => {
    const { directory, certPath, keyPath, cert } = certificates();
    const { port } = await openShell({
      VEXIL_TLS_CERT: certPath,
      VEXIL_TLS_KEY: keyPath,
      VEXIL_CONNECT_TIMEOUT_MS: '100',
    });
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    const silent = tls.connect({ port, host: '127.0.0.1', ca: cert, ALPNProtocols: ['none'] });
    await once(silent, 'error');
    const { client, check } = grpcJsHealth(port, grpc.credentials.createSsl(cert));
    expect(await check('')).toBe('SERVING');
    client.close();
    rmSync(directory, { recursive: true });
  });
});

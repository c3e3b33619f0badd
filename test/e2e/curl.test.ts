import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callsOf } from '../support/calls.ts';
import { envelopeOf, messagesIn, refusalIn } from '../support/connect-json.ts';
import { curl, curlCaller, keyArguments } from '../support/curl-caller.ts';
import { type Exercised, exercised } from '../support/exercised.ts';
import { messageProcess } from '../support/message-process.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { isMessage, methods } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject, TOURS } from './tour/tour.ts';

/** The API with nothing but curl: JSON in, JSON out. */

const WATCH = '/vexil.v1.EvaluationService/WatchFlags';
const UNARY = [...methods]
  .filter(([path, method]) => path.startsWith('vexil.v1.') && !method.requestStream && !method.responseStream)
  .map(([path]) => path)
  .sort();

let server: ServerProcess;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

describe.each([
  ['HTTP/1.1', 'h1', { version: '--http1.1' }],
  [
    'HTTP/2 without TLS, and GET for what only reads',
    'h2',
    { version: '--http2-prior-knowledge', getReads: true },
  ],
] as const)('over %s', (_version, prefix, options) => {
  const seen: Exercised = exercised();

  it.each(TOURS)('%s', async (_claim, run) => {
    const caller = seen.watch(curlCaller(server.url, options));
    await run({ calls: callsOf(caller, server.adminToken), prefix });
  });

  it('has tried every unary method, and been refused at least once', () => {
    expect(UNARY.filter((method) => !seen.answered.has(method))).toEqual([]);
    expect(UNARY.filter((method) => !seen.refused.has(method))).toEqual([]);
  });
});

describe('plain requests', () => {
  it('cannot change anything with a GET', async () => {
    const query = 'connect=v1&encoding=json&message=%7B%7D';
    const { status } = await curl([`${server.url}/vexil.v1.ProjectService/CreateProject?${query}`]);
    expect(status).toBe(405);
  });

  it('are refused fields that do not exist', async () => {
    const calls = callsOf(curlCaller(server.url, { version: '--http1.1' }), server.adminToken);
    await expect(calls.ok('ProjectService/ListProjects', { pageSise: 1 })).rejects.toThrow(
      /INVALID_ARGUMENT/,
    );
  });

  it('find nothing where nothing is', async () => {
    expect(await curl([`${server.url}/`])).toMatchObject({ status: 404 });
  });
});

describe.each(['--http1.1', '--http2-prior-knowledge'])('a watch with curl %s', (version) => {
  let directory: string;
  let body: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vexil-curl-'));
    body = join(directory, 'request');
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('gets the flags, then the change of one, while it is made', async () => {
    const calls = callsOf(curlCaller(server.url, { version: '--http1.1' }), server.adminToken);
    const parent = await newProject(calls, `watch${version.replace(/[^a-z0-9]+/g, '-')}`);
    const environment = `${parent}/environments/production`;
    await newFlag(calls, parent, 'checkout');
    const token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
    await writeFile(body, envelopeOf({ decisions: { context: { targetingKey: 'anna' } } }));
    using watch = watchWithCurl([
      version,
      ...keyArguments(token),
      '--data-binary',
      `@${body}`,
      server.url + WATCH,
    ]);

    const start = await watch.until((message) => 'snapshotEnd' in message);
    expect(start).toMatchObject([
      { hello: { intent: 'INTENT_FULL' } },
      { snapshotPart: { decisions: [{ flagKey: 'checkout', boolValue: false }] } },
      { snapshotEnd: { count: 1 } },
    ]);
    await calls.ok('FlagService/SetRollout', { name: `${environment}/flags/checkout`, weight: 100_000 });
    const [delta] = await watch.until((message) => 'delta' in message);
    expect(delta).toMatchObject({ delta: { decisions: [{ flagKey: 'checkout', boolValue: true }] } });
  });

  it('is refused in the end of the stream', async () => {
    await writeFile(body, envelopeOf({ definitions: {} }));
    using watch = watchWithCurl([version, '--data-binary', `@${body}`, server.url + WATCH]);
    const [end] = await watch.until((message) => 'error' in message);
    const error = isMessage(end?.error) ? end.error : {};
    expect(refusalIn(error)).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the management port', () => {
  it('says that it lives, that it is ready and how it is', async () => {
    expect(await curl([`${server.managementUrl}/livez`])).toMatchObject({ status: 200, body: 'ok\n' });
    const ready = await curl(['--http2-prior-knowledge', `${server.managementUrl}/readyz`]);
    expect([ready.status, JSON.parse(ready.body)]).toEqual([
      200,
      {
        ...{ ready: true, reasons: [], stalenessMs: expect.any(Number) },
        ...{ forked: 0, damaged: 0, quarantined: 0 },
      },
    ]);
    const metrics = await curl([`${server.managementUrl}/metrics`]);
    expect(metrics).toMatchObject({ status: 200, type: 'text/plain;' });
    expect(metrics.body).toMatch(/^rpc_server_call_duration_\w*bucket\{/m);
    expect(metrics.body).toMatch(/^process_memory_usage\S* \d+/m);
  });

  it('is not on the public port', async () => {
    expect(await curl([`${server.url}/metrics`])).toMatchObject({ status: 404 });
  });
});

function watchWithCurl(args: readonly string[]) {
  const options = ['-sSN', '-H', 'content-type: application/connect+json'];
  return messageProcess('curl', [...options, ...args], (written) =>
    messagesIn(written).map(({ message }) => message),
  );
}

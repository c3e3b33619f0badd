import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFlag, newKey, newProject } from '../e2e/tour/tour.ts';
import { callsOf } from '../support/calls.ts';
import { makeCertificate } from '../support/certificate.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import { toolOrSkip } from '../support/require-tool.ts';
import { type ServerOptions, startServer } from '../support/server-process.ts';
import type { Message } from '../support/stock-protos.ts';
import { openPython, type PythonEnvironment } from './python-environment.ts';

/** The evaluation service with grpcio: gRPC's C core, whose HTTP/2 is its own, behind Python. */

const CLIENT = fileURLToPath(new URL('grpcio_client.py', import.meta.url));
const OPENING_MS = 300_000;

const openssl = toolOrSkip('openssl', '/usr/bin/openssl') ?? '';

let python: PythonEnvironment | undefined;
let dataDir: string;
let environment: string;
let token: string;

beforeAll(async () => {
  python = await openPython();
  dataDir = await mkdtemp(join(tmpdir(), 'vexil-interop-'));
  await using server = await startServer({ dataDir });
  using grpc = grpcCaller(server.address);
  const calls = callsOf(grpc.call, server.adminToken);
  const parent = await newProject(calls, 'interop');
  environment = `${parent}/environments/production`;
  await newFlag(calls, parent, 'checkout');
  for (let index = 0; index < 50; index++) await newFlag(calls, parent, `flag-${index}`);
  token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
}, OPENING_MS);

afterAll(async () => {
  await python?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

/** What each step of the client came to, on a server that is started like this. */
async function steps(client: PythonEnvironment, options: ServerOptions, ca?: string) {
  await using server = await startServer({ ...options, dataDir });
  const written = await client.run(CLIENT, JSON.stringify({ address: server.address, token, ca }));
  const said: Message[] = written
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(server.output()).not.toMatch(/"level":"(error|fatal)"/);
  return Object.fromEntries(said.map(({ step, ...what }) => [String(step), what]));
}

function check(said: Readonly<Record<string, Message>>): void {
  const checkout = { flagKey: 'checkout', boolValue: false, variation: 'off', reason: 'REASON_DEFAULT' };
  expect(said.evaluate).toMatchObject({ code: 'OK', answer: checkout });
  expect(said.missing).toMatchObject({ code: 'OK', answer: { errorCode: 'ERROR_CODE_FLAG_NOT_FOUND' } });
  for (const step of ['evaluate_all', 'handshake', 'compressed'])
    expect(said[step]).toMatchObject({ code: 'OK', answer: { decisions: expect.toSatisfy(isAll) } });
  expect(said.handshake).toMatchObject({ answer: { protocolVersion: 1, environment } });
  expect(said.stranger).toMatchObject({ code: 'UNAUTHENTICATED', reasons: ['KEY_INVALID'] });
  expect(said.mismatch).toEqual({
    ...{
      code: 'FAILED_PRECONDITION',
      message: 'flag checkout is of type boolean',
      reasons: ['TYPE_MISMATCH'],
    },
  });
  expect(said.late).toEqual({ code: 'DEADLINE_EXCEEDED' });
  expect(said.watch).toEqual({ kinds: ['hello', 'snapshot_part', 'snapshot_end'], code: 'CANCELLED' });
  expect(said.stream).toEqual({ ids: true, code: 'OK' });
}

const isAll = (decisions: unknown) => Array.isArray(decisions) && decisions.length === 51;

describe('grpcio', () => {
  it.for(['on', 'off'])('calls every method, with the fast path %s', async (fastPath, { skip }) => {
    if (python === undefined) return skip();
    check(await steps(python, { env: { VEXIL_FAST_PATH: fastPath } }));
  });

  it.skipIf(openssl === '')('calls every method over TLS', async ({ skip }) => {
    if (python === undefined) return skip();
    const { certPath, keyPath } = makeCertificate(openssl, python.directory);
    const env = { VEXIL_TLS_CERT: certPath, VEXIL_TLS_KEY: keyPath };
    check(await steps(python, { env }, certPath));
  });
});

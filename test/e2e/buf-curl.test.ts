import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callsOf, checkRefusal } from '../support/calls.ts';
import { refusalIn } from '../support/connect-json.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import { messageProcess } from '../support/message-process.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { isMessage, type Message, methodNamed, services } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

/** The API with buf curl: a Go client that speaks all three protocols and needs no code. */

const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const SCHEMAS = [
  ['the .proto files', ['--schema', PROTO]],
  ['reflection', ['--reflect']],
] as const;
const COMBINATIONS = ['grpc', 'grpcweb', 'connect'].flatMap((protocol) =>
  SCHEMAS.map(([source, schema]) => [protocol, source, [...schema, '--protocol', protocol]] as const),
);
/** buf's exit code is eight times the number of the status. */
const NOT_FOUND = 5 * 8;

let server: ServerProcess;
let environment: string;
let token: string;

beforeAll(async () => {
  server = await startServer();
  using grpc = grpcCaller(server.address);
  const calls = callsOf(grpc.call, server.adminToken);
  const parent = await newProject(calls, 'buf');
  environment = `${parent}/environments/production`;
  await newFlag(calls, parent, 'checkout');
  token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

describe.concurrent.each(COMBINATIONS)(
  'buf curl with %s, its schema from %s',
  (_protocol, _source, options) => {
    it('makes unary calls', async () => {
      const question = {
        flagKey: 'checkout',
        context: { targetingKey: 'anna', attributes: { plan: 'pro' } },
      };
      const { code, stdout, stderr } = await call(options, 'Evaluate', [question]);
      expect([code, stderr]).toEqual([0, '']);
      expect(messagesIn(stdout)).toMatchObject([{ flagKey: 'checkout', variation: 'off', boolValue: false }]);
    });

    it('is told why it is refused', async () => {
      const question = { flagKey: 'checkout', environment: 'projects/nope/environments/production' };
      const { code, stderr } = await call(options, 'Evaluate', [question], server.adminToken);
      expect(code).toBe(NOT_FOUND);
      const [error] = messagesIn(Buffer.from(stderr));
      checkRefusal(refusalIn(error ?? {}), { code: 'NOT_FOUND', reason: 'ENVIRONMENT_NOT_FOUND' });
    });

    it('watches flags', async () => {
      const args = argumentsOf(options, 'WatchFlags', token);
      const request = ['-d', JSON.stringify({ decisions: { context: { targetingKey: 'anna' } } })];
      using watch = messageProcess(BUF, [...args, ...request], messagesIn);
      expect(await watch.until((message) => 'snapshotEnd' in message)).toMatchObject([
        { hello: { intent: 'INTENT_FULL', environment } },
        { snapshotPart: { decisions: [{ flagKey: 'checkout' }] } },
        { snapshotEnd: { count: 1 } },
      ]);
    });

    it('evaluates in a stream both ways', async () => {
      const questions = ['1', '2', '3'].map((id) => ({ id, flagKey: 'checkout' }));
      const { code, stdout } = await call(options, 'EvaluateStream', questions);
      expect(code).toBe(0);
      expect(messagesIn(stdout)).toMatchObject([
        { id: '1', decision: { flagKey: 'checkout' } },
        { id: '2', decision: { flagKey: 'checkout' } },
        { id: '3', decision: { flagKey: 'checkout' } },
      ]);
    });
  },
);

describe('buf curl', () => {
  it.each(['grpc-v1', 'grpc-v1alpha'])('lists the services by reflection of %s', async (version) => {
    const { stdout } = await runCommand(BUF, [
      ...['curl', '--http2-prior-knowledge', '--list-services', '--reflect-protocol', version],
      server.url,
    ]);
    expect(stdout.toString().trim().split('\n').sort()).toEqual([...services.keys()].sort());
  });

  it.each(['grpcweb', 'connect'])('makes unary calls over HTTP/1.1 with %s', async (protocol) => {
    const { stdout } = await runCommand(BUF, [
      ...['curl', '--schema', PROTO, '--protocol', protocol],
      ...['-H', `authorization: Bearer ${token}`, '-d', '{"flagKey":"checkout"}'],
      server.url + methodNamed('EvaluationService/Evaluate').path,
    ]);
    expect(messagesIn(stdout)).toMatchObject([{ flagKey: 'checkout', variation: 'off' }]);
  });
});

function argumentsOf(options: readonly string[], method: string, key: string): string[] {
  return [
    ...['curl', '--http2-prior-knowledge', ...options, '-H', `authorization: Bearer ${key}`],
    server.url + methodNamed(`EvaluationService/${method}`).path,
  ];
}

function call(
  options: readonly string[],
  method: string,
  requests: readonly Message[],
  key = token,
): Promise<CommandResult> {
  const input = requests.map((request) => JSON.stringify(request)).join('\n');
  return runCommand(BUF, [...argumentsOf(options, method, key), '-d', '@-'], input);
}

/** buf writes each message in lines of its own, the last of which is the only one that begins with a brace. */
function messagesIn(written: Buffer): Message[] {
  return written
    .toString()
    .split(/^\}$/m)
    .slice(0, -1)
    .map((part): unknown => JSON.parse(`${part}}`))
    .filter(isMessage);
}

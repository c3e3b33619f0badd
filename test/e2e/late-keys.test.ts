import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, text } from '../support/calls.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** Two processes on one directory: neither hears of the other, each looks at the log every two seconds. */
const servers: ServerProcess[] = [];
const clients: GrpcCaller[] = [];
let calls: Calls;
let project: string;

beforeAll(async () => {
  const first = await startServer();
  servers.push(first, await startServer({ dataDir: first.dataDir }));
  for (const { address } of servers) clients.push(grpcCaller(address));
  calls = callsOf(client(0).call, first.adminToken);
});

afterAll(async () => {
  for (const each of clients) each[Symbol.dispose]();
  for (const server of servers.reverse()) await server[Symbol.asyncDispose]();
});

function client(index: number): GrpcCaller {
  const found = clients[index];
  if (found === undefined) throw new Error(`no process ${index}`);
  return found;
}

async function newKey(): Promise<string> {
  const key = { kind: 'KEY_KIND_SERVER', environment: `${project}/environments/production` };
  return text(await calls.ok('KeyService/CreateKey', { parent: project, key }), 'secret');
}

describe('a key that another process has just made', () => {
  beforeAll(async () => {
    project = await newProject(calls, 'late');
    await newFlag(calls, project, 'checkout');
  });

  it('is good for calls, also of a project that is as new', async () => {
    const token = await newKey();
    const answer = await client(1).call('EvaluationService/Evaluate', { flagKey: 'checkout' }, token);
    expect(answer.response).toMatchObject({ flagKey: 'checkout', variation: 'off' });
  });

  it('is good for watches', async () => {
    using watch = client(1).stream(
      'EvaluationService/WatchFlags',
      { definitions: {} },
      { token: await newKey() },
    );
    expect(await watch.next()).toMatchObject({ hello: { intent: 'INTENT_FULL' } });
    expect(await watch.next()).toMatchObject({ snapshotPart: {} });
  });

  it('is good for streams of questions, of which none is lost', async () => {
    using stream = client(1).duplex('EvaluationService/EvaluateStream', { token: await newKey() });
    for (const id of ['1', '2', '3']) stream.write({ id, flagKey: 'checkout' });
    stream.end();
    for (const id of ['1', '2', '3'])
      expect(await stream.next()).toMatchObject({ id, decision: { variation: 'off' } });
    expect(await stream.ended).toBeUndefined();
  });

  it('is good for managing', async () => {
    const key = { kind: 'KEY_KIND_ADMIN', scopes: ['SCOPE_READ'] };
    const token = text(await calls.ok('KeyService/CreateKey', { parent: project, key }), 'secret');
    const answer = await client(1).call('ProjectService/GetProject', { name: project }, token);
    expect(answer.response).toMatchObject({ project: { name: project } });
  });
});

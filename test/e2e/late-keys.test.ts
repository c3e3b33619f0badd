import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, text } from '../support/calls.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { type Replicas, startReplicas } from '../support/replica-processes.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** Two replicas without NATS: neither hears of the other, each looks at the log now and then. */
const uri = await mongoServerOrSkip();
let replicas: Replicas;
const clients: GrpcCaller[] = [];
let calls: Calls;
let project: string;

beforeAll(async () => {
  if (uri === undefined) return;
  replicas = await startReplicas(uri, 2);
  for (const { address } of replicas.servers) clients.push(grpcCaller(address));
  calls = callsOf(client(0).call, replicas.adminToken);
});

afterAll(async () => {
  for (const each of clients) each[Symbol.dispose]();
  await replicas?.[Symbol.asyncDispose]();
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

describe.skipIf(uri === undefined)('a key that another process has just made', () => {
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

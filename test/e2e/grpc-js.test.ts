import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, type MethodDefinition } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, checkRefusal, type Refusal } from '../support/calls.ts';
import { exercised } from '../support/exercised.ts';
import { type GrpcCaller, grpcCaller, metadataOf, refusalOf } from '../support/grpc-caller.ts';
import { metricOf } from '../support/metrics.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import {
  isMessage,
  type Message,
  methodNamed,
  methods,
  services,
  toLoader,
} from '../support/stock-protos.ts';
import { newFlag, newKey, newProject, TOURS } from './tour/tour.ts';

/** The API through stock gRPC clients: @grpc/grpc-js, with stubs that @grpc/proto-loader makes of the .proto files. */

const REFLECTION = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
/** These have no way to say no: they are open to all, and answer a wrong question with a message. */
const NEVER_REFUSED = [
  'grpc.health.v1.Health/List',
  ...REFLECTION.map((service) => `${service}/ServerReflectionInfo`),
];

const seen = exercised();
let server: ServerProcess;
let grpc: GrpcCaller;
let calls: Calls;
let environment: string;
let serverToken: string;
let webToken: string;

beforeAll(async () => {
  server = await startServer();
  grpc = grpcCaller(server.address);
  calls = callsOf(seen.watch(grpc.call), server.adminToken);
  const parent = await newProject(calls, 'streams');
  environment = `${parent}/environments/production`;
  await newFlag(calls, parent, 'checkout', { clientVisible: true });
  serverToken = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
  webToken = await newKey(calls, parent, { kind: 'KEY_KIND_WEB', environment, allowedOrigins: ['*'] });
});

afterAll(async () => {
  grpc?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

describe('a gRPC client without anything generated', () => {
  it.each(TOURS)('%s', async (_claim, run) => {
    await run({ calls, prefix: 'grpc' });
  });

  it('watches flags, and is refused with a key that may not', async () => {
    using watch = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, { token: serverToken });
    expect(await watch.next()).toMatchObject({ hello: { intent: 'INTENT_FULL', environment } });
    expect(await watch.next()).toMatchObject({
      snapshotPart: { flags: [{ flag: { key: 'checkout' }, settings: { enabled: true } }] },
    });
    expect(await watch.next()).toMatchObject({ snapshotEnd: { count: 1 } });
    seen.note('EvaluationService/WatchFlags', 'answered');

    using web = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, { token: webToken });
    expect(await web.next()).toBeUndefined();
    checkRefusal(await refusalIn(web.ended), { code: 'PERMISSION_DENIED', reason: 'KEY_KIND' });
    using damaged = grpc.stream(
      'EvaluationService/WatchFlags',
      { definitions: {}, resumeToken: 'AAAA' },
      { token: serverToken },
    );
    checkRefusal(await refusalIn(damaged.ended), {
      ...{ code: 'INVALID_ARGUMENT', reason: 'RESUME_TOKEN_INVALID', fields: ['resume_token'] },
    });
    seen.note('EvaluationService/WatchFlags', 'refused');
  });

  it('evaluates a thousand flags in one stream, answered in order', async () => {
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: serverToken });
    const ids = Array.from({ length: 1_000 }, (_, index) => String(index + 1));
    for (const id of ids)
      stream.write({ id, flagKey: Number(id) % 10 === 0 ? 'nope' : 'checkout', context: {} });
    stream.end();
    const answers: Message[] = [];
    for (let answer = await stream.next(); answer !== undefined; answer = await stream.next())
      answers.push(answer);
    expect(answers.map(({ id }) => id)).toEqual(ids);
    expect(answers[0]).toMatchObject({
      decision: { flagKey: 'checkout', boolValue: false, variation: 'off' },
    });
    expect(answers[9]).toMatchObject({ decision: { errorCode: 'ERROR_CODE_FLAG_NOT_FOUND' } });
    expect(await stream.ended).toBeUndefined();
    seen.note('EvaluationService/EvaluateStream', 'answered');
  });

  it('gets each answer of a stream before it has asked the next question', async () => {
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: serverToken });
    for (const id of ['7', '8', '9']) {
      stream.write({ id, flagKey: 'checkout' });
      expect(await stream.next()).toMatchObject({ id });
    }
  });

  it('is refused a stream without a key', async () => {
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: '' });
    checkRefusal(await refusalIn(stream.ended), { code: 'UNAUTHENTICATED', reason: 'KEY_INVALID' });
    seen.note('EvaluationService/EvaluateStream', 'refused');
  });

  it('exports what was evaluated, and is refused with a key that may not', async () => {
    const answered = await calls.as(serverToken).ok('EvaluationService/Evaluate', {
      ...{ flagKey: 'checkout', context: { targetingKey: 'export' } },
    });
    expect(answered).toMatchObject({ variation: 'off' });
    const request = { parent: environment, flag: 'checkout', subject: 'export' };
    const rows = async () => {
      using stream = grpc.stream('AnalyticsService/ExportEvaluations', request, { token: server.adminToken });
      return (await stream.next())?.rows;
    };
    await expect
      .poll(rows, { timeout: 20_000, interval: 200 })
      .toMatchObject([{ flag: 'checkout', subject: 'export', variation: 'off', source: 'call', count: '1' }]);
    seen.note('AnalyticsService/ExportEvaluations', 'answered');

    using refused = grpc.stream('AnalyticsService/ExportEvaluations', request, { token: serverToken });
    checkRefusal(await refusalIn(refused.ended), { code: 'PERMISSION_DENIED', reason: 'SCOPE_MISSING' });
    seen.note('AnalyticsService/ExportEvaluations', 'refused');
  });

  it('is told to give up at the deadline', async () => {
    const options = { token: serverToken, deadlineMs: 300 };
    using watch = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, options);
    expect(await watch.next()).toHaveProperty('hello');
    expect(await watch.ended).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('leaves nothing behind when it cancels', async () => {
    const watchers = () => metricOf(server.managementUrl, 'vexil_watchers');
    await expect.poll(watchers).toBe(0);
    const watch = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, { token: serverToken });
    await watch.next();
    expect(await watchers()).toBe(1);
    watch.cancel();
    expect(await watch.ended).toMatchObject({ code: 'CANCELLED' });
    await expect.poll(watchers).toBe(0);
  });

  it('reads messages of errors as they were meant', async () => {
    const { message } = await calls.refused(
      'FlagService/DeleteRule',
      { name: `${environment}/flags/checkout`, ruleId: '50% of "é": why?' },
      { code: 'NOT_FOUND', reason: 'RULE_NOT_FOUND' },
    );
    expect(message).toBe('flag checkout has no rule 50% of "é": why? here');
  });

  it('sends and receives compressed messages', async () => {
    using gzip = grpcCaller(server.address, { 'grpc.default_compression_algorithm': 2 });
    const context = { attributes: { text: 'x'.repeat(100_000) } };
    const answer = await callsOf(gzip.call, serverToken).ok('EvaluationService/EvaluateAll', { context });
    expect(answer).toMatchObject({ decisions: [{ flagKey: 'checkout' }] });
  });

  it('is refused messages beyond the limit', async () => {
    const context = { attributes: { text: 'x'.repeat(2 ** 20) } };
    await calls
      .as(serverToken)
      .refused('EvaluationService/EvaluateAll', { context }, { code: 'RESOURCE_EXHAUSTED' });
  });
});

describe('metadata', () => {
  const evaluate = (metadata: Metadata) =>
    rawUnary('EvaluationService/Evaluate', { flagKey: 'checkout' }, metadata);

  it.each([
    ['authorization', (token: string) => `Bearer ${token}`],
    ['authorization', (token: string) => `bearer ${token}`],
    ['x-api-key', (token: string) => token],
  ])('carries a key in %s', async (name, write) => {
    const metadata = new Metadata();
    metadata.set(name, write(serverToken));
    metadata.set('x-trace-bin', Buffer.from([0, 255, 1]));
    expect(await evaluate(metadata)).toBeUndefined();
  });

  it('carries no key in two places or in the words of another scheme', async () => {
    const both = metadataOf(serverToken);
    both.set('x-api-key', serverToken);
    const basic = new Metadata();
    basic.set('authorization', `Basic ${serverToken}`);
    for (const metadata of [both, basic])
      expect(await evaluate(metadata)).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  function rawUnary(name: string, request: Message, metadata: Metadata): Promise<Refusal | undefined> {
    const method = methodNamed(name);
    return new Promise((resolve) => {
      grpc.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        toLoader(method.requestType, request),
        metadata,
        (error: ServiceError | null) => resolve(error === null ? undefined : refusalOf(error)),
      );
    });
  }
});

describe('health', () => {
  const open = callsOf((...call) => seen.watch(grpc.call)(...call), '');

  it('is checked for the whole server and for each service, without a key', async () => {
    for (const service of ['', 'vexil.v1.EvaluationService', 'vexil.v1.FlagService'])
      expect(await open.ok('grpc.health.v1.Health/Check', { service })).toEqual({ status: 'SERVING' });
    const { response, refusal } = await seen.watch(grpc.call)(
      'grpc.health.v1.Health/Check',
      { service: 'x' },
      '',
    );
    expect([response, refusal?.code]).toEqual([undefined, 'NOT_FOUND']);
  });

  it('is listed', async () => {
    const { statuses } = await open.ok('grpc.health.v1.Health/List');
    const own = [...services.keys()].filter((name) => !REFLECTION.includes(name));
    expect(statuses).toEqual(Object.fromEntries(['', ...own].map((name) => [name, { status: 'SERVING' }])));
  });

  it('is watched, also of a service that is not there', async () => {
    using known = grpc.stream('grpc.health.v1.Health/Watch', {}, { token: '' });
    expect(await known.next()).toEqual({ status: 'SERVING' });
    using unknown = grpc.stream('grpc.health.v1.Health/Watch', { service: 'x' }, { token: '' });
    expect(await unknown.next()).toEqual({ status: 'SERVICE_UNKNOWN' });
    seen.note('grpc.health.v1.Health/Watch', 'answered');
  });
});

describe.each(REFLECTION)('%s', (reflection) => {
  it('lists the services that the .proto files have', async () => {
    using stream = grpc.duplex(`${reflection}/ServerReflectionInfo`, { token: '' });
    stream.write({ listServices: '' });
    const answer = await stream.next();
    const { service } = { service: [], ...asMessage(answer?.listServicesResponse) };
    expect(service).toEqual([...services.keys()].sort().map((name) => ({ name })));
    seen.note(`${reflection}/ServerReflectionInfo`, 'answered');
  });

  it('gives descriptors that a client can be made of', async () => {
    using stream = grpc.duplex(`${reflection}/ServerReflectionInfo`, { token: '' });
    stream.write({ fileContainingSymbol: 'vexil.v1.EvaluationService' });
    const answer = asMessage((await stream.next())?.fileDescriptorResponse);
    const files = Array.isArray(answer.fileDescriptorProto) ? answer.fileDescriptorProto.map(String) : [];
    const method = asMessage(definitionsIn(files)['vexil.v1.EvaluationService']).Evaluate;
    expect(await evaluateBy(method, { flag_key: 'checkout' })).toMatchObject({ variation: 'off' });
  });

  it('says in a message what it does not know, and goes on', async () => {
    using stream = grpc.duplex(`${reflection}/ServerReflectionInfo`, { token: '' });
    stream.write({ fileContainingSymbol: 'vexil.v1.Nothing' });
    expect(await stream.next()).toMatchObject({ errorResponse: { errorCode: 5 } });
    stream.write({ fileByFilename: 'vexil/v1/evaluation.proto' });
    expect(await stream.next()).toHaveProperty('fileDescriptorResponse');
  });
});

describe('the end', () => {
  it('is announced to those who watch the health', async () => {
    using watch = grpc.stream('grpc.health.v1.Health/Watch', {}, { token: '' });
    expect(await watch.next()).toEqual({ status: 'SERVING' });
    await server.stop();
    expect(await watch.next()).toEqual({ status: 'NOT_SERVING' });
    expect(await watch.ended).toMatchObject({ code: 'UNAVAILABLE' });
    seen.note('grpc.health.v1.Health/Watch', 'refused');
  });

  it('comes after every method was tried, and refused at least once', () => {
    const all = [...methods.keys()].sort();
    expect(all.filter((method) => !seen.answered.has(method))).toEqual([]);
    expect(all.filter((method) => !seen.refused.has(method) && !NEVER_REFUSED.includes(method))).toEqual([]);
  });
});

/** A set of descriptors is a message whose first field is repeated: one file each. */
function definitionsIn(files: readonly string[]) {
  const fields = files.map((file) => {
    const bytes = Buffer.from(file, 'base64');
    return Buffer.concat([Buffer.from([0x0a, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
  });
  return loadFileDescriptorSetFromBuffer(Buffer.concat(fields));
}

function evaluateBy(method: unknown, request: Message): Promise<unknown> {
  if (!isMethod(method)) throw new Error('not a method');
  return new Promise((resolve, reject) => {
    grpc.client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(serverToken),
      (error, response) => (error === null ? resolve(response) : reject(error)),
    );
  });
}

function isMethod(value: unknown): value is MethodDefinition<object, object> {
  return isMessage(value) && typeof value.path === 'string' && typeof value.requestSerialize === 'function';
}

async function refusalIn(ended: Promise<Refusal | undefined>): Promise<Refusal> {
  const refusal = await ended;
  if (refusal === undefined) throw new Error('the stream ended well');
  return refusal;
}

function asMessage(value: unknown): Message {
  return isMessage(value) ? value : {};
}

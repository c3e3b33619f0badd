import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EvaluateRequestSchema, EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { hotMethods } from '../../../src/rpc/hot/methods.ts';
import { DEFAULT_JSON_DEPTH } from '../../../src/rpc/json-guard.ts';
import { createRandom } from '../../attacks/random.ts';
import { openInstance } from '../../support/instance.ts';
import { evaluationParts } from './both-paths.ts';
import { compareAnswers } from './compare-answers.ts';

const SERVER: Principal = {
  ...{ keyId: 'server', kind: 'server', project: 'shop', environment: 'production' },
  ...{ scopes: [], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};

async function openShop(directory?: string) {
  const instance = await openInstance(directory === undefined ? {} : { directory });
  const methods = hotMethods(evaluationParts(instance), DEFAULT_JSON_DEPTH);
  const evaluate = methods.find(({ method }) => method === EvaluationService.method.evaluate);
  if (evaluate === undefined) throw new Error('Evaluate is not among them');
  return { instance, methods, evaluate };
}

function evaluateRequest(minRevision = 0): Uint8Array {
  const message = create(EvaluateRequestSchema, { flagKey: 'checkout', minRevision: BigInt(minRevision) });
  return toBinary(EvaluateRequestSchema, message);
}

const shopProject = createProject({ key: 'shop', name: '', description: '', environments: ['production'] });

test('every answer and every refusal is what the service would send, to the byte', async () => {
  const endings = new Set<string>();
  for (const seed of [1, 2, 3])
    for (const ending of (await compareAnswers(createRandom(seed), 1_000)).keys()) endings.add(ending);
  for (const kind of ['evaluate', 'evaluateAll', 'handshake', 'evaluateStream'])
    for (const code of ['ok', 'invalid_argument', 'permission_denied', 'not_found'])
      expect(endings).toContain(`${kind} ${code}`);
  expect(endings).toContain('evaluate failed_precondition');
});

test('the methods are those of EvaluationService that are unary', async () => {
  const { instance, methods } = await openShop();
  await using _instance = instance;
  expect(methods.map(({ path }) => path)).toEqual([
    '/vexil.v1.EvaluationService/Evaluate',
    '/vexil.v1.EvaluationService/EvaluateAll',
    '/vexil.v1.EvaluationService/Handshake',
  ]);
});

test('an answer waits for nothing unless it is asked to', async () => {
  const { instance, evaluate } = await openShop();
  await using _instance = instance;
  const { revision } = await instance.commit('shop', shopProject);
  const other = await openShop(instance.directory);
  await using _other = other.instance;
  expect(evaluate.read(evaluateRequest(), 'proto').answer(SERVER)).toBeInstanceOf(Uint8Array);
  expect(evaluate.read(evaluateRequest(revision), 'proto').answer(SERVER)).toBeInstanceOf(Uint8Array);
  const late = evaluate.read(evaluateRequest(revision + 1), 'proto').answer(SERVER);
  expect(late).toBeInstanceOf(Promise);
  await expect(late).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a revision that another replica has made is waited for', async () => {
  const { instance } = await openShop();
  await using _instance = instance;
  const other = await openShop(instance.directory);
  await using _other = other.instance;
  const { revision } = await instance.commit('shop', shopProject);
  const answer = other.evaluate.read(evaluateRequest(revision), 'proto').answer(SERVER);
  expect(answer).toBeInstanceOf(Promise);
  await expect(answer).resolves.toBeInstanceOf(Uint8Array);
});

test('a request that is read stays what it was when its bytes are used again', async () => {
  const { instance, evaluate } = await openShop();
  await using _instance = instance;
  await instance.commit('shop', shopProject);
  const bytes = evaluateRequest();
  const call = evaluate.read(bytes, 'proto');
  const expected = evaluate.read(evaluateRequest(), 'proto').answer(SERVER);
  bytes.fill(0xff);
  expect(call.answer(SERVER)).toEqual(expected);
  expect(() => evaluate.read(bytes, 'proto')).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      details: expect.objectContaining({ reason: 'MESSAGE_MALFORMED' }),
    }),
  );
});

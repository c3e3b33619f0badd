import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, list } from '../support/calls.ts';
import { fetchCaller } from '../support/fetch-caller.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { isMessage, type Message } from '../support/stock-protos.ts';
import { makeScenario, operatorOf } from '../support/vector-requests.ts';
import { loadVectors, type Scenario } from '../vectors/load.ts';
import { newFlag, newProject } from './tour/tour.ts';

/** The vectors of the evaluator, told to the service and asked of it over the wire. */

interface ClauseVector {
  readonly operator: string;
  readonly values: readonly unknown[];
  readonly holds: readonly unknown[];
  readonly fails: readonly unknown[];
}
interface RefusedClause {
  readonly attribute?: string;
  readonly operator: string;
  readonly values: readonly unknown[];
  readonly path: string;
}
interface BucketVector {
  readonly hash: string;
  readonly salt: string;
  readonly value: string;
  readonly bucket: number;
}
interface AttributeVector {
  readonly attribute: string;
  readonly targetingKey?: string;
  readonly attributes: Message;
  readonly value?: unknown;
}

const SCENARIOS = [
  ...loadVectors<Scenario[]>('evaluation.json'),
  ...loadVectors<Scenario[]>('ramps.json'),
].map((scenario, index) => [scenario.name, index, scenario] as const);
/** The vectors are about 2026. Evaluations at a time are about what there is now, so all of it is moved ahead. */
const YEARS_AHEAD = 20;
const YEAR_MS = 365.25 * 86_400_000;

let server: ServerProcess;
let grpc: GrpcCaller;
let calls: Calls;
let refusedScenarios = 0;

beforeAll(async () => {
  server = await startServer();
  grpc = grpcCaller(server.address);
  calls = callsOf(grpc.call, server.adminToken);
});
afterAll(async () => {
  grpc?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

describe('a scenario', () => {
  it.each(SCENARIOS)('is refused, or: %s', async (_name, index, scenario) => {
    // A field of that name cannot be said with protobufjs, which is below @grpc/proto-loader.
    const isForGrpc = !JSON.stringify(scenario).includes('"__proto__"');
    const client = isForGrpc ? calls : callsOf(fetchCaller(server.url), server.adminToken);
    const parent = await newProject(calls, `scenario-${index}`);
    try {
      await makeScenario(client, parent, ahead(scenario));
    } catch (error) {
      expect(String(error)).toMatch(
        /refused: (INVALID_ARGUMENT|FAILED_PRECONDITION|NOT_FOUND)|no field moon_phase/,
      );
      refusedScenarios++;
      return;
    }
    for (const { flag, context, now = '2026-01-01T00:00:00.000Z', expect: expected } of scenario.cases) {
      const { evaluation } = await client.ok('HistoryService/EvaluateAt', {
        ...{ parent: `${parent}/environments/production`, time: ahead(now) },
        flagKey: flag ?? scenario.flags[0]?.key,
        context: ahead(context ?? {}),
      });
      const { flagVersion: _version, type: _type, recordExposures: _recorded, ...outcome } = expected;
      expect(outcomeIn(evaluation), JSON.stringify({ flag, context, now })).toMatchObject(outcome);
    }
  });

  it('is seldom refused', () => {
    expect(refusedScenarios).toBeLessThan(SCENARIOS.length / 3);
  });
});

describe('clauses', () => {
  it('hold and fail as they should', async () => {
    const parent = await newProject(calls, 'clauses');
    const vectors = loadVectors<ClauseVector[]>('clauses.json').filter(isWellFormed);
    const questions: { flagKey: string; value: unknown; expected: string }[] = [];
    for (const [index, { operator, values, holds, fails }] of vectors.entries()) {
      const flagKey = `clause-${index}`;
      await ruledFlag(parent, flagKey, { attribute: 'a', operator: operatorOf(operator), values });
      questions.push(...holds.map((value) => ({ flagKey, value, expected: 'on' })));
      questions.push(...fails.map((value) => ({ flagKey, value, expected: 'off' })));
    }
    const answers = await evaluateAll(
      parent,
      questions.map(({ flagKey, value }) => ({ flagKey, context: { attributes: { a: value } } })),
    );
    const told = (variation: unknown, index: number) =>
      `${JSON.stringify(vectors[Number(questions[index]?.flagKey.slice(7))])}: ${JSON.stringify(questions[index]?.value)} ${variation}`;
    expect(answers.map(({ variation }, index) => told(variation, index))).toEqual(
      questions.map(({ expected }, index) => told(expected, index)),
    );
  });

  it('are refused where the mistake is', async () => {
    const parent = await newProject(calls, 'refused-clauses');
    await newFlag(calls, parent, 'checkout');
    const vectors = loadVectors<RefusedClause[]>('refused-clauses.json');
    // What is no operator at all cannot even be said in the protocol.
    for (const { attribute = 'a', operator, values, path } of vectors.filter(isSayable)) {
      const clause = { attribute, operator: operatorOf(operator), values };
      const rule = { id: 'rule', condition: { clause }, serve: { variation: 'on' } };
      const name = `${parent}/environments/production/flags/checkout`;
      const refusal = await calls.refused(
        'FlagService/CreateRule',
        { name, rule },
        { code: 'INVALID_ARGUMENT' },
      );
      const fields = list(refusal.details.get('BadRequest') ?? {}, 'fieldViolations').map(
        ({ field }) => field,
      );
      expect([JSON.stringify(clause), fields]).toEqual([
        JSON.stringify(clause),
        expect.arrayContaining([expect.stringMatching(new RegExp(`${path.replace(/[[\]]/g, '\\$&')}$`))]),
      ]);
    }
  });
});

it('attributes are found where they are', async () => {
  const parent = await newProject(calls, 'attributes');
  const vectors = loadVectors<AttributeVector[]>('attributes.json').filter(
    (vector) => !JSON.stringify(vector).includes('"__proto__":'),
  );
  for (const [index, { attribute, value }] of vectors.entries()) {
    const isThere = { operator: 'OPERATOR_EQ', values: [value] };
    const isMissing = { operator: 'OPERATOR_NOT_EXISTS', values: [] };
    await ruledFlag(parent, `attribute-${index}`, {
      attribute,
      ...(value === undefined ? isMissing : isThere),
    });
  }
  const answers = await evaluateAll(
    parent,
    vectors.map(({ targetingKey = '', attributes }, index) => ({
      ...{ flagKey: `attribute-${index}`, context: { targetingKey, attributes } },
    })),
  );
  expect(answers.map(({ variation }, index) => [vectors[index], variation])).toEqual(
    vectors.map((vector) => [vector, 'on']),
  );
});

it('buckets are what they are everywhere', async () => {
  const parent = await newProject(calls, 'buckets');
  const environment = `${parent}/environments/production`;
  const vectors = loadVectors<BucketVector[]>('buckets.json').filter(
    ({ salt, value }) => salt !== '' && value !== '' && salt.isWellFormed() && value.isWellFormed(),
  );
  const flags = new Map<string, string>();
  for (const { hash, salt, value, bucket } of vectors) {
    const kind = `${hash} ${salt}`;
    const flagKey = flags.get(kind) ?? `bucket-${flags.size}`;
    if (!flags.has(kind)) {
      await newFlag(calls, parent, flagKey);
      const rules = [{ id: 'rule', rollout: { weight: 1, salt }, serve: { variation: 'on' } }];
      await calls.ok('FlagService/UpdateFlagSettings', {
        settings: {
          ...{ name: `${environment}/flags/${flagKey}`, rules },
          hash: `HASH_ALGORITHM_${hash.toUpperCase()}`,
        },
      });
      flags.set(kind, flagKey);
    }
    const answer = await calls.ok('EvaluationService/Evaluate', {
      ...{ flagKey, environment, explain: true, context: { targetingKey: value } },
    });
    expect([kind, value, stepOf(answer.trace, 'rollout')?.bucket ?? 0]).toEqual([kind, value, bucket]);
  }
});

it('equal parts are those of flagd', async () => {
  const parent = await newProject(calls, 'fractional');
  const environment = `${parent}/environments/production`;
  const vectors =
    loadVectors<{ salt: string; key: string; parts: string[]; part: string }[]>('fractional.json');
  for (const [index, { salt, key, parts, part }] of vectors.entries()) {
    const variations = parts.map((name) => ({ key: name, value: name }));
    const type = 'FLAG_TYPE_STRING';
    await newFlag(calls, parent, `part-${index}`, { type, variations, defaultVariation: parts[0] });
    const weight = 100_000 / parts.length;
    const split = { variations: parts.map((variation) => ({ variation, weight })) };
    await calls.ok('FlagService/UpdateFlagSettings', {
      settings: {
        name: `${environment}/flags/part-${index}`,
        salt,
        rules: [{ id: 'rule', serve: { split } }],
      },
    });
    expect(
      await calls.ok('EvaluationService/Evaluate', {
        ...{ flagKey: `part-${index}`, environment, context: { targetingKey: key } },
      }),
    ).toMatchObject({ stringValue: part, reason: 'REASON_SPLIT' });
  }
});

async function ruledFlag(parent: string, flagKey: string, clause: Message): Promise<void> {
  await newFlag(calls, parent, flagKey);
  const rule = { id: 'rule', condition: { clause }, serve: { variation: 'on' } };
  await calls.ok('FlagService/CreateRule', {
    name: `${parent}/environments/production/flags/${flagKey}`,
    rule,
  });
}

/** The decisions on all questions, in one stream. */
async function evaluateAll(parent: string, questions: readonly Message[]): Promise<Message[]> {
  using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: server.adminToken });
  const environment = `${parent}/environments/production`;
  for (const question of questions) stream.write({ ...question, environment });
  stream.end();
  const decisions: Message[] = [];
  for (let answer = await stream.next(); answer !== undefined; answer = await stream.next())
    decisions.push(isMessage(answer.decision) ? answer.decision : {});
  expect(await stream.ended).toBeUndefined();
  return decisions;
}

/** An answer in the words of the vectors. */
function outcomeIn(answer: unknown): Message {
  const evaluation = isMessage(answer) ? answer : {};
  const { boolValue, stringValue, numberValue, jsonValue } = evaluation;
  return {
    reason: String(evaluation.reason).replace('REASON_', ''),
    errorCode:
      evaluation.errorCode === undefined ? null : String(evaluation.errorCode).replace('ERROR_CODE_', ''),
    variation: evaluation.variation ?? '',
    value: boolValue ?? stringValue ?? numberValue ?? jsonValue ?? null,
    ruleId: evaluation.ruleId ?? '',
    detail: evaluation.detail ?? '',
    isStatic: evaluation.static ?? false,
  };
}

/** The same with every date so many years later: a multiple of four, so that the calendar is the same. */
function ahead<T>(content: T): T {
  const text = JSON.stringify(content)
    .replace(/"(20\d\d)(-\d\d-\d\d)/g, (_, year, date) => `"${Number(year) + YEARS_AHEAD}${date}`)
    .replace(/\b1[67]\d{11}\b/g, (epochMs) => String(Number(epochMs) + YEARS_AHEAD * YEAR_MS));
  return JSON.parse(text);
}

function stepOf(trace: unknown, kind: string): Message | undefined {
  for (const step of isMessage(trace) ? list(trace, 'steps') : []) {
    const found = step.kind === kind ? step : stepOf(step, kind);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isSayable({ operator }: RefusedClause): boolean {
  return !['sounds_like', 'constructor', 'EQ'].includes(operator);
}

function isWellFormed(vector: unknown): boolean {
  return !/\\ud[89a-f]/i.test(JSON.stringify(vector));
}

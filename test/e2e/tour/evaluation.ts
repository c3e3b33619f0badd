import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { newFlag, newKey, newProject, type Tour } from './tour.ts';

const CONTEXT = { targetingKey: 'anna', attributes: { plan: 'pro', device: { os: 'ios' }, seats: [1, 2] } };

export async function evaluationTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-evaluation`);
  const environment = `${parent}/environments/production`;
  await newFlag(calls, parent, 'checkout', { clientVisible: true });
  await newFlag(calls, parent, 'search', {
    ...{ type: 'FLAG_TYPE_JSON', defaultVariation: 'plain' },
    variations: [{ key: 'plain', value: { pages: [1, 2.5, null, 'x'], nested: { yes: true } } }],
  });
  const clause = { attribute: 'device.os', operator: 'OPERATOR_EQ', values: ['ios'] };
  const rule = { id: 'ios', condition: { clause }, serve: { variation: 'on' } };
  const ruled = await calls.ok('FlagService/CreateRule', { name: `${environment}/flags/checkout`, rule });
  const minRevision = text(ruled, 'receipt', 'revision');
  const server = calls.as(await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment }));
  const web = calls.as(
    await newKey(calls, parent, { kind: 'KEY_KIND_WEB', environment, allowedOrigins: ['*'] }),
  );
  const places = { server, web, all: calls };
  await one(places, environment, minRevision);
  await many(places, environment, minRevision);
  await handshakes(places, environment);
}

interface Places {
  readonly server: Tour['calls'];
  readonly web: Tour['calls'];
  readonly all: Tour['calls'];
}

async function one({ server, web, all }: Places, environment: string, minRevision: string): Promise<void> {
  const asked = { flagKey: 'checkout', context: CONTEXT };
  const answer = {
    ...{ flagKey: 'checkout', boolValue: true, variation: 'on' },
    ...{ reason: 'REASON_TARGETING_MATCH', flagVersion: minRevision },
  };
  const full = { ...answer, ruleId: 'ios' };
  expect(await server.ok('EvaluationService/Evaluate', { ...asked, minRevision })).toMatchObject(full);
  expect(await all.ok('EvaluationService/Evaluate', { ...asked, environment })).toMatchObject(full);
  const seen = await web.ok('EvaluationService/Evaluate', asked);
  expect(seen).toMatchObject(answer);
  expect(seen.ruleId ?? '').toBe('');
  const explained = await server.ok('EvaluationService/Evaluate', { ...asked, explain: true });
  expect(JSON.stringify(explained.trace)).toContain('device.os');
  expect(await server.ok('EvaluationService/Evaluate', { flagKey: 'search' })).toMatchObject({
    jsonValue: { pages: [1, 2.5, null, 'x'], nested: { yes: true } },
    static: true,
  });
  expect(await server.ok('EvaluationService/Evaluate', { flagKey: 'nope' })).toMatchObject({
    reason: 'REASON_ERROR',
    errorCode: 'ERROR_CODE_FLAG_NOT_FOUND',
  });
  expect(await web.ok('EvaluationService/Evaluate', { flagKey: 'search' })).toMatchObject({
    errorCode: 'ERROR_CODE_FLAG_NOT_FOUND',
  });

  await server.refused(
    'EvaluationService/Evaluate',
    { ...asked, expectedType: 'FLAG_TYPE_STRING' },
    { code: 'FAILED_PRECONDITION', reason: 'TYPE_MISMATCH', metadata: { type: 'boolean' } },
  );
  await server.refused(
    'EvaluationService/Evaluate',
    { ...asked, environment: environment.replace('production', 'staging') },
    { code: 'PERMISSION_DENIED' },
  );
  await server.refused(
    'EvaluationService/Evaluate',
    { flagKey: 'No Key' },
    { code: 'INVALID_ARGUMENT', fields: ['flag_key'] },
  );
  await web.refused(
    'EvaluationService/Evaluate',
    { ...asked, explain: true },
    { code: 'PERMISSION_DENIED', reason: 'KEY_KIND' },
  );
  await all.refused('EvaluationService/Evaluate', asked, { code: 'INVALID_ARGUMENT' });
}

async function many({ server, web, all }: Places, environment: string, minRevision: string): Promise<void> {
  const asked = { context: CONTEXT, minRevision };
  const everything = await server.ok('EvaluationService/EvaluateAll', asked);
  expect(everything).toMatchObject({
    decisions: [{ flagKey: 'checkout', boolValue: true }, { flagKey: 'search' }],
  });
  expect(Number(everything.revision)).toBeGreaterThanOrEqual(Number(minRevision));
  const seen = await web.ok('EvaluationService/EvaluateAll', asked);
  expect(list(seen, 'decisions').map(({ flagKey }) => flagKey)).toEqual(['checkout']);
  expect(
    await all.ok('EvaluationService/EvaluateAll', { ...asked, environment, flagKeys: ['search'] }),
  ).toMatchObject({ decisions: [{ flagKey: 'search' }] });
  await server.refused(
    'EvaluationService/EvaluateAll',
    { flagKeys: ['search', 'Not A Key'] },
    { code: 'INVALID_ARGUMENT', fields: ['flag_keys[1]'] },
  );
}

async function handshakes({ server }: Places, environment: string): Promise<void> {
  const hello = { protocolVersion: 1, client: { name: 'tour', version: '1' }, context: CONTEXT };
  const first = await server.ok('EvaluationService/Handshake', hello);
  expect(first).toMatchObject({
    ...{ protocolVersion: 1, environment },
    decisions: [{ flagKey: 'checkout', boolValue: true }, { flagKey: 'search' }],
  });
  const second = await server.ok('EvaluationService/Handshake', { ...hello, etag: text(first, 'etag') });
  expect(second).toMatchObject({ notModified: true, etag: text(first, 'etag') });
  expect(list(second, 'decisions')).toEqual([]);
  await server.refused(
    'EvaluationService/Handshake',
    { ...hello, protocolVersion: 99 },
    { code: 'FAILED_PRECONDITION', reason: 'PROTOCOL_VERSION_UNSUPPORTED' },
  );
}

import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { NO_WRITE_SCOPE, newFlag, newKey, newProject, newReader, type Tour } from './tour.ts';

/** What is recorded takes a moment to be stored. */
const PATIENCE = { timeout: 20_000, interval: 200 };
const OTHER_PROJECT = { code: 'PERMISSION_DENIED', reason: 'KEY_OF_ANOTHER_PROJECT' } as const;

export async function analyticsTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-analytics`);
  await newFlag(calls, parent, 'checkout', { temporary: true });
  await newFlag(calls, parent, 'unused');
  const place = `${parent}/environments/production`;
  const environment = { name: place, recording: { keptAttributes: ['plan'] } };
  await calls.ok('ProjectService/UpdateEnvironment', { environment, updateMask: 'recording' });
  await somebodyEvaluates({ calls, prefix }, parent, place);
  await figures({ calls, prefix }, parent, place);
  await previews({ calls, prefix }, place);
  await keeping({ calls, prefix }, parent, place);
}

/** Four of them, two on a paid plan and one without any, until it can be seen. */
async function somebodyEvaluates({ calls }: Tour, parent: string, place: string): Promise<void> {
  const token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment: place });
  for (const [targetingKey, attributes] of Object.entries({
    ...{ anna: { plan: 'pro' }, bert: { plan: 'pro' }, carl: { plan: 'free' }, dora: {} },
  })) {
    const context = { targetingKey, attributes };
    await calls.as(token).ok('EvaluationService/Evaluate', { flagKey: 'checkout', context });
  }
  const request = { parent: place, flag: 'checkout' };
  await expect
    .poll(async () => list(await calls.ok('AnalyticsService/QueryEvaluations', request), 'totals'), PATIENCE)
    .toMatchObject([{ variation: 'off', count: '4', subjects: '4' }]);
  expect(await calls.as(token).ok('AnalyticsService/QueryEvaluations', request)).toMatchObject({
    step: 'TIME_STEP_HOUR',
  });
  const about = (targetingKey: string) => ({ context: { targetingKey } });
  const events = [
    { name: 'boom', kind: 'EVENT_KIND_ERROR', ...about('anna') },
    { name: 'boom', kind: 'EVENT_KIND_CRASH', ...about('anna') },
    { name: 'order', value: 12.5, ...about('bert') },
    { name: 'order', value: 7.5, ...about('bert') },
    { name: 'order', value: 100, ...about('stranger') },
  ];
  await calls.as(token).ok('TelemetryService/ReportEvents', { events });
}

async function figures({ calls }: Tour, parent: string, place: string): Promise<void> {
  const name = `${place}/flags/checkout`;
  const backwards = {
    parent: place,
    startTime: '2030-01-02T00:00:00.000Z',
    endTime: '2030-01-01T00:00:00.000Z',
  };
  const noPeriod = { code: 'INVALID_ARGUMENT', fields: ['start_time'] } as const;
  await calls.refused('AnalyticsService/QueryEvaluations', backwards, noPeriod);

  const activity = await calls.ok('AnalyticsService/ListFlagActivity', { parent: place });
  expect(list(activity, 'flags')).toMatchObject([
    { name, use: 'FLAG_USE_IN_USE', evaluations: '4', remarks: ['answered off to everybody'] },
    { flag: 'unused', use: 'FLAG_USE_NEW' },
  ]);
  await calls.refused('AnalyticsService/ListFlagActivity', backwards, noPeriod);

  const order = { name, event: 'order' };
  await expect
    .poll(
      async () => list(await calls.ok('AnalyticsService/GetFlagConversions', order), 'variations'),
      PATIENCE,
    )
    .toMatchObject([
      { variation: 'off', subjects: '4', convertedSubjects: '1', events: '2', sum: 20, mean: { value: 5 } },
    ]);
  const nameless = { code: 'INVALID_ARGUMENT', fields: ['event'] } as const;
  await calls.refused('AnalyticsService/GetFlagConversions', { name }, nameless);

  const health = await calls.ok('AnalyticsService/GetFlagHealth', { name });
  expect(health).toMatchObject({
    health: {
      variations: [
        {
          ...{ variation: 'off', subjects: '4', affectedSubjects: '1', errors: '2', crashedSubjects: '1' },
          ...{ errorRate: { value: 0.25 }, crashFree: { value: 0.75 }, sampleTooSmall: true },
        },
      ],
    },
  });
  await calls.refused(
    'AnalyticsService/GetFlagHealth',
    { name: `${place}/flags/nope` },
    { code: 'NOT_FOUND' },
  );
  const healths = await calls.ok('AnalyticsService/ListFlagHealth', { parent: place });
  expect(list(healths, 'flags').map(({ flag }) => flag)).toEqual(['checkout']);
  const nowhere = { parent: `${parent}/environments/nowhere` };
  await calls.refused('AnalyticsService/ListFlagHealth', nowhere, { code: 'NOT_FOUND' });
}

async function previews({ calls }: Tour, place: string): Promise<void> {
  const condition = { clause: { attribute: 'plan', operator: 'OPERATOR_EQ', values: ['pro'] } };
  const reach = { parent: place, rule: { condition }, flag: 'checkout', attributes: ['plan'] };
  expect(await calls.ok('AnalyticsService/PreviewReach', reach)).toMatchObject({
    sample: { knownContexts: '4', sampled: '4', missingAttributes: [{ attribute: 'plan', contexts: '1' }] },
    total: { matched: '2', share: { value: 0.5, low: 0.5, high: 0.5 } },
    attributes: [{ group: { value: 'pro' } }, { group: { value: 'free' } }, { group: { missing: true } }],
  });
  await calls.refused(
    'AnalyticsService/PreviewReach',
    { parent: place },
    { code: 'INVALID_ARGUMENT', fields: ['rule'] },
  );

  const name = `${place}/flags/checkout`;
  const change = { name, rule: { condition, serve: { variation: 'on' } } };
  const preview = await calls.ok('AnalyticsService/PreviewChange', change);
  expect(preview).toMatchObject({ moved: { matched: '2' }, compared: '4', agreeing: '4' });
  expect(list(preview, 'cells')).toMatchObject([
    { fromVariation: 'off', toVariation: 'off' },
    { fromVariation: 'off', toVariation: 'on', examples: [{ attributes: { plan: 'pro' } }, {}] },
  ]);
  const none = { code: 'INVALID_ARGUMENT', fields: ['candidate'] } as const;
  await calls.refused('AnalyticsService/PreviewChange', { name }, none);
}

async function keeping({ calls }: Tour, parent: string, place: string): Promise<void> {
  const reader = calls.as(await newReader(calls, parent));
  const ledger = await calls.ok('AnalyticsService/GetLedger');
  expect(list(ledger, 'entries').length).toBeGreaterThan(0);
  expect(Number(text(ledger, 'total', 'stored'))).toBeGreaterThanOrEqual(4);
  await reader.refused('AnalyticsService/GetLedger', {}, OTHER_PROJECT);

  expect(await calls.ok('AnalyticsService/ListDeadLetters')).toEqual({});
  await reader.refused('AnalyticsService/ListDeadLetters', {}, OTHER_PROJECT);
  const ids = ['nobody:1'];
  expect(await calls.ok('AnalyticsService/ReplayDeadLetters', { ids })).toMatchObject({
    failed: { 'nobody:1': 'there is no such letter' },
  });
  await reader.refused('AnalyticsService/ReplayDeadLetters', { ids }, NO_WRITE_SCOPE);

  const erase = { parent: place, targetingKey: 'anna' };
  expect(await calls.ok('AnalyticsService/EraseSubject', erase)).toMatchObject({
    ...{ evaluations: '1', contexts: '1' },
  });
  const nobody = { code: 'INVALID_ARGUMENT', fields: ['targeting_key'] } as const;
  await calls.refused('AnalyticsService/EraseSubject', { parent: place }, nobody);
}

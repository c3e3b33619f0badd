import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { newFlag, newProject, OLD_ETAG, STALE, type Tour } from './tour.ts';

export async function rulesTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-rules`);
  await newFlag(calls, parent, 'checkout');
  await newFlag(calls, parent, 'payments');
  const name = `${parent}/environments/production/flags/checkout`;
  await rules({ calls, prefix }, name);
  await rollouts({ calls, prefix }, name);
  await targets({ calls, prefix }, name);
  await prerequisites({ calls, prefix }, name);
  await schedules({ calls, prefix }, `${parent}/environments/production`, name);
}

async function rules({ calls }: Tour, name: string): Promise<void> {
  const clause = { attribute: 'plan', operator: 'OPERATOR_IN', values: ['pro', 7, true] };
  const gate = { release: { runtimeVersion: { operator: 'OPERATOR_GTE', version: '2.1.0' } } };
  const rule = {
    id: 'pro',
    displayName: 'Who pays',
    condition: { all: { conditions: [{ clause }, { not: gate }] } },
    serve: { variation: 'on' },
  };
  const made = await calls.ok('FlagService/CreateRule', { name, rule });
  expect(made).toMatchObject({ settings: { rules: [{ ...rule, priority: 1 }] } });
  await calls.refused(
    'FlagService/CreateRule',
    { name, rule },
    { code: 'ALREADY_EXISTS', reason: 'RULE_EXISTS' },
  );
  const pattern = { attribute: 'plan', operator: 'OPERATOR_MATCHES', values: ['(?=a)'] };
  const unsafe = { id: 'unsafe', condition: { clause: pattern }, serve: { variation: 'on' } };
  const refusal = await calls.refused(
    'FlagService/CreateRule',
    { name, rule: unsafe },
    { code: 'INVALID_ARGUMENT' },
  );
  expect(JSON.stringify(refusal.details.get('BadRequest'))).toContain('values[0]');

  const replaced = { id: 'pro', serve: { variation: 'off' } };
  expect(await calls.ok('FlagService/UpdateRule', { name, rule: replaced })).toMatchObject({
    settings: { rules: [{ ...replaced, priority: 1 }] },
  });
  await calls.refused(
    'FlagService/UpdateRule',
    { name, rule: { ...replaced, id: 'nope' } },
    { code: 'NOT_FOUND', reason: 'RULE_NOT_FOUND' },
  );
  await calls.refused('FlagService/DeleteRule', { name, ruleId: 'pro', etag: OLD_ETAG }, STALE);
  const without = await calls.ok('FlagService/DeleteRule', { name, ruleId: 'pro' });
  expect(without).not.toHaveProperty('settings.rules[0]');
}

async function rollouts({ calls }: Tour, name: string): Promise<void> {
  expect(await calls.ok('FlagService/SetRollout', { name, weight: 12_345 })).toMatchObject({
    settings: { rules: [{ id: 'rollout', rollout: { weight: 12_345 }, serve: { variation: 'on' } }] },
  });
  await calls.refused(
    'FlagService/SetRollout',
    { name, ruleId: 'nope', weight: 1 },
    { code: 'NOT_FOUND', reason: 'RULE_NOT_FOUND' },
  );
  await calls.refused('FlagService/SetRollout', { name, weight: 100_001 }, { code: 'INVALID_ARGUMENT' });
}

async function targets({ calls }: Tour, name: string): Promise<void> {
  await calls.ok('FlagService/SetTarget', { name, variation: 'on', targetingKeys: ['anna', 'ben'] });
  expect(
    await calls.ok('FlagService/SetTarget', { name, variation: 'off', targetingKeys: ['ben'] }),
  ).toMatchObject({
    settings: {
      targets: [
        { variation: 'on', targetingKeys: ['anna'] },
        { variation: 'off', targetingKeys: ['ben'] },
      ],
    },
  });
  await calls.refused(
    'FlagService/SetTarget',
    { name, variation: 'purple', targetingKeys: ['ben'] },
    { code: 'INVALID_ARGUMENT' },
  );
  const removal = { name, targetingKeys: ['ben'] };
  await calls.refused('FlagService/RemoveTarget', { ...removal, etag: OLD_ETAG }, STALE);
  expect(await calls.ok('FlagService/RemoveTarget', removal)).toMatchObject({
    settings: { targets: [{ variation: 'on', targetingKeys: ['anna'] }] },
  });
}

async function prerequisites({ calls }: Tour, name: string): Promise<void> {
  const prerequisite = { flag: 'payments', variations: ['on'] };
  expect(await calls.ok('FlagService/SetPrerequisite', { name, prerequisite })).toMatchObject({
    settings: { prerequisites: [prerequisite] },
  });
  const cycle = { flag: 'checkout', variations: ['on'] };
  await calls.refused(
    'FlagService/SetPrerequisite',
    { name: name.replace('checkout', 'payments'), prerequisite: cycle },
    { code: 'INVALID_ARGUMENT' },
  );
  const removed = await calls.ok('FlagService/RemovePrerequisite', { name, flag: 'payments' });
  expect(removed).not.toHaveProperty('settings.prerequisites[0]');
  await calls.refused(
    'FlagService/RemovePrerequisite',
    { name, flag: 'payments' },
    { code: 'NOT_FOUND', reason: 'PREREQUISITE_NOT_FOUND' },
  );
}

async function schedules({ calls }: Tour, environment: string, name: string): Promise<void> {
  const time = new Date(Date.now() + 86_400_000).toISOString();
  const scheduledChange = { id: 'tomorrow', time, rollout: { ruleId: 'rollout', weight: 50_000 } };
  const made = await calls.ok('FlagService/CreateScheduledChange', { name, scheduledChange });
  expect(made).toMatchObject({ settings: { scheduledChanges: [scheduledChange] } });
  await calls.refused(
    'FlagService/CreateScheduledChange',
    { name, scheduledChange: { id: 'late', time: '2020-01-01T00:00:00.000Z', enabled: true } },
    { code: 'INVALID_ARGUMENT' },
  );
  expect(
    await calls.ok('FlagService/ListScheduledChanges', { parent: environment, untilTime: time }),
  ).toMatchObject({ pendingChanges: [{ name, scheduledChange }] });
  const pending = await calls.ok('FlagService/ListScheduledChanges', {
    parent: name,
    untilTime: '2026-01-01T00:00:00.000Z',
  });
  expect(list(pending, 'pendingChanges')).toEqual([]);
  await calls.refused(
    'FlagService/ListScheduledChanges',
    { parent: name.replace('checkout', 'nope') },
    { code: 'NOT_FOUND' },
  );
  const cancellation = { name, scheduledChangeId: 'tomorrow', etag: text(made, 'settings', 'etag') };
  const cancelled = await calls.ok('FlagService/CancelScheduledChange', cancellation);
  expect(cancelled).not.toHaveProperty('settings.scheduledChanges[0]');
  await calls.refused('FlagService/CancelScheduledChange', cancellation, STALE);
  await calls.refused(
    'FlagService/CancelScheduledChange',
    { name, scheduledChangeId: 'tomorrow' },
    { code: 'NOT_FOUND', reason: 'SCHEDULED_CHANGE_NOT_FOUND' },
  );
}

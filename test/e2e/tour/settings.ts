import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { NO_WRITE_SCOPE, newFlag, newKey, newProject, newReader, STALE, type Tour } from './tour.ts';

export async function settingsTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-settings`);
  const flag = await newFlag(calls, parent, 'checkout');
  const name = `${parent}/environments/production/flags/checkout`;
  const reader = calls.as(await newReader(calls, parent));

  const now = await reader.ok('FlagService/GetFlagSettings', { name });
  expect(now).toMatchObject({ settings: { name, enabled: true } });
  await reader.refused(
    'FlagService/GetFlagSettings',
    { name: `${parent}/environments/production/flags/nope` },
    { code: 'NOT_FOUND' },
  );
  const everywhere = await reader.ok('FlagService/ListFlagSettings', { parent: flag });
  expect(list(everywhere, 'settings').map((each) => [each.name, each.enabled ?? false])).toEqual([
    [name, true],
    [`${parent}/environments/staging/flags/checkout`, false],
  ]);
  await calls.refused(
    'FlagService/ListFlagSettings',
    { parent: 'flags/checkout' },
    { code: 'INVALID_ARGUMENT', fields: ['parent'] },
  );

  const etag = text(now, 'settings', 'etag');
  const split = {
    variations: [
      { variation: 'on', weight: 30_000 },
      { variation: 'off', weight: 70_000 },
    ],
  };
  const rules = [{ id: 'half', displayName: 'Some', serve: { split }, rollout: { weight: 50_000 } }];
  const update = {
    settings: { name, etag, rules, salt: 'pepper', hash: 'HASH_ALGORITHM_SHA256', bucketBy: 'company' },
    updateMask: 'rules,salt,hash,bucketBy',
  };
  expect(await calls.ok('FlagService/UpdateFlagSettings', update)).toMatchObject({
    settings: { enabled: true, rules, salt: 'pepper', hash: 'HASH_ALGORITHM_SHA256', bucketBy: 'company' },
  });
  await calls.refused('FlagService/UpdateFlagSettings', update, STALE);
  const lopsided = { split: { variations: [{ variation: 'on', weight: 1 }] } };
  const refusal = await calls.refused(
    'FlagService/UpdateFlagSettings',
    { settings: { name, rules: [{ id: 'half', serve: lopsided }] }, updateMask: 'rules' },
    { code: 'INVALID_ARGUMENT' },
  );
  expect(JSON.stringify(refusal.details.get('BadRequest'))).toContain('rules[0].serve');

  await switches({ calls, prefix }, name, etag);
  await halts({ calls, prefix }, parent, name, etag);
  await reader.refused('FlagService/EnableFlag', { name }, NO_WRITE_SCOPE);
}

async function switches({ calls }: Tour, name: string, etag: string): Promise<void> {
  await calls.refused('FlagService/DisableFlag', { name, etag }, STALE);
  const disabled = await calls.ok('FlagService/DisableFlag', { name });
  expect(disabled).not.toMatchObject({ settings: { enabled: true } });
  await calls.refused('FlagService/EnableFlag', { name, etag }, STALE);
  expect(await calls.ok('FlagService/EnableFlag', { name })).toMatchObject({ settings: { enabled: true } });
  expect(await calls.ok('FlagService/EnableFlag', { name })).toMatchObject({ receipt: { unchanged: true } });
}

async function halts({ calls }: Tour, parent: string, name: string, etag: string): Promise<void> {
  const writer = { kind: 'KEY_KIND_ADMIN', scopes: ['SCOPE_READ', 'SCOPE_WRITE'] };
  await calls
    .as(await newKey(calls, parent, writer))
    .refused(
      'FlagService/HaltFlag',
      { name, reason: 'on fire' },
      { code: 'PERMISSION_DENIED', reason: 'SCOPE_MISSING', metadata: { scope: 'halt' } },
    );
  await calls.refused('FlagService/HaltFlag', { name, reason: 'on fire', etag }, STALE);
  expect(await calls.ok('FlagService/HaltFlag', { name, reason: 'on fire' })).toMatchObject({
    settings: { halt: { reason: 'on fire' } },
  });
  expect(await calls.ok('FlagService/HaltFlag', { name, reason: 'again' })).toMatchObject({
    settings: { halt: { reason: 'on fire' } },
    receipt: { unchanged: true },
  });
  await calls.refused('FlagService/ResumeFlag', { name, etag }, STALE);
  expect(await calls.ok('FlagService/ResumeFlag', { name })).not.toHaveProperty('settings.halt');
}

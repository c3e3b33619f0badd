import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { newFlag, newKey, newProject, STALE, type Tour } from './tour.ts';

export async function keysTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-keys`);
  await newFlag(calls, parent, 'checkout');
  const environment = `${parent}/environments/production`;
  const key = {
    kind: 'KEY_KIND_WEB',
    displayName: 'web',
    environment,
    allowedOrigins: ['https://a.example'],
  };
  const request = { parent, key, options: { idempotencyKey: 'one-key' } };
  const made = await calls.ok('KeyService/CreateKey', request);
  expect(made).toMatchObject({ key });
  expect(text(made, 'secret')).toMatch(/^vx_web_/);
  const again = await calls.ok('KeyService/CreateKey', request);
  expect(again).toMatchObject({ key: { name: text(made, 'key', 'name') }, receipt: { replayed: true } });
  expect(again.secret ?? '').toBe('');
  await calls.refused(
    'KeyService/CreateKey',
    { parent, key: { ...key, environment: `${parent}/environments/nowhere` } },
    { code: 'NOT_FOUND' },
  );

  const name = text(made, 'key', 'name');
  const seen = await calls.ok('KeyService/GetKey', { name });
  expect(seen).toMatchObject({ key: { ...key, name } });
  expect(JSON.stringify(seen)).not.toMatch(/secret|hash/i);
  await calls.refused('KeyService/GetKey', { name: `${parent}/keys/nope` }, { code: 'NOT_FOUND' });
  const etag = text(made, 'key', 'etag');
  const update = { key: { name, allowedOrigins: ['*'], etag }, updateMask: 'allowedOrigins' };
  expect(await calls.ok('KeyService/UpdateKey', update)).toMatchObject({ key: { allowedOrigins: ['*'] } });
  await calls.refused('KeyService/UpdateKey', update, STALE);

  await lesserKeys({ calls, prefix }, parent);
  const web = calls.as(text(made, 'secret'));
  await web.refused('FlagService/ListFlags', { parent }, { code: 'PERMISSION_DENIED' });
  await calls.refused('KeyService/RevokeKey', { name, etag }, STALE);
  expect(text(await calls.ok('KeyService/RevokeKey', { name }), 'key', 'revokeTime')).toMatch(/^20/);
  await web.refused('EvaluationService/EvaluateAll', {}, { code: 'UNAUTHENTICATED', reason: 'KEY_INVALID' });
  const left = await calls.ok('KeyService/ListKeys', { parent });
  expect(list(left, 'keys').map((each) => each.name)).not.toContain(name);
  const all = await calls.ok('KeyService/ListKeys', { parent, showRevoked: true, environment });
  expect(list(all, 'keys').map((each) => each.name)).toEqual([name]);
  await calls.refused('KeyService/ListKeys', { parent: 'projects/nowhere' }, { code: 'NOT_FOUND' });
}

/** A key that deals in keys cannot make one that can do more than itself. */
async function lesserKeys({ calls }: Tour, parent: string): Promise<void> {
  const scopes = ['SCOPE_READ', 'SCOPE_KEYS'];
  const issuer = calls.as(await newKey(calls, parent, { kind: 'KEY_KIND_ADMIN', scopes }));
  await newKey(issuer, parent, { kind: 'KEY_KIND_ADMIN', scopes });
  await issuer.refused(
    'KeyService/CreateKey',
    { parent, key: { kind: 'KEY_KIND_ADMIN', scopes: ['SCOPE_WRITE'] } },
    { code: 'PERMISSION_DENIED', reason: 'KEY_EXCEEDS_CALLER' },
  );
}

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyKind, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { hashSecret, parseToken } from '../../src/app/key-token.ts';
import { errorOf, openShop, ROOT, type Service } from '../support/in-process-service.ts';
import { PEPPER } from '../support/instance.ts';

let service: Service;
beforeEach(async () => {
  service = await openShop();
});
afterEach(() => service[Symbol.asyncDispose]());

const parent = 'projects/shop';
const environment = 'projects/shop/environments/production';
const server = { kind: KeyKind.SERVER, environment };

describe('a new key', () => {
  test('shows its secret once, and is stored as a hash of it', async () => {
    const { key, secret } = await service.keys.createKey({ parent, key: { ...server, displayName: 'api' } });
    const parsed = parseToken(secret);
    expect(parsed).toMatchObject({ kind: 'server', id: key?.id });
    expect(key).toMatchObject({ name: `${parent}/keys/${key?.id}`, displayName: 'api', environment });
    const stored = service.instance.catalog.state('shop').keys.get(key?.id ?? '')?.state;
    expect(stored?.secretHash).toBe(hashSecret(PEPPER, parsed?.secret ?? ''));
    const read = await service.keys.getKey({ name: key?.name ?? '' });
    expect(read.key).toEqual(key);
    expect(JSON.stringify(read.key, (_, value) => String(value))).not.toContain(stored?.secretHash);
  });

  test('lets its holder in at once', async () => {
    const { key, secret } = await service.keys.createKey({ parent, key: server });
    expect(service.instance.access.authenticate(secret)).toMatchObject({
      keyId: key?.id,
      project: 'shop',
      environment: 'production',
    });
  });

  test('is made once by repeated calls, and the secret is not shown again', async () => {
    const request = { parent, key: server, options: { idempotencyKey: 'k1' } };
    const first = await service.keys.createKey(request);
    const second = await service.keys.createKey(request);
    expect(second.key?.id).toBe(first.key?.id);
    expect(second.secret).toBe('');
    expect(second.receipt).toMatchObject({ replayed: true, warnings: [expect.stringContaining('secret')] });
  });

  test('that is only checked has no secret', async () => {
    const { secret } = await service.keys.createKey({ parent, key: server, options: { validateOnly: true } });
    expect(secret).toBe('');
    expect((await service.keys.listKeys({ parent })).keys).toEqual([]);
  });

  test.each([
    ['no kind', {}],
    ['a server key without an environment', { kind: KeyKind.SERVER }],
    [
      'an environment of another project',
      { ...server, environment: 'projects/other/environments/production' },
    ],
    ['a server key with scopes', { ...server, scopes: [Scope.READ] }],
    ['a server key with origins', { ...server, allowedOrigins: ['https://shop.example'] }],
    ['an admin key without scopes', { kind: KeyKind.ADMIN }],
    ['an admin key with an environment', { kind: KeyKind.ADMIN, scopes: [Scope.READ], environment }],
    ['an unspecified scope', { kind: KeyKind.ADMIN, scopes: [Scope.UNSPECIFIED] }],
    ['an expiry in the past', { ...server, expireTime: timestampFromMs(0) }],
  ])('cannot be: %s', async (_, key) => {
    expect(await errorOf(service.keys.createKey({ parent, key }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  test('needs an environment that exists', async () => {
    const key = { ...server, environment: 'projects/shop/environments/nowhere' };
    expect(await errorOf(service.keys.createKey({ parent, key }))).toMatchObject({ code: Code.NotFound });
  });

  test.each([
    'shop.example',
    'https://shop.example/',
    'https://Shop.example',
    'https://shop.example:443',
    'null',
    '',
  ])('cannot be used from %j', async (origin) => {
    const key = { kind: KeyKind.WEB, environment, allowedOrigins: ['https://fine.example', origin] };
    const error = await errorOf(service.keys.createKey({ parent, key }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain('key.allowed_origins[1]');
  });

  test.each([
    'https://shop.example',
    'http://localhost:3000',
    'capacitor://localhost',
    'http://[::1]:8080',
    '*',
  ])('can be used from %j', async (origin) => {
    const { key } = await service.keys.createKey({
      parent,
      key: { kind: KeyKind.WEB, environment, allowedOrigins: [origin] },
    });
    expect(key?.allowedOrigins).toEqual([origin]);
  });
});

describe('a key to the whole instance', () => {
  const admin = { kind: KeyKind.ADMIN, scopes: [Scope.READ, Scope.KEYS] };

  test('is in no project', async () => {
    const { key, secret } = await service.keys.createKey({ key: admin });
    expect(key?.name).toBe(`keys/${key?.id}`);
    expect(service.instance.access.authenticate(secret)).toMatchObject({ project: ROOT.project });
    expect((await service.keys.listKeys({})).keys.map(({ id }) => id)).toEqual([key?.id]);
    expect((await service.keys.listKeys({ parent })).keys).toEqual([]);
    await service.keys.revokeKey({ name: key?.name ?? '' });
    expect(() => service.instance.access.authenticate(secret)).toThrow();
  });

  test('is an admin key', async () => {
    expect(await errorOf(service.keys.createKey({ key: server }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  test('is made by a key to the whole instance only', async () => {
    const { keys } = service.as({ ...ROOT, project: 'shop' });
    expect(await errorOf(keys.createKey({ key: admin }))).toMatchObject({ code: Code.PermissionDenied });
  });
});

describe('nobody can grant more than they hold', () => {
  const holding = (...scopes: (typeof ROOT.scopes)[number][]) =>
    service.as({ ...ROOT, project: 'shop', scopes }).keys;
  const admin = (...scopes: Scope[]) => ({ parent, key: { kind: KeyKind.ADMIN, scopes } });

  test('an admin key has a part of the scopes of the one that makes it', async () => {
    const keys = holding('keys', 'read');
    await keys.createKey(admin(Scope.READ));
    await keys.createKey(admin(Scope.KEYS, Scope.READ));
    for (const scope of [Scope.WRITE, Scope.HALT])
      expect(await errorOf(keys.createKey(admin(Scope.READ, scope)))).toMatchObject({
        code: Code.PermissionDenied,
      });
  });

  test('a server key is made by one that may read', async () => {
    await holding('keys', 'read').createKey({ parent, key: server });
    for (const keys of [holding('keys', 'write'), holding('read', 'write')])
      expect(await errorOf(keys.createKey({ parent, key: server }))).toMatchObject({
        code: Code.PermissionDenied,
      });
  });

  test('a key of another project makes none here', async () => {
    const { keys } = service.as({ ...ROOT, project: 'other' });
    expect(await errorOf(keys.createKey({ parent, key: server }))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });

  test('a key that can do more is neither changed nor revoked', async () => {
    const { key } = await service.keys.createKey(admin(Scope.WRITE));
    const keys = holding('keys', 'read');
    const update = keys.updateKey({ key: { name: key?.name ?? '', displayName: 'x' } });
    expect(await errorOf(update)).toMatchObject({ code: Code.PermissionDenied });
    expect(await errorOf(keys.revokeKey({ name: key?.name ?? '' }))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });
});

test('an update changes the name, the origins and the expiry, and nothing else', async () => {
  const { key } = await service.keys.createKey({ parent, key: { kind: KeyKind.WEB, environment } });
  const name = key?.name ?? '';
  const expireTime = timestampFromMs(Date.UTC(2040, 0, 1));
  const updated = await service.keys.updateKey({
    key: { name, displayName: 'site', allowedOrigins: ['*'], expireTime },
  });
  expect(updated.key).toMatchObject({ displayName: 'site', allowedOrigins: ['*'], expireTime, version: 3n });
  const forEver = await service.keys.updateKey({ key: { name }, updateMask: { paths: ['expire_time'] } });
  expect(forEver.key?.expireTime).toBeUndefined();
  expect(forEver.key?.displayName).toBe('site');
  const scopes = service.keys.updateKey({ key: { name, scopes: [Scope.READ] } });
  expect(await errorOf(scopes)).toMatchObject({ code: Code.InvalidArgument });
});

test('a revoked key lets nobody in, is listed only if asked for, and stays revoked', async () => {
  const { key, secret } = await service.keys.createKey({ parent, key: server });
  const name = key?.name ?? '';
  const first = await service.keys.revokeKey({ name });
  expect(() => service.instance.access.authenticate(secret)).toThrow(/valid key/);
  service.instance.clock.advance(1000);
  const second = await service.keys.revokeKey({ name });
  expect(second.key?.revokeTime).toEqual(first.key?.revokeTime);
  expect(second.receipt).toMatchObject({ unchanged: true });
  expect((await service.keys.listKeys({ parent })).keys).toEqual([]);
  expect((await service.keys.listKeys({ parent, showRevoked: true })).keys).toHaveLength(1);
  expect(await errorOf(service.keys.updateKey({ key: { name, displayName: 'x' } }))).toMatchObject({
    code: Code.FailedPrecondition,
  });
});

test('keys are listed by environment', async () => {
  const staging = 'projects/shop/environments/staging';
  await service.keys.createKey({ parent, key: server });
  await service.keys.createKey({ parent, key: { ...server, environment: staging } });
  const { keys } = await service.keys.listKeys({ parent, environment: staging });
  expect(keys.map((key) => key.environment)).toEqual([staging]);
});

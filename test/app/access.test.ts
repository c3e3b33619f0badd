import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { hashSecret, mintToken } from '../../src/app/key-token.ts';
import { createKey, type NewKey, revokeKey } from '../../src/app/manage/keys.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { openInstance, PEPPER } from '../support/instance.ts';
import { openReplicas, type Replica, revisionOf } from '../support/replicas.ts';
import { ADMIN, fillShop } from '../support/shop.ts';

async function setUp(more: Partial<NewKey> = {}) {
  const instance = await openInstance();
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production'] }),
  );
  const { token, id, secret } = mintToken('server', randomBytes);
  const key: NewKey = {
    ...{ id, kind: 'server', name: '', environment: 'production', scopes: [], allowedOrigins: [] },
    secretHash: hashSecret(PEPPER, secret),
    ...more,
  };
  await instance.commit('shop', createKey(key, ADMIN));
  return { instance, token, id, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
}

const refused = expect.objectContaining({
  kind: 'unauthenticated',
  message: expect.stringContaining('a valid key'),
});

it('knows whoever presents a key, and tells all others the same', async () => {
  await using made = await setUp();
  const { access } = made.instance;
  expect(access.authenticate(made.token)).toMatchObject({
    keyId: made.id,
    project: 'shop',
    environment: 'production',
  });
  const [, , id = '', rest = ''] = made.token.split('_');
  const unknown = mintToken('server', randomBytes).token;
  for (const wrong of [
    '',
    'x',
    unknown,
    `vx_server_${id}_${rest.slice(0, -7)}x${rest.slice(-6)}`,
    `vx_web_${id}_${rest}`,
  ])
    await expect((async () => access.authenticate(wrong))()).rejects.toThrow(refused);
});

it('knows a token again, and none that differs from it in a single character', async () => {
  await using made = await setUp();
  const { access } = made.instance;
  const { token } = made;
  for (let round = 0; round < 2; round++) {
    expect(access.authenticate(token)).toMatchObject({ keyId: made.id });
    for (let index = 0; index < token.length; index++) {
      const other = token[index] === 'x' ? 'y' : 'x';
      const wrong = token.slice(0, index) + other + token.slice(index + 1);
      expect(() => access.authenticate(wrong)).toThrow(refused);
    }
    for (const wrong of [`${token}x`, token.slice(0, -1)])
      expect(() => access.authenticate(wrong)).toThrow(refused);
  }
});

it('refuses a key from the moment of its revocation, and tells whoever asked to know', async () => {
  await using made = await setUp();
  const { access } = made.instance;
  const principal = await access.authenticate(made.token);
  let told = 0;
  using _subscription = access.onInvalid(principal, () => void told++);
  await made.instance.commit('shop', revokeKey(made.id, ADMIN));
  expect(told).toBe(1);
  expect(access.isValid(principal)).toBe(false);
  expect(() => access.authenticate(made.token)).toThrow(refused);
});

it('refuses a key from the moment of its expiry, and tells whoever asked to know', async () => {
  await using made = await setUp({ expiresAt: '2030-01-01T01:00:00.000Z' });
  const { access, clock } = made.instance;
  const principal = await access.authenticate(made.token);
  let told = 0;
  using _subscription = access.onInvalid(principal, () => void told++);
  clock.advance(3_599_999);
  expect([told, access.isValid(principal)]).toEqual([0, true]);
  clock.advance(1);
  expect([told, access.isValid(principal)]).toEqual([1, false]);
  expect(() => access.authenticate(made.token)).toThrow(refused);
});

it('says nothing to whoever does not want to know any more', async () => {
  await using made = await setUp();
  const { access } = made.instance;
  let told = 0;
  access.onInvalid(await access.authenticate(made.token), () => void told++)[Symbol.dispose]();
  await made.instance.commit('shop', revokeKey(made.id, ADMIN));
  expect(told).toBe(0);
});

describe('a key that is not known here', () => {
  const presented = async ({ instance }: Replica, token: string) => await instance.access.authenticate(token);
  const unverified = { kind: 'unavailable', details: { reason: 'KEY_UNVERIFIED', retryAfterMs: 1_000 } };

  async function makeKey({ instance }: Replica): Promise<string> {
    const { token, id, secret } = mintToken('server', randomBytes);
    const key: NewKey = {
      ...{ id, kind: 'server', name: '', environment: 'production', scopes: [], allowedOrigins: [] },
      secretHash: hashSecret(PEPPER, secret),
    };
    await instance.commit('shop', createKey(key, ADMIN));
    return token;
  }

  it('works at once when it was made a moment ago on another replica', async () => {
    await using replicas = await openReplicas();
    const [one, other] = [await replicas.open(), await replicas.open()];
    await fillShop(one);
    using _cut = replicas.cutBus();
    for (let round = 0; round < 3; round++) {
      const token = await makeKey(one);
      const found = presented(other, token);
      replicas.clock.advance(100);
      expect(await found).toMatchObject({ kind: 'server', project: 'shop' });
      expect(other.instance.access.authenticate(token)).not.toBeInstanceOf(Promise);
    }
  });

  it('is nobody to say anything about while the log is away, and none once that has been asked', async () => {
    await using replicas = await openReplicas();
    const [one, other] = [await replicas.open(), await replicas.open()];
    await fillShop(one);
    await vi.waitFor(() => expect(revisionOf(other)).toBe(1));
    await other.stop();
    const made = await makeKey(one);
    await other.start({ log: 'off' });
    const unknown = mintToken('server', randomBytes).token;
    for (const token of [made, unknown])
      await expect(presented(other, token)).rejects.toMatchObject(unverified);
    other.link.on();
    await other.instance.catalog.refresh();
    expect(await presented(other, made)).toMatchObject({ project: 'shop' });
    await expect(presented(other, unknown)).rejects.toThrow(refused);
    other.link.off();
    const later = presented(other, mintToken('server', randomBytes).token);
    replicas.clock.advance(100);
    await expect(later).rejects.toMatchObject(unverified);
  });

  it('does not wait for a log that hangs', async () => {
    await using replicas = await openReplicas();
    const replica = await replicas.open();
    replica.link.hang();
    const asking = presented(replica, mintToken('server', randomBytes).token);
    replicas.clock.advance(2_000);
    await expect(asking).rejects.toMatchObject(unverified);
    replica.link.on();
  });

  it('is looked for once, however often it is presented and with however many others', async () => {
    await using replicas = await openReplicas();
    const replica = await replicas.open();
    const { asked } = replica.link;
    const before = asked.heads ?? 0;
    const tokens = Array.from({ length: 50 }, () => mintToken('server', randomBytes).token);
    const first = tokens.map((token) => presented(replica, token));
    for (const answer of first) await expect(answer).rejects.toThrow(refused);
    for (const token of tokens) await expect(presented(replica, token)).rejects.toThrow(refused);
    expect((asked.heads ?? 0) - before).toBe(1);
    replicas.clock.advance(1_000);
    await expect(presented(replica, tokens[0] ?? '')).rejects.toThrow(refused);
    expect((asked.heads ?? 0) - before).toBeGreaterThan(1);
  });
});

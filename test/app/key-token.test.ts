import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashSecret, mintToken, parseToken } from '../../src/app/key-token.ts';

test.each(['server', 'web', 'admin'] as const)('a %s token comes apart into what it was made of', (kind) => {
  const { token, id, secret } = mintToken(kind, randomBytes);
  expect(token).toMatch(new RegExp(`^vx_${kind}_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}$`));
  expect(parseToken(token)).toEqual({ kind, id, secret });
});

test('a secret keeps all of its 256 bits', () => {
  const bits = (fill: number, last: number) => (size: number) =>
    new Uint8Array(size).fill(fill).with(size - 1, last);
  const secrets = [bits(0, 0), bits(0, 1), bits(255, 254), bits(255, 255)].map(
    (random) => mintToken('server', random).secret,
  );
  expect(new Set(secrets).size).toBe(4);
  for (const secret of secrets) expect(secret).toHaveLength(43);
});

test('a changed character is noticed wherever it is', () => {
  const { token } = mintToken('admin', randomBytes);
  for (let index = 0; index < token.length; index++) {
    const other = token[index] === 'x' ? 'y' : 'x';
    expect(parseToken(token.slice(0, index) + other + token.slice(index + 1))).toBeUndefined();
  }
});

test('no text makes the parser throw, and none is taken for a token', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `vx_server_${text}`),
      ),
      (text) => {
        expect(parseToken(text)).toBeUndefined();
      },
    ),
  );
  const { token } = mintToken('web', randomBytes);
  for (const text of [`${token}\n`, ` ${token}`, token.repeat(1000), token.slice(0, -1)])
    expect(parseToken(text)).toBeUndefined();
});

test('a hash depends on the pepper and on the secret', () => {
  const hash = hashSecret('pepper', 'secret');
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(hashSecret('other', 'secret')).not.toBe(hash);
  expect(hashSecret('pepper', 'other')).not.toBe(hash);
});

import { expect, test } from 'vitest';
import { expectVersion } from '../../../src/app/manage/expect-version.ts';

test('the current version, or none, is accepted', () => {
  expect(() => expectVersion({ state: 'x', version: 3 }, 3)).not.toThrow();
  expect(() => expectVersion({ state: 'x', version: 3 }, undefined)).not.toThrow();
});

test('a stale version is a conflict that carries the current etag', () => {
  expect(() => expectVersion({ state: 'x', version: 3 }, 2)).toThrow(
    expect.objectContaining({
      kind: 'conflict',
      details: { reason: 'ETAG_MISMATCH', metadata: { current_etag: '"3"' } },
    }),
  );
});

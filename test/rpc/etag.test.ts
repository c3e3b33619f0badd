import { expect, test } from 'vitest';
import { etagOf, versionOf } from '../../src/rpc/etag.ts';

test('an etag is the version in double quotes', () => {
  expect(etagOf(12)).toBe('"12"');
  expect(versionOf('"12"', 'etag')).toBe(12);
  expect(versionOf(etagOf(0), 'etag')).toBe(0);
});

test('an empty etag expects nothing', () => {
  expect(versionOf('', 'etag')).toBeUndefined();
});

test.each(['12', '"x"', '"-1"', '"1.5"', '"01"', 'W/"12"', '"12" '])('%s is refused', (etag) => {
  expect(() => versionOf(etag, 'flag.etag')).toThrow(/^flag\.etag: /);
});

import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ListSegmentsRequestSchema } from '../../gen/vexil/v1/segment_service_pb.ts';
import { bindingOf, pageOf } from '../../src/rpc/paging.ts';

const same = (key: string) => key;
const letters = ['d', 'a', 'c', 'b', 'e'];

test('pages follow each other in the order of the keys until none is left', () => {
  const first = pageOf(letters, same, { pageSize: 2, pageToken: '' }, 'x');
  const second = pageOf(letters, same, { pageSize: 2, pageToken: first.nextPageToken }, 'x');
  const third = pageOf(letters, same, { pageSize: 2, pageToken: second.nextPageToken }, 'x');
  expect([first.items, second.items, third.items]).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  expect(third.nextPageToken).toBe('');
  expect(first.total).toBe(5);
});

test('an item that goes away between two pages makes none be skipped', () => {
  const first = pageOf(letters, same, { pageSize: 2, pageToken: '' }, 'x');
  const second = pageOf(['c', 'd', 'e'], same, { pageSize: 2, pageToken: first.nextPageToken }, 'x');
  expect(second.items).toEqual(['c', 'd']);
});

test('a page has 50 items unless asked otherwise, and never more than 1000', () => {
  const many = Array.from({ length: 1500 }, (_, index) => String(index).padStart(4, '0'));
  expect(pageOf(many, same, { pageSize: 0, pageToken: '' }, 'x').items).toHaveLength(50);
  expect(pageOf(many, same, { pageSize: 2 ** 31 - 1, pageToken: '' }, 'x').items).toHaveLength(1000);
  expect(() => pageOf(many, same, { pageSize: -1, pageToken: '' }, 'x')).toThrow(/page_size/);
});

test('a token of another list, a tampered one and nonsense are refused', () => {
  const { nextPageToken } = pageOf(letters, same, { pageSize: 2, pageToken: '' }, 'x');
  const read = (pageToken: string, binding: string) => () =>
    pageOf(letters, same, { pageSize: 2, pageToken }, binding);
  expect(read(nextPageToken, 'y')).toThrow(/page_token/);
  expect(read(`${nextPageToken}AA`, 'x')).toThrow(/page_token/);
  expect(read(`A${nextPageToken.slice(1)}`, 'x')).toThrow(/page_token/);
  expect(read(`${nextPageToken}=`, 'x')).toThrow(/page_token/);
  expect(read('!', 'x')).toThrow(/page_token/);
});

test('a binding tells filters apart, and not pages', () => {
  const binding = (init: { pageSize?: number; pageToken?: string; query?: string }) =>
    bindingOf(
      ListSegmentsRequestSchema,
      create(ListSegmentsRequestSchema, { parent: 'projects/shop', ...init }),
    );
  expect(binding({ pageSize: 3, pageToken: 'x' })).toBe(binding({}));
  expect(binding({ query: 'a' })).not.toBe(binding({}));
});

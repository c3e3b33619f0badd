import { create } from '@bufbuild/protobuf';
import { FieldMaskSchema, timestampNow } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { type Segment, SegmentSchema } from '../../gen/vexil/v1/definitions_pb.ts';
import { maskedPaths } from '../../src/rpc/field-mask.ts';

const allowed = ['display_name', 'description', 'included'];
const segment = create(SegmentSchema, {
  name: 'projects/shop/segments/staff',
  key: 'staff',
  displayName: 'Staff',
  version: 4n,
  etag: '"4"',
  createTime: timestampNow(),
});
const masked = (message: Segment, paths?: string[]) =>
  maskedPaths(SegmentSchema, message, paths && create(FieldMaskSchema, { paths }), allowed);

test('without a mask the fields that are set are meant, and what only the service sets is left alone', () => {
  expect(masked(segment)).toEqual(new Set(['display_name']));
  expect(masked(segment, [])).toEqual(new Set(['display_name']));
});

test('a mask names fields whether they are set or not', () => {
  expect(masked(segment, ['description'])).toEqual(new Set(['description']));
});

test('a star is every field that may be changed', () => {
  expect(masked(segment, ['*'])).toEqual(new Set(allowed));
});

test.each([
  [['archived'], /archived cannot be changed/],
  [['etag'], /etag cannot be changed/],
  [['nonsense'], /nonsense is not a field of Segment/],
  [['*', 'description'], /\* is not a field/],
  [['condition.all'], /is not a field/],
  [[''], /is not a field/],
])('the mask %j is refused', (paths, message) => {
  expect(() => masked(segment, paths)).toThrow(message);
});

test('a field that is set and cannot be changed by an update is refused without a mask too', () => {
  expect(() => masked(create(SegmentSchema, { archived: true }))).toThrow(/archived cannot be changed/);
});

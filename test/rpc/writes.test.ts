import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createContextValues, createHandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { ArchiveSegmentRequestSchema, SegmentService } from '../../gen/vexil/v1/segment_service_pb.ts';
import type { Principal } from '../../src/app/principal.ts';
import { emptyState } from '../../src/app/project-state.ts';
import { principalKey } from '../../src/rpc/principal-key.ts';
import { intentOf, receiptOf } from '../../src/rpc/writes.ts';

const principal: Principal = {
  keyId: 'abc',
  kind: 'admin',
  project: 'shop',
  environment: undefined,
  scopes: ['write'],
  allowedOrigins: [],
  expiresAt: Number.POSITIVE_INFINITY,
};
const contextOf = (by: Principal, timeoutMs?: number) =>
  createHandlerContext({
    service: SegmentService,
    method: SegmentService.method.archiveSegment,
    protocolName: 'connect',
    requestMethod: 'POST',
    url: 'http://localhost/',
    contextValues: createContextValues().set(principalKey, by),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
const intent = (
  init: MessageInitShape<typeof ArchiveSegmentRequestSchema>,
  by = principal,
  timeoutMs?: number,
) =>
  intentOf(
    contextOf(by, timeoutMs),
    'shop',
    'segment.archive',
    ArchiveSegmentRequestSchema,
    create(ArchiveSegmentRequestSchema, { name: 'projects/shop/segments/staff', ...init }),
  );

test('an intent says who wants what and why', () => {
  expect(intent({ options: { reason: 'unused', idempotencyKey: 'k1', validateOnly: true } })).toEqual({
    project: 'shop',
    action: 'segment.archive',
    actor: 'key:abc',
    reason: 'unused',
    idempotencyKey: 'call:k1',
    validateOnly: true,
    mayHalt: false,
    requestDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('without options a call is one of its own', () => {
  expect(intent({})).not.toHaveProperty('idempotencyKey');
  expect(intent({ options: {} })).not.toHaveProperty('idempotencyKey');
});

test('the digest is of what is asked for, not of how or by whom', () => {
  const digest = intent({ options: { reason: 'x' } }).requestDigest;
  const how = { idempotencyKey: 'k', validateOnly: true, waitForFleetMs: 5 };
  expect(intent({ options: { reason: 'x', ...how } }).requestDigest).toBe(digest);
  expect(intent({ options: { reason: 'x' } }, { ...principal, keyId: 'other' }).requestDigest).toBe(digest);
  expect(intent({ options: { reason: 'y' } }).requestDigest).not.toBe(digest);
  expect(intent({ etag: '"1"', options: { reason: 'x' } }).requestDigest).not.toBe(digest);
});

test('an intent leaves the request as it was', () => {
  const request = create(ArchiveSegmentRequestSchema, { options: { idempotencyKey: 'k' } });
  intentOf(contextOf(principal), 'shop', 'segment.archive', ArchiveSegmentRequestSchema, request);
  expect(request.options?.idempotencyKey).toBe('k');
});

test.each(['with space', 'x'.repeat(129), 'line\nbreak', 'ünï'])(
  'the idempotency key %j is refused',
  (key) => {
    expect(() => intent({ options: { idempotencyKey: key } })).toThrow(/options\.idempotency_key/);
  },
);

test('a call waits for the fleet as long as it asks to, if its deadline is not before that', () => {
  const wait = (waitForFleetMs: number, timeoutMs?: number) =>
    intent({ options: { waitForFleetMs } }, principal, timeoutMs).fleetWait?.timeoutMs();
  expect(wait(0)).toBeUndefined();
  expect(wait(5_000)).toBe(5_000);
  expect(wait(5_000, 10_000)).toBe(5_000);
  expect(wait(20_000, 1_000)).toBeLessThanOrEqual(750);
  expect(() => wait(20_001)).toThrow(/options\.wait_for_fleet_ms/);
});

test('a receipt of a check against an empty log has no time', () => {
  const receipt = receiptOf({
    revision: 0,
    time: '',
    replayed: false,
    unchanged: true,
    warnings: ['look twice'],
    operations: [],
    state: emptyState('shop'),
  });
  expect(receipt).toMatchObject({ revision: 0n, unchanged: true, warnings: ['look twice'] });
  expect(receipt.time).toBeUndefined();
});

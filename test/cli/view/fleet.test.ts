import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ChangeReceiptSchema, ReplicaProgressSchema } from '../../../gen/vexil/v1/changes_pb.ts';
import { ReplicaSchema } from '../../../gen/vexil/v1/fleet_service_pb.ts';
import { fleetLine, progressLine, replicaTable, spanText } from '../../../src/cli/view/fleet.ts';

const progress = (init: MessageInitShape<typeof ReplicaProgressSchema>) =>
  create(ReplicaProgressSchema, { name: 'pod-1', revision: 42n, ...init });

test('a wait is summed up in one line', () => {
  const line = (reached: readonly boolean[], membersKnown = true) =>
    fleetLine(
      create(ChangeReceiptSchema, {
        revision: 42n,
        fleet: { membersKnown, elapsedMs: 38, replicas: reached.map((each) => ({ reached: each })) },
      }),
    );
  expect(line([true, true, true])).toBe('3 of 3 replicas have revision 42 after 38 ms');
  expect(line([true, false])).toBe('1 of 2 replicas has revision 42 after 38 ms');
  expect(line([true], false)).toBe('1 of 1 replica has revision 42 after 38 ms, and there may be others');
  expect(fleetLine(create(ChangeReceiptSchema, { revision: 42n }))).toBe('');
});

test('a replica says when it had the revision, or what it has instead and why', () => {
  expect(progressLine(progress({ reached: true, reachedAfterMs: 21 }))).toBe('pod-1: after 21 ms');
  expect(progressLine(progress({ reached: true, quarantined: ['flag a', 'flag b'] }))).toBe(
    'pod-1: after 0 ms, but it does not understand flag a, flag b',
  );
  expect(progressLine(progress({ silenceMs: 4_200 }))).toBe(
    'pod-1: is at revision 42, last heard of 4.2 s ago',
  );
  expect(progressLine(progress({ name: 'a\u001b[31m', trouble: 'forked' }))).toBe(
    'a\\u001b[31m: is at revision 42, its log is forked, last heard of 0 ms ago',
  );
});

test('replicas are a table, and what is wrong with them is below it', () => {
  const replicas = [
    {
      ...{ name: 'pod-0', version: '1.2.3', answering: true, silenceMs: 0, stalenessMs: 12 },
      startTime: timestampFromMs(1_000_000),
      revisions: { 'projects/shop': 42n, 'projects/default': 3n },
    },
    {
      ...{ name: 'pod-1', version: '1.2.3', draining: true, silenceMs: 4_200, stalenessMs: 5_000 },
      revisions: { 'projects/shop': 41n },
      troubles: [{ project: 'projects/shop', what: 'forked' }],
      quarantined: [{ project: 'projects/shop', what: 'flag a' }],
    },
  ].map((replica) => create(ReplicaSchema, replica));
  expect(replicaTable(replicas, 1_300_000)).toBe(
    [
      'NAME   VERSION  UP   HEARD OF   STALE  REVISIONS',
      'pod-0  1.2.3    5 m  0 ms ago   12 ms  default=3 shop=42  answering',
      'pod-1  1.2.3         4.2 s ago  5.0 s  shop=41            draining',
      'pod-1: the log of shop is forked',
      'pod-1: does not understand flag a of shop',
    ].join('\n'),
  );
});

test('spans are told in the unit that fits', () => {
  const spans = [0, 999, 1_000, 9_949, 10_000, 119_000, 120_000, 7_200_000, 172_800_000];
  expect(spans.map(spanText)).toEqual([
    ...['0 ms', '999 ms', '1.0 s', '9.9 s', '10 s', '119 s', '2 m', '2 h', '2 d'],
  ]);
});

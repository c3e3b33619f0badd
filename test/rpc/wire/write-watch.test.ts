import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { WatchFlagsResponseSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { NO_CONTENT, type WatchEvent } from '../../../src/app/watch-events.ts';
import { watchMessage } from '../../../src/rpc/convert/watch.ts';
import { writeWatchEvent } from '../../../src/rpc/wire/write-watch.ts';

const PLACE = { project: 'shop', environment: 'production' };
const CONTENT = { ...NO_CONTENT, deletedFlags: ['checkout'] };
const DELTA: WatchEvent = {
  ...{ kind: 'delta', from: 3, to: 5, cause: 'change', content: CONTENT, token: 'token' },
};

const EVENTS: readonly WatchEvent[] = [
  { kind: 'hello', intent: 'full', reason: 'no_token', targetRevision: 5, heartbeatMs: 15_000 },
  { kind: 'part', content: CONTENT },
  { kind: 'end', revision: 5, count: 1, stateHash: new Uint8Array(32), token: 'token' },
  DELTA,
  { kind: 'bookmark', revision: 5, headHash: 'ab', stalenessMs: 7, now: 1_000, token: 'token' },
  { kind: 'goodbye', reason: 'shutdown', retryAfterMs: 9, token: 'token' },
];

describe('a watch event in its envelope', () => {
  it.each(EVENTS)('is the message, for $kind', (event) => {
    const envelope = writeWatchEvent(PLACE, event);
    expect(envelope[0]).toBe(0);
    expect(new DataView(envelope.buffer, envelope.byteOffset).getUint32(1)).toBe(envelope.length - 5);
    expect(fromBinary(WatchFlagsResponseSchema, envelope.subarray(5))).toEqual(watchMessage(PLACE, event));
  });

  it('is the same bytes for the same delta, and others for a delta of the same content with another token', () => {
    expect(writeWatchEvent(PLACE, DELTA)).toBe(writeWatchEvent(PLACE, DELTA));
    const other: WatchEvent = { ...DELTA, token: 'another' };
    expect(writeWatchEvent(PLACE, other)).not.toEqual(writeWatchEvent(PLACE, DELTA));
  });
});

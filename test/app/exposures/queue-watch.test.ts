import { describe, expect, it, vi } from 'vitest';
import { QueueWatch } from '../../../src/app/exposures/queue-watch.ts';
import { recordedParcel, writingPlace } from './writing.ts';

describe('a watch over a queue', () => {
  it('has what the queue said last, and asks again at most once a second', async () => {
    await using place = await writingPlace();
    const asked = vi.spyOn(place.queue, 'state');
    const watch = new QueueWatch(place.queue, place.clock);
    await place.publish(recordedParcel(1));
    expect(watch.last).toEqual({ waiting: 0, bytes: 0 });
    await vi.waitFor(() => expect(watch.last.waiting).toBe(1));
    await place.publish(recordedParcel(2));
    place.clock.advance(999);
    expect([watch.last.waiting, asked.mock.calls.length]).toEqual([1, 1]);
    place.clock.advance(1);
    await vi.waitFor(() => expect(watch.last.waiting).toBe(2));
    expect(asked.mock.calls.length).toBe(2);
  });

  it('keeps it while the queue cannot be reached', async () => {
    await using place = await writingPlace();
    await place.publish(recordedParcel(1));
    const watch = new QueueWatch(place.queue, place.clock);
    await vi.waitFor(() => expect(watch.last.waiting).toBe(1));
    await place.queue[Symbol.asyncDispose]();
    place.clock.advance(1_000);
    expect(watch.last.waiting).toBe(1);
  });
});

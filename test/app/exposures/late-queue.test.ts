import { expect, test } from 'vitest';
import { LateQueue } from '../../../src/app/exposures/late-queue.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ScriptedQueue } from './scripted-queue.ts';

const parcel = { id: 'a:1', bytes: new Uint8Array([1]) };

function openLate(failures: number) {
  const inner = new ScriptedQueue();
  const clock = createFakeClock();
  const reports: string[] = [];
  let tries = 0;
  const queue = new LateQueue({
    clock,
    report: (problem) => void reports.push(problem),
    open: async () => {
      if (++tries <= failures) throw new Error('the file is damaged');
      return inner;
    },
  });
  return { queue, inner, clock, reports, tries: () => tries };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('is not opened before somebody needs it, and then once', async () => {
  const { queue, inner, tries } = openLate(0);
  expect([tries(), queue.connected()]).toEqual([0, false]);
  await Promise.all([queue.publish(parcel), queue.publish({ ...parcel, id: 'a:2' }), queue.state()]);
  expect([tries(), queue.connected(), inner.kept.size]).toEqual([1, true, 2]);
});

test('is a queue that cannot be reached while it cannot be opened, and is tried again by itself', async () => {
  const { queue, inner, clock, reports, tries } = openLate(2);
  let told = 0;
  using _subscription = queue.onConnected(() => told++);
  await expect(queue.publish(parcel)).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(queue.take(1, 0)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(tries()).toBe(1);
  clock.advance(250);
  await settled();
  clock.advance(500);
  await settled();
  expect([tries(), told]).toEqual([3, 1]);
  await queue.publish(parcel);
  expect(inner.kept.size).toBe(1);
  expect(reports).toEqual(['the queue of exposures cannot be opened', 'the queue of exposures is open']);
  inner.connect();
  expect(told).toBe(2);
});

test('is not opened any more once it is disposed of', async () => {
  const { queue, clock, tries } = openLate(1);
  await expect(queue.publish(parcel)).rejects.toMatchObject({ kind: 'unavailable' });
  await queue[Symbol.asyncDispose]();
  clock.advance(60_000);
  await expect(queue.publish(parcel)).rejects.toMatchObject({ kind: 'unavailable' });
  expect([tries(), clock.pending()]).toEqual([1, 0]);
});

import { describe, expect, test } from 'vitest';
import { ledgerOf, openRecording, type Recorded, someone } from './recording.ts';

async function evaluate(recorded: Recorded, times = 1): Promise<void> {
  const { recorder, clock } = recorded;
  const ann = someone('ann');
  for (let call = 0; call < times; call++) {
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
    await recorded.pass();
  }
}

/** Tries of one batch, as they came. */
function triesOf({ queue }: Recorded, id: string) {
  return queue.tries.filter((parcel) => parcel.id === id);
}

describe('a batch that nobody knows to be durable', () => {
  test('is sent again, byte for byte the same under the same name, and counts once', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'lost';
    await evaluate(recorded, 3);
    await recorded.pass(5_000);
    recorded.queue.connect();
    await recorded.pass(5_000);
    const tries = triesOf(recorded, 'run:1');
    expect(tries.length).toBeGreaterThan(2);
    for (const { bytes } of tries) expect(Buffer.from(bytes)).toEqual(Buffer.from(tries[0]?.bytes ?? []));
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 3, stored: 3, lost: {}, sequences: [1, 2, 3] });
  });

  test('is tried ever more rarely, alone, and at once when the queue is back', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'unavailable';
    await evaluate(recorded, 20);
    const { tries } = recorded.queue;
    const before = tries.length;
    await recorded.pass(60_000);
    expect(tries.length - before).toBeLessThan(15);
    expect(tries.length - before).toBeGreaterThan(3);
    expect(recorded.queue.mostOpen).toBe(1);
    recorded.queue.connect();
    await recorded.settle();
    expect(recorded.queue.kept.size).toBe(20);
    expect(recorded.reports).toEqual(['exposures are not taken, and wait', 'exposures are taken again']);
  });

  test('is kept as long as the queue has no room, for the queue drops nothing either', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'exhausted';
    await evaluate(recorded, 2);
    await recorded.pass(60_000);
    expect(recorded.recorder.lost).toBe(0);
    recorded.queue.mood = 'takes';
    await recorded.pass(11_000);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 2, stored: 2, lost: {} });
  });

  test('is one of sixty-four at most that are under way', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'hangs';
    await evaluate(recorded, 100);
    expect(recorded.queue.open).toBe(64);
    recorded.queue.connect();
    await recorded.pass(1_000);
    expect(recorded.queue.kept.size).toBe(100);
  });
});

describe('a batch that the queue can never take', () => {
  test('is declared lost by its number in the next one, with all that it had to tell', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'invalid';
    await evaluate(recorded, 2);
    recorded.queue.mood = 'takes';
    await recorded.pass(1_000);
    expect(recorded.batches()).toMatchObject([
      {
        sequence: 3,
        units: 0,
        acceptedSoFar: 2,
        losses: [
          { reason: 'too_large', units: 1, sequence: 2 },
          { reason: 'too_large', units: 1, sequence: 1 },
        ],
      },
    ]);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 2, balance: 2 });
  });

  test('is declared with the next thing to be told, and not on and on, where that cannot be told either', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'invalid';
    await evaluate(recorded);
    await recorded.pass(60_000);
    expect(recorded.queue.tries).toHaveLength(2);
    recorded.queue.mood = 'takes';
    await evaluate(recorded);
    await recorded.pass(1_000);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 2, stored: 1, lost: { too_large: 1 } });
  });
});

describe('a stop', () => {
  test('tells what could not be told before', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'invalid';
    await evaluate(recorded);
    await recorded.pass(60_000);
    recorded.queue.mood = 'takes';
    await recorded.recorder.stop(1_000);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 1, balance: 1, lost: { too_large: 1 } });
  });

  test('waits until everything is durable', async () => {
    const recorded = openRecording();
    const { recorder, clock } = recorded;
    const ann = someone('ann');
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
    await recorder.stop(1_000);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 1, stored: 1 });
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
    await recorded.pass();
    expect(recorder.accepted).toBe(1);
  });

  test('ends in time when the queue is away, and says what is left behind', async () => {
    const recorded = openRecording();
    recorded.queue.mood = 'unavailable';
    await evaluate(recorded);
    const stopped = recorded.recorder.stop(1_000);
    recorded.clock.advance(1_000);
    await stopped;
    expect(recorded.reports).toContain('exposures are left behind, for the queue did not take them');
    await recorded.recorder[Symbol.asyncDispose]();
    expect(recorded.clock.pending()).toBe(0);
  });
});

test('what was accepted is noted before anybody can store it', async () => {
  const recorded = openRecording();
  const seen: [number, number][] = [];
  recorded.onNote((accepted) => seen.push([accepted, recorded.queue.tries.length]));
  await evaluate(recorded, 2);
  expect(seen).toEqual([
    [1, 0],
    [2, 1],
  ]);
});

const ann = someone('ann');

test('what was accepted is noted although the queue takes nothing of it', async () => {
  const recorded = openRecording({ maxBytes: 2 ** 20 });
  const { recorder, clock, queue } = recorded;
  queue.mood = 'unavailable';
  for (let user = 0; user < 3_000; user++) {
    const context = someone(`${user} `.padEnd(200, 'x'));
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
  }
  await recorded.pass(3_000);
  const seen: number[] = [];
  recorded.onNote((accepted) => seen.push(accepted));
  recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
  await recorded.pass();
  expect([seen, recorder.publishedBatches]).toEqual([[3_001], 0]);
  queue.connect();
  await recorded.pass();
  expect(recorded.batches().reduce((sum, { units }) => sum + units, 0)).toBe(3_001);
});

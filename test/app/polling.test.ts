import { expect, it } from 'vitest';
import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { Polling } from '../../src/app/polling.ts';
import { createFakeClock } from '../support/fake-clock.ts';

async function polling() {
  const clock = createFakeClock();
  const hub = createInProcessHub();
  const bus = hub.connect();
  const times: number[] = [];
  const one = new Polling({ bus, clock, report: () => undefined, random: () => 1 }, async () => {
    times.push(clock.monotonic());
    return clock.monotonic();
  });
  await one.start();
  const startedAt = clock.monotonic();
  return {
    hub,
    /** Lets time pass in small steps, as it does. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(100);
        await new Promise(setImmediate);
      }
    },
    times: () => times.map((time) => time - startedAt),
    [Symbol.asyncDispose]: () => one[Symbol.asyncDispose](),
  };
}

it('asks every two seconds while the bus is there, and every half second while it is not', async () => {
  await using poll = await polling();
  await poll.pass(4_000);
  expect(poll.times()).toEqual([0, 2_000, 4_000]);
  poll.hub.cut();
  await poll.pass(1_500);
  expect(poll.times().slice(3)).toEqual([4_500, 5_000, 5_500]);
});

it('asks within half a second of losing the bus, wherever it was in its round', async () => {
  await using poll = await polling();
  await poll.pass(300);
  poll.hub.cut();
  await poll.pass(300);
  expect(poll.times()).toEqual([0, 500]);
});

it('asks at once when the bus is back', async () => {
  await using poll = await polling();
  const cut = poll.hub.cut();
  await poll.pass(600);
  cut[Symbol.dispose]();
  await new Promise(setImmediate);
  expect(poll.times()).toEqual([0, 500, 600]);
});

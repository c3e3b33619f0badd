import { expect, it } from 'vitest';
import { fineClock } from '../../src/server/fine-clock.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** Counts whole milliseconds since the epoch, as the clocks of machines do. */
function coarseClock() {
  const clock = createFakeClock(Date.UTC(2026, 0, 1) + 0.7);
  return { ...clock, time: clock.now, now: () => Math.floor(clock.now()) };
}

it('goes on between the ticks of the clock of the machine, and is with it at each', () => {
  const clock = coarseClock();
  const now = fineClock(clock);
  const first = now();
  clock.advance(0.25);
  expect(now()).toBe(first + 0.25);
  for (let steps = 0; steps < 100; steps++) {
    clock.advance(0.1);
    expect(Math.abs(now() - clock.time())).toBeLessThan(1);
  }
  expect(Math.abs(now() - clock.time())).toBeLessThan(0.11);
});

it.each([[-3_600_000], [3_600_000]])('follows when the clock is set by %d ms', (ms) => {
  const clock = coarseClock();
  const now = fineClock(clock);
  now();
  clock.jump(ms);
  expect(Math.abs(now() - clock.time())).toBeLessThan(1);
});

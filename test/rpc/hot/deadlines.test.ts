import { expect, it } from 'vitest';
import { Deadlines } from '../../../src/rpc/hot/deadlines.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

it('sets no alarm for calls that are answered within a moment, however many', () => {
  const clock = createFakeClock();
  const deadlines = new Deadlines(clock);
  let armed = 0;
  for (let call = 0; call < 1_000; call++) deadlines.watch({ arm: () => void armed++ }, 10_000);
  expect([armed, clock.pending()]).toEqual([0, 1]);
  clock.advance(20);
  expect([armed, clock.pending()]).toEqual([1_000, 0]);
});

it('arms at once whoever cannot wait for that', () => {
  const clock = createFakeClock();
  let armed = 0;
  new Deadlines(clock).watch({ arm: () => void armed++ }, 20);
  expect([armed, clock.pending()]).toEqual([1, 0]);
});

it('looks at those again that came while it looked', () => {
  const clock = createFakeClock();
  const deadlines = new Deadlines(clock);
  let armed = 0;
  const second = { arm: () => void armed++ };
  deadlines.watch({ arm: () => deadlines.watch(second, 10_000) }, 10_000);
  clock.advance(20);
  expect(armed).toBe(0);
  clock.advance(20);
  expect([armed, clock.pending()]).toEqual([1, 0]);
});

it('wakes by a clock that does not jump', () => {
  const clock = createFakeClock();
  const deadlines = new Deadlines(clock);
  let woken = 0;
  deadlines.at(deadlines.now() + 100, () => void woken++);
  deadlines.at(deadlines.now() + 100, () => void woken++)[Symbol.dispose]();
  clock.jump(1_000_000);
  clock.advance(99);
  expect(woken).toBe(0);
  clock.advance(1);
  expect([woken, clock.pending()]).toEqual([1, 0]);
});

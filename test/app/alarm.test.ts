import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Alarm } from '../../src/app/alarm.ts';
import { createFakeClock } from '../support/fake-clock.ts';

it('runs every task at its time, in order, and none that was disposed of', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1_000_000), fc.boolean())), (plans) => {
      const clock = createFakeClock(0);
      using alarm = new Alarm(clock);
      const rung: { at: number; now: number }[] = [];
      const handles = plans.map(([at]) => alarm.at(at, () => rung.push({ at, now: clock.now() })));
      plans.forEach(([, isOff], index) => {
        if (isOff) handles[index]?.[Symbol.dispose]();
      });
      clock.advance(1_000_000);
      const expected = plans.flatMap(([at, isOff]) => (isOff ? [] : [at])).sort((a, b) => a - b);
      expect(rung.map(({ at }) => at)).toEqual(expected);
      expect(rung.every(({ at, now }) => now >= at)).toBe(true);
    }),
  );
});

it('does not keep what was disposed of until its time comes', () => {
  const clock = createFakeClock(0);
  using alarm = new Alarm(clock);
  let rung = 0;
  alarm.at(10_000_000, () => void rung++);
  for (let each = 0; each < 10_000; each++) alarm.at(5_000_000 + each, () => void rung++)[Symbol.dispose]();
  expect(alarm.size).toBeLessThan(1_000);
  clock.advance(10_000_000);
  expect(rung).toBe(1);
});

it('looks at the clock again when it jumps', () => {
  const clock = createFakeClock(0);
  using alarm = new Alarm(clock);
  let rung = 0;
  alarm.at(3_600_000, () => void rung++);
  clock.jump(3_600_000);
  clock.advance(30_000);
  expect(rung).toBe(1);
});

import { describe, expect, it } from 'vitest';
import { createFakeClock } from './fake-clock.ts';

describe('createFakeClock', () => {
  it('runs what falls due in order, each at its own moment, tasks of tasks included', () => {
    const clock = createFakeClock(1_000);
    const ran: string[] = [];
    const note = (name: string) => ran.push(`${name} at ${clock.monotonic()}/${clock.now()}`);
    clock.after(30, () => note('c'));
    clock.after(10, () => {
      note('a');
      clock.after(10, () => note('b'));
      clock.after(100, () => note('never'));
    });
    clock.advance(40);
    expect(ran).toEqual(['a at 10/1010', 'b at 20/1020', 'c at 30/1030']);
    expect(clock.monotonic()).toBe(40);
    expect(clock.pending()).toBe(1);
  });

  it('never runs a task whose handle was disposed', () => {
    const clock = createFakeClock();
    let runs = 0;
    const handle = clock.after(10, () => runs++);
    clock.after(5, () => handle[Symbol.dispose]());
    clock.advance(100);
    expect(runs).toBe(0);
  });

  it('moves the wall clock alone when it jumps', () => {
    const clock = createFakeClock(1_000);
    let runs = 0;
    clock.after(10, () => runs++);
    clock.jump(-500);
    expect([clock.now(), clock.monotonic(), runs]).toEqual([500, 0, 0]);
  });
});

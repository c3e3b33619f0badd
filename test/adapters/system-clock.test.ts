import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';

const DAY_MS = 86_400_000;

describe('systemClock', () => {
  it('tells the time of this machine', () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('runs a task only once its delay has passed by the monotonic clock', async () => {
    for (const delayMs of [0, 1, 1.5, 3, 7.2]) {
      const start = systemClock.monotonic();
      await new Promise<void>((resolve, reject) => {
        const alive = setTimeout(() => reject(new Error('the task never ran')), 5_000);
        systemClock.after(delayMs, () => {
          clearTimeout(alive);
          resolve();
        });
      });
      expect(systemClock.monotonic() - start).toBeGreaterThanOrEqual(delayMs);
    }
  });

  it('does not keep the process alive', () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    using _handle = systemClock.after(DAY_MS, () => {});
    expect(timers()).toBe(before);
    const kept = setTimeout(() => {}, DAY_MS);
    expect(timers()).toBe(before + 1);
    clearTimeout(kept);
  });
});

describe('systemClock, with time under control', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('runs a task once', () => {
    const task = vi.fn();
    systemClock.after(1_000, task);
    vi.advanceTimersByTime(999);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10_000);
    expect(task).toHaveBeenCalledTimes(1);
  });

  it('never runs a task whose handle was disposed', () => {
    const task = vi.fn();
    systemClock.after(1_000, task)[Symbol.dispose]();
    vi.advanceTimersByTime(10_000);
    expect(task).not.toHaveBeenCalled();
  });

  it('waits longer than a timer can', () => {
    const task = vi.fn();
    systemClock.after(100 * DAY_MS, task);
    vi.advanceTimersByTime(100 * DAY_MS - 1);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(task).toHaveBeenCalledTimes(1);
  });

  it('can dispose a long wait in any of its pieces', () => {
    const task = vi.fn();
    const handle = systemClock.after(100 * DAY_MS, task);
    vi.advanceTimersByTime(60 * DAY_MS);
    handle[Symbol.dispose]();
    vi.advanceTimersByTime(100 * DAY_MS);
    expect(task).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

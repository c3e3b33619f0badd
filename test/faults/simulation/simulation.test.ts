import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants/mutants.ts';
import { runSchedule } from './schedule.ts';
import { simulate } from './simulate.ts';

/** The same schedules for the service as it is, and for every bug that is planted in it. */
const SCHEDULES = { first: 1, count: 40 };

describe('a simulated fleet', { timeout: 120_000 }, () => {
  it('keeps every invariant, whatever happens to it', async () => {
    const { broken, schedules, ...seen } = await simulate(SCHEDULES);
    expect(broken).toEqual({});
    expect(schedules).toBe(SCHEDULES.count);
    expect(seen.operations).toBeGreaterThan(3_000);
    expect(seen.operationsInFaults).toBeGreaterThan(800);
    expect(seen.resumes).toBeGreaterThan(500);
    expect(seen.evaluations).toBeGreaterThan(4_000);
  });

  it.each(Object.entries(MUTANTS))('is seen to break with the bug %s', async (mutant, { breaks }) => {
    const { broken } = await simulate({ ...SCHEDULES, mutant, until: breaks });
    expect(Object.keys(broken)).toContain(breaks);
  });

  it('does the same again for the same seed, and something else for another', async () => {
    const [first, again, other] = [await runSchedule(7), await runSchedule(7), await runSchedule(8)];
    expect(again.log).toEqual(first.log);
    expect(again.watchers).toEqual(first.watchers);
    expect(other.log).not.toEqual(first.log);
  });
});

import { describe, expect, it } from 'vitest';
import { EXPOSURE_MUTANTS } from '../mutants/exposure-mutants.ts';
import { simulateExposures } from './simulate-exposures.ts';

/** The same schedules for the service as it is, and for every bug that is planted in it. */
const SCHEDULES = { first: 1, count: 12 };

describe('simulated recording', { timeout: 180_000 }, () => {
  it('accounts for everything, whatever happens to it', async () => {
    const seen = await simulateExposures(SCHEDULES);
    expect(seen).toMatchObject({ schedules: SCHEDULES.count, broken: [] });
    expect(seen.stored).toBeGreaterThan(3_000);
    expect(seen.killed).toBeGreaterThan(30);
    expect(seen.lost).toBeGreaterThan(30);
    expect(seen.letters).toBeGreaterThan(20);
  });

  it.each(Object.keys(EXPOSURE_MUTANTS))('is seen to break with the bug %s', async (mutant) => {
    const { broken } = await simulateExposures({ ...SCHEDULES, mutant });
    expect(broken).not.toEqual([]);
  });
});

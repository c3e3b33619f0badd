import { describe, expect, it, vi } from 'vitest';
import { Retention } from '../../../src/app/exposures/retention.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { Retention as Limits } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];
const times = { rowsMs: 30 * DAY_MS, minutesMs: 7 * DAY_MS, rollupsMs: 400 * DAY_MS };

/** A store that notes what it is asked to forget, and when; and can be away. */
function retained() {
  const clock = createFakeClock();
  const asked: { readonly at: number; readonly limits: Limits }[] = [];
  const reports: string[] = [];
  let isAway = false;
  const store = {
    ...createExposureModel(),
    expire: async (limits: Limits) => {
      asked.push({ at: clock.monotonic(), limits });
      if (isAway) throw new FlagError('unavailable', 'the store cannot be reached');
    },
  };
  const retention = new Retention({ store, times, clock, report: (problem) => void reports.push(problem) });
  const setAway = (away: boolean) => {
    isAway = away;
  };
  const settled = (count: number) =>
    vi.waitFor(() => expect([asked.length, clock.pending()]).toEqual([count, 1]));
  return { clock, asked, reports, retention, settled, setAway };
}

describe('retention', () => {
  it('has the store forget what is older than it may be, each kind by its own age, once an hour', async () => {
    const { clock, asked, retention, settled } = retained();
    clock.advance(MINUTE_MS);
    await settled(1);
    clock.advance(HOUR_MS);
    await settled(2);
    const now = clock.now();
    expect(asked[1]?.limits).toEqual({
      rowsBefore: now - 30 * DAY_MS,
      minutesBefore: now - 7 * DAY_MS,
      rollupsBefore: now - 400 * DAY_MS,
    });
    await retention[Symbol.asyncDispose]();
    clock.advance(DAY_MS);
    expect(asked).toHaveLength(2);
  });

  it('tries again soon when the store cannot be reached, and says so', async () => {
    const { clock, asked, reports, retention, settled, setAway } = retained();
    setAway(true);
    clock.advance(MINUTE_MS);
    await settled(1);
    clock.advance(5 * MINUTE_MS);
    await settled(2);
    setAway(false);
    clock.advance(5 * MINUTE_MS);
    await settled(3);
    clock.advance(HOUR_MS - 1);
    expect([asked.length, new Set(reports)]).toEqual([3, new Set(['old exposures cannot be removed'])]);
    await retention[Symbol.asyncDispose]();
  });
});

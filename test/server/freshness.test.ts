import { describe, expect, it } from 'vitest';
import { type FreshnessOptions, watchFreshness } from '../../src/server/freshness.ts';
import { createReadiness } from '../../src/server/readiness.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const OPTIONS: FreshnessOptions = { maxStalenessMs: 60_000, servesStale: true, coldStartMs: 10_000 };

/** A process that follows a log; what it knows of that is set by the test. */
function processWith(options: Partial<FreshnessOptions> = {}) {
  const clock = createFakeClock();
  const readiness = createReadiness([]);
  readiness.unblock('starting');
  const state = {
    reachedAt: Number.NEGATIVE_INFINITY,
    verifiedAt: Number.NEGATIVE_INFINITY,
    isReachable: false,
  };
  const since = (at: number) => clock.monotonic() - at;
  const log = {
    silenceMs: () => since(state.reachedAt),
    stalestMs: () => Math.max(since(state.verifiedAt), since(state.reachedAt)),
    get isReachable() {
      return state.isReachable;
    },
  };
  const watching = watchFreshness(log, readiness, { ...OPTIONS, ...options }, clock);
  return {
    clock,
    state,
    reasons: () => readiness.reasons(),
    /** The log answers from now on; `verified`: and everything in it is here. */
    reach(verified = true) {
      state.isReachable = true;
      state.reachedAt = clock.monotonic();
      if (verified) state.verifiedAt = clock.monotonic();
    },
    lose() {
      state.isReachable = false;
    },
    [Symbol.dispose]: () => watching[Symbol.dispose](),
  };
}

describe('a process that started from what it had saved', () => {
  it('is sent calls after a time that can be set, or once it has reached the log', () => {
    using patient = processWith();
    expect(patient.reasons()).toEqual(['unverified']);
    patient.clock.advance(9_000);
    expect(patient.reasons()).toEqual(['unverified']);
    patient.clock.advance(1_000);
    expect(patient.reasons()).toEqual([]);
    using hasty = processWith({ coldStartMs: 0 });
    expect(hasty.reasons()).toEqual([]);
    using lucky = processWith();
    lucky.clock.advance(1_500);
    lucky.reach();
    lucky.clock.advance(500);
    expect(lucky.reasons()).toEqual([]);
  });
});

describe('a process that cannot reach the log any more', () => {
  it('is sent calls for as long as it takes', () => {
    using process = processWith();
    process.reach();
    process.lose();
    process.clock.advance(3_600_000);
    expect(process.reasons()).toEqual([]);
  });

  it('is sent none after a while if it is not to serve what is old', () => {
    using process = processWith({ servesStale: false });
    expect(process.reasons()).toEqual(['stale', 'unverified']);
    process.reach();
    process.lose();
    process.clock.advance(60_000);
    expect(process.reasons()).toEqual([]);
    process.clock.advance(2_000);
    expect(process.reasons()).toEqual(['stale']);
    process.reach();
    process.clock.advance(1_000);
    expect(process.reasons()).toEqual([]);
  });
});

describe('a process that reaches the log and cannot follow it', () => {
  it('is sent no calls once it is behind for too long, whatever it is to do with what is old', () => {
    using process = processWith();
    process.reach();
    for (let minute = 0; minute < 2; minute++) {
      process.clock.advance(31_000);
      process.reach(false);
    }
    process.clock.advance(1_000);
    expect(process.reasons()).toEqual(['behind']);
    process.reach();
    process.clock.advance(1_000);
    expect(process.reasons()).toEqual([]);
  });
});

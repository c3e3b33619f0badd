import { describe, expect, test } from 'vitest';
import { type Evidence, judge } from '../../../src/app/guards/judge.ts';
import type { Guard, Rule } from '../../../src/core/model.ts';
import { createRandom } from '../../attacks/random.ts';

const GUARD: Guard = {
  event: '',
  worse: 'higher',
  threshold: 2_000,
  minimumSample: 100,
  windowSeconds: 60,
  stages: [5_000, 20_000, 100_000],
  onRegression: 'step_back',
};

function ruleAt(weight: number): Rule {
  const serve = { kind: 'variation', variation: 'on' } as const;
  return { id: 'rollout', name: '', priority: 1, rollout: { weight }, serve, recordExposures: true };
}

/** Of those with `on`; by default 10 of 1,000 unless said otherwise. */
function seen(hits: number, total: number, more: Partial<Evidence> = {}): Evidence {
  const base = { hits: 10, total: 1_000 };
  return { served: [{ variation: 'on', hits, total }], base, elapsedMs: 60_000, nowMs: 0, ...more };
}

/** Of how many rollouts it is true. */
function rollouts(count: number, claim: () => boolean): number {
  return Array.from({ length: count }, claim).filter(Boolean).length;
}

describe('a guard with a threshold', () => {
  test('goes to the next stage after a window in which all was well', () => {
    const verdict = judge(ruleAt(5_000), GUARD, seen(1, 200));
    expect(verdict).toMatchObject({ kind: 'forward', weight: 20_000 });
    expect(verdict).toMatchObject({ why: expect.stringContaining('1 of 200 people with on (0.5 %)') });
  });

  test('says so when nobody had any, for then they may not be reported at all', () => {
    const quiet = { base: { hits: 0, total: 1_000 } };
    const why = expect.stringContaining('; nobody had any, so see that they are reported: from 5 % to 20 %');
    expect(judge(ruleAt(5_000), GUARD, seen(0, 200, quiet))).toMatchObject({ kind: 'forward', why });
    expect(judge(ruleAt(5_000), GUARD, seen(0, 200))).not.toMatchObject({ why });
  });

  test('stays where it is until the window is over', () => {
    expect(judge(ruleAt(5_000), GUARD, seen(1, 200, { elapsedMs: 59_999 }))).toEqual({ kind: 'wait' });
  });

  test('steps back at once when more have fared badly than chance can explain', () => {
    const verdict = judge(ruleAt(20_000), GUARD, seen(40, 200, { elapsedMs: 5_000 }));
    expect(verdict).toMatchObject({ kind: 'back', weight: 5_000 });
    expect(verdict).toMatchObject({
      why: '40 of 200 people with on (20 %) had an error or a crash within 5 s, 10 of 1000 by default (1 %), at most 2 % is fine: back from 20 % to 5 %',
    });
  });

  test('steps back to nobody from the first stage', () => {
    expect(judge(ruleAt(5_000), GUARD, seen(40, 200))).toMatchObject({ kind: 'back', weight: 0 });
  });

  test('halts if that is what it is for', () => {
    const halting = { ...GUARD, onRegression: 'halt' } as const;
    expect(judge(ruleAt(5_000), halting, seen(40, 200))).toMatchObject({ kind: 'halt' });
  });

  test('does neither on a rate that is too high but may be chance', () => {
    expect(judge(ruleAt(5_000), GUARD, seen(5, 200))).toEqual({ kind: 'wait' });
  });

  test('takes one event among few for chance, even if that is a share far beyond what is fine', () => {
    const strict = { ...GUARD, threshold: 100 };
    expect(judge(ruleAt(5_000), strict, seen(1, 100))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(5_000), strict, seen(4, 100))).toMatchObject({ kind: 'back' });
  });

  test('takes one event for bad if none is fine', () => {
    expect(judge(ruleAt(5_000), { ...GUARD, threshold: 0 }, seen(1, 100_000))).toMatchObject({
      kind: 'back',
    });
    expect(judge(ruleAt(5_000), { ...GUARD, threshold: 0 }, seen(0, 100))).toMatchObject({ kind: 'forward' });
  });

  test('may be asked as often as one likes: at its limit one rollout in a hundred is stepped back, not one in six', () => {
    const random = createRandom(7);
    const isSteppedBack = () => {
      for (let hits = 0, total = 1; total <= 5_000; total++) {
        if (random.oneIn(50)) hits++;
        if (total % 10 > 0) continue;
        const verdict = judge(ruleAt(5_000), GUARD, seen(hits, total, { elapsedMs: 0 }));
        if (verdict.kind === 'back') return true;
      }
      return false;
    };
    expect(rollouts(1_000, isSteppedBack)).toBeLessThanOrEqual(10);
  });

  test('decides nothing by fewer people than it was told to ask', () => {
    expect(judge(ruleAt(5_000), GUARD, seen(99, 99))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(5_000), GUARD, seen(0, 99))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(5_000), GUARD, { ...seen(0, 0), served: [] })).toEqual({ kind: 'wait' });
  });

  test('goes on watching at its last stage', () => {
    expect(judge(ruleAt(100_000), GUARD, seen(0, 500))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(100_000), GUARD, seen(100, 500))).toMatchObject({ kind: 'back', weight: 20_000 });
  });

  test('is set off by one variation of a split, whatever the others do', () => {
    const served = [
      { variation: 'blue', hits: 0, total: 500 },
      { variation: 'red', hits: 60, total: 500 },
    ];
    const verdict = judge(ruleAt(20_000), GUARD, { ...seen(0, 0), served });
    expect(verdict).toMatchObject({ kind: 'back', why: expect.stringContaining('with red') });
  });

  test('does not go forward while one variation of a split was hardly seen', () => {
    const served = [
      { variation: 'blue', hits: 0, total: 500 },
      { variation: 'red', hits: 0, total: 50 },
    ];
    expect(judge(ruleAt(20_000), GUARD, { ...seen(0, 0), served })).toEqual({ kind: 'wait' });
  });
});

describe('a guard that rests', () => {
  const resting: Rule = {
    ...ruleAt(20_000),
    guardState: { status: 'resting', since: '2030-01-01T00:00:00.000Z', note: '' },
  };

  test('never goes forward, and still steps back', () => {
    expect(judge(resting, GUARD, seen(0, 500))).toEqual({ kind: 'wait' });
    expect(judge(resting, GUARD, seen(100, 500))).toMatchObject({ kind: 'back', weight: 5_000 });
  });
});

describe('a guard beside a ramp', () => {
  test('says which rollout it ends: that of the ramp', () => {
    const [startsAt, endsAt] = ['1970-01-01T00:00:00.000Z', '1970-01-01T01:40:00.000Z'];
    const ramp = { kind: 'linear', startsAt, endsAt, fromWeight: 0, toWeight: 100_000 } as const;
    const verdict = judge(
      { ...ruleAt(1_000), ramp },
      { ...GUARD, stages: [] },
      seen(40, 200, { nowMs: 600_000 }),
    );
    expect(verdict).toMatchObject({ kind: 'back', why: expect.stringContaining('back from 10 % to 0 %') });
  });
});

describe('a guard of something good', () => {
  const buying: Guard = { ...GUARD, event: 'purchase', worse: 'lower', threshold: 10_000 };

  test('steps back when too few do it', () => {
    expect(judge(ruleAt(20_000), buying, seen(4, 200))).toMatchObject({
      kind: 'back',
      why: expect.stringContaining('had purchase within 60 s'),
    });
  });

  test('gives people a window to do it in', () => {
    expect(judge(ruleAt(20_000), buying, seen(0, 5_000, { elapsedMs: 59_999 }))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(20_000), buying, seen(0, 5_000))).toMatchObject({ kind: 'back' });
  });

  test('goes forward when enough do it', () => {
    expect(judge(ruleAt(20_000), buying, seen(30, 200))).toMatchObject({ kind: 'forward' });
  });
});

describe('a guard against the default variation', () => {
  const { threshold, ...rest } = GUARD;
  const relative: Guard = { ...rest, relativeRegression: 50_000 };

  test('steps back when people fare worse than by default beyond what is fine', () => {
    const verdict = judge(ruleAt(20_000), relative, seen(30, 500));
    expect(verdict).toMatchObject({
      kind: 'back',
      why: expect.stringContaining('50 % more than by default is fine'),
    });
  });

  test('goes forward within what is fine', () => {
    expect(judge(ruleAt(20_000), relative, seen(7, 500))).toMatchObject({ kind: 'forward' });
  });

  test('may be asked as often as one likes', () => {
    const random = createRandom(7);
    const alike = { ...relative, relativeRegression: 0 };
    const isSteppedBack = () => {
      for (let hits = 0, baseHits = 0, total = 1; total <= 5_000; total++) {
        if (random.oneIn(20)) hits++;
        if (random.oneIn(20)) baseHits++;
        if (total % 10 > 0) continue;
        const more = { elapsedMs: 0, base: { hits: baseHits, total } };
        if (judge(ruleAt(5_000), alike, seen(hits, total, more)).kind === 'back') return true;
      }
      return false;
    };
    expect(rollouts(1_000, isSteppedBack)).toBeLessThanOrEqual(10);
  });

  test('decides nothing while there is nobody to compare with', () => {
    const alone = { base: { hits: 0, total: 99 } };
    expect(judge(ruleAt(20_000), relative, seen(300, 500, alone))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(20_000), relative, seen(0, 500, alone))).toEqual({ kind: 'wait' });
  });

  test('goes forward beside a default without an event only while there is none here either', () => {
    const spotless = { base: { hits: 0, total: 1_000 } };
    expect(judge(ruleAt(20_000), relative, seen(0, 500, spotless))).toMatchObject({ kind: 'forward' });
    expect(judge(ruleAt(20_000), relative, seen(1, 500, spotless))).toEqual({ kind: 'wait' });
    expect(judge(ruleAt(20_000), relative, seen(30, 500, spotless))).toMatchObject({ kind: 'back' });
  });

  test('steps back when fewer buy than by default', () => {
    const buying: Guard = { ...relative, event: 'purchase', worse: 'lower', relativeRegression: 20_000 };
    const base = { hits: 200, total: 1_000 };
    expect(judge(ruleAt(20_000), buying, seen(40, 500, { base }))).toMatchObject({ kind: 'back' });
    expect(judge(ruleAt(20_000), buying, seen(95, 500, { base }))).toMatchObject({ kind: 'forward' });
  });
});

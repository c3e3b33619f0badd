import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Guards } from '../../../src/app/guards/guards.ts';
import { createFlag } from '../../../src/app/manage/flags.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import { revertTo } from '../../../src/app/manage/revert.ts';
import { createRule, setRollout, updateRule } from '../../../src/app/manage/rules.ts';
import { disableFlag, enableFlag } from '../../../src/app/manage/settings.ts';
import { settingsOf } from '../../../src/app/project-state.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { FlagSettings, Guard, Rule } from '../../../src/core/model.ts';
import type { OutcomeQuery, VariationOutcome } from '../../../src/ports/exposure-store.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import { checkout } from '../manage/shop.ts';

const GUARD: Guard = {
  event: '',
  worse: 'higher',
  threshold: 2_000,
  minimumSample: 100,
  windowSeconds: 60,
  stages: [5_000, 20_000, 100_000],
  onRegression: 'step_back',
};
const AT = { environment: 'production', flag: 'checkout' };

let instance: Instance;
let asked: OutcomeQuery[];
/** How many of 200 with `on` fared badly. */
let hits: number;
let isAway: boolean;
const guards: Guards[] = [];

beforeEach(async () => {
  instance = await openInstance();
  [asked, hits, isAway] = [[], 0, false];
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production'] }),
  );
  await instance.commit('shop', createFlag({ ...checkout, enabledIn: ['production'] }));
});
afterEach(async () => {
  for (const each of guards.splice(0)) each[Symbol.dispose]();
  await instance[Symbol.asyncDispose]();
});

function outcomeOf(variation: string, subjects: number, affected: number): VariationOutcome {
  const events = affected;
  return { variation, subjects, evaluations: subjects, affected, events, sum: 0, sumOfSquares: 0 };
}

/** A replica's guards, who see `hits` of 200. */
function open(): void {
  const outcomes = (_place: unknown, query: OutcomeQuery): Promise<readonly VariationOutcome[]> => {
    if (isAway) return Promise.reject(new FlagError('unavailable', 'the tables are away'));
    asked.push(query);
    const on = outcomeOf('on', 200, hits);
    return Promise.resolve(query.ruleId === undefined ? [outcomeOf('off', 1_000, 5), on] : [on]);
  };
  const { catalog, writer, clock } = instance;
  guards.push(
    new Guards({
      catalog,
      writer,
      clock,
      store: { outcomes },
      report: (problem) => instance.reports.push(problem),
    }),
  );
}

function guarded(weight: number, guard: Guard = GUARD): Rule {
  const serve = { kind: 'variation', variation: 'on' } as const;
  const rule = { id: 'rollout', name: '', priority: 1, rollout: { weight }, serve, recordExposures: true };
  return { ...rule, guard };
}

const settings = (): FlagSettings =>
  settingsOf(instance.catalog.state('shop'), 'production', 'checkout').state;
const ruleNow = () => settings().rules[0];

/** Lets the guards look until it is so. */
async function until(check: () => void, stepMs = 3_000): Promise<void> {
  await vi.waitFor(
    () => {
      instance.clock.advance(stepMs);
      check();
    },
    { interval: 10, timeout: 10_000 },
  );
}

async function newestChange() {
  const [change] = await instance.log.readBack('shop', Number.MAX_SAFE_INTEGER, 1);
  return change;
}

describe('a guarded rollout', () => {
  test('goes forward stage by stage while people fare well, each step by guard and with its numbers', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const startedAt = instance.clock.now();
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(20_000));
    expect(instance.clock.now() - startedAt).toBeGreaterThanOrEqual(60_000);
    expect(await newestChange()).toMatchObject({
      actor: 'guard',
      action: 'flag.guard.forward',
      reason: expect.stringContaining('0 of 200 people with on (0 %)'),
    });
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(100_000));
    expect(ruleNow()?.guardState).toMatchObject({
      status: 'watching',
      note: expect.stringContaining('to 100 %'),
    });
  });

  test('is stepped back within a window once people fare badly, and then rests', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const startedAt = instance.clock.now();
    hits = 40;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(5_000));
    expect(instance.clock.now() - startedAt).toBeLessThan(60_000);
    expect(ruleNow()?.guardState).toMatchObject({ status: 'resting' });
    expect(await newestChange()).toMatchObject({
      actor: 'guard',
      action: 'flag.guard.back',
      reason: expect.stringContaining('40 of 200 people with on (20 %)'),
    });
    const looks = asked.length;
    instance.clock.advance(600_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toHaveLength(looks);
  });

  test('halts the flag if that is what the guard is for, and says why', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000, { ...GUARD, onRegression: 'halt' })));
    hits = 40;
    await until(() => expect(settings().halt).toBeDefined());
    expect(settings().halt).toMatchObject({ by: 'guard', reason: expect.stringContaining('40 of 200') });
    expect(ruleNow()?.rollout?.weight).toBe(20_000);
  });

  test('moves once however many replicas watch over it', async () => {
    for (let replica = 0; replica < 4; replica++) open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const { revision } = instance.catalog.state('shop');
    hits = 40;
    await until(() => expect(ruleNow()?.guardState?.status).toBe('resting'));
    await until(() => expect(instance.catalog.state('shop').revision).toBe(revision + 1));
    expect(ruleNow()?.rollout?.weight).toBe(5_000);
  });

  test('is left alone while nobody can see how people fare, and watched again afterwards', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    isAway = true;
    await until(() => expect(instance.reports).toContain('a guard cannot see or act'));
    instance.clock.advance(600_000);
    expect(ruleNow()?.rollout?.weight).toBe(5_000);
    isAway = false;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(20_000));
  });

  test('does not count what was before it became what it is', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    await until(() => expect(asked.length).toBeGreaterThan(2));
    await instance.commit('shop', setRollout(AT, { ruleId: 'rollout', weight: 6_000, variation: '' }));
    const since = Date.parse(ruleNow()?.guardState?.since ?? '');
    asked = [];
    await until(() => expect(asked.length).toBeGreaterThan(1));
    expect(Math.min(...asked.map(({ from }) => from))).toBeGreaterThanOrEqual(since);
  });

  test('is not watched while the flag is off, and begins anew with it', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    await instance.commit('shop', disableFlag(AT));
    instance.clock.advance(60_000);
    await instance.commit('shop', enableFlag(AT));
    expect(Date.parse(ruleNow()?.guardState?.since ?? '')).toBe(instance.clock.now());
  });
});

describe('the state of a guard', () => {
  test('begins with the guard, whatever a caller says about it', async () => {
    const said = { status: 'resting', since: '2020-01-01T00:00:00.000Z', note: 'x' } as const;
    await instance.commit('shop', createRule(AT, { ...guarded(5_000), guardState: said }));
    const since = new Date(instance.clock.now()).toISOString();
    expect(ruleNow()?.guardState).toEqual({ status: 'watching', since, note: '' });
  });

  test('stays when something else about the flag changes', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const state = ruleNow()?.guardState;
    instance.clock.advance(1_000);
    await instance.commit('shop', updateRule(AT, { ...guarded(5_000), name: 'another name' }));
    expect(ruleNow()).toMatchObject({ name: 'another name', guardState: state });
  });

  test('begins anew when the flag is put back to an earlier revision', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const then = instance.catalog.state('shop');
    instance.clock.advance(1_000);
    await instance.commit('shop', setRollout(AT, { ruleId: 'rollout', weight: 50_000, variation: '' }));
    instance.clock.advance(1_000);
    await instance.commit('shop', revertTo(then, undefined));
    expect(ruleNow()?.rollout?.weight).toBe(5_000);
    expect(Date.parse(ruleNow()?.guardState?.since ?? '')).toBe(instance.clock.now());
  });

  test('goes with the guard', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const { guard, ...unguarded } = guarded(5_000);
    await instance.commit('shop', updateRule(AT, unguarded));
    expect(ruleNow()).not.toHaveProperty('guardState');
  });
});

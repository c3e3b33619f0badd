import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Guards } from '../../../src/app/guards/guards.ts';
import { archiveEnvironment } from '../../../src/app/manage/environments.ts';
import { archiveFlag, createFlag } from '../../../src/app/manage/flags.ts';
import { archiveProject, createProject, deleteProject } from '../../../src/app/manage/projects.ts';
import { createRule, deleteRule, setRollout } from '../../../src/app/manage/rules.ts';
import { disableFlag, enableFlag, haltFlag } from '../../../src/app/manage/settings.ts';
import { settingsOf } from '../../../src/app/project-state.ts';
import type { WatchEvent } from '../../../src/app/watch-events.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { FlagSettings, Guard, Rule } from '../../../src/core/model.ts';
import type { OutcomeQuery, VariationOutcome } from '../../../src/ports/exposure-store.ts';
import { type DefinitionsWatcher, watchDefinitions } from '../../support/definitions-watcher.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import { createServerKey } from '../../support/shop.ts';
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
/** How many of 200 with `on` fare badly, once so many have it. */
let [hits, brokenFrom]: [number, number] = [0, 0];
let isAway: boolean;
/** Nothing is in the tables of before and after. */
let [firstAt, lastAt]: [number, number] = [0, 0];
/** What an answer of the tables waits for. */
let gate: Promise<void> | undefined;
/** By how much the clock that all share is behind this one. */
let aheadMs: number;
const guards: Guards[] = [];

beforeEach(async () => {
  instance = await openInstance();
  [asked, hits, isAway, gate, aheadMs] = [[], 0, false, undefined, 0];
  [firstAt, lastAt] = [0, Number.POSITIVE_INFINITY];
  brokenFrom = 0;
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
  const outcomes = async (_place: unknown, query: OutcomeQuery): Promise<readonly VariationOutcome[]> => {
    if (isAway) throw new FlagError('unavailable', 'the tables are away');
    asked.push(query);
    const badly = brokenFrom > 0 && (ruleNow()?.rollout?.weight ?? 0) < brokenFrom ? 0 : hits;
    await gate;
    const { from, to, ruleId } = query;
    if (from > lastAt || to <= firstAt) return [];
    const on = outcomeOf('on', 200, badly);
    return ruleId === undefined ? [outcomeOf('off', 1_000, 5), on] : [on];
  };
  const { catalog, writer, clock } = instance;
  guards.push(
    new Guards({
      catalog,
      writer,
      clock,
      store: { outcomes },
      report: (problem) => instance.reports.push(problem),
      sharedNow: () => Promise.resolve(clock.now() - aheadMs),
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

/** Lets all that can be done now be done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Keeps what a watcher is told, until it leaves. */
async function readOn(watcher: DefinitionsWatcher, told: WatchEvent[]): Promise<void> {
  try {
    for (;;) told.push(await watcher.next());
  } catch (error) {
    expect(error).toMatchObject({ kind: 'cancelled' });
  }
}

/** Lets the guards look so many times more, and do what they want to. */
async function looks(count: number): Promise<void> {
  const before = asked.length;
  await until(() => expect(asked.length).toBeGreaterThanOrEqual(before + count));
  await settled();
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

  test('is told to who watches the definitions, each step as one change from one revision to the next', async () => {
    open();
    await instance.commit('shop', createServerKey);
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const watcher = watchDefinitions(instance);
    await watcher.started();
    const { revision } = instance.catalog.state('shop');
    const told: WatchEvent[] = [];
    const reading = readOn(watcher, told);
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(100_000));
    await vi.waitFor(() => expect(told.filter(({ kind }) => kind === 'delta')).toHaveLength(2));
    expect(told.filter(({ kind }) => kind === 'delta')).toMatchObject([
      { from: revision, to: revision + 1, cause: 'change' },
      { from: revision + 1, to: revision + 2, cause: 'change' },
    ]);
    watcher.leave();
    await reading;
  });

  test('is stepped back within a window once people fare badly, and then rests', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const startedAt = instance.clock.now();
    [hits, brokenFrom] = [40, 20_000];
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(5_000));
    expect(instance.clock.now() - startedAt).toBeLessThan(60_000);
    expect(ruleNow()?.guardState).toMatchObject({ status: 'resting' });
    expect(await newestChange()).toMatchObject({
      actor: 'guard',
      action: 'flag.guard.back',
      reason: expect.stringContaining('40 of 200 people with on (20 %)'),
    });
    await looks(50);
    expect(ruleNow()?.rollout?.weight).toBe(5_000);
  });

  test('is stepped back once more if that did not help, but not once nobody is in', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    hits = 40;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(0));
    expect(await newestChange()).toMatchObject({ reason: expect.stringContaining('from 5 % to 0 %') });
    const before = asked.length;
    instance.clock.advance(600_000);
    await settled();
    expect(asked).toHaveLength(before);
  });

  test('does not go forward again after a step back because the flag was off for a night', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    [hits, brokenFrom] = [40, 20_000];
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(5_000));
    await instance.commit('shop', disableFlag(AT));
    instance.clock.advance(60_000);
    await instance.commit('shop', enableFlag(AT));
    await looks(50);
    expect(ruleNow()).toMatchObject({ rollout: { weight: 5_000 }, guardState: { status: 'resting' } });
  });

  test('is stepped back for good, whatever ramp was to come', async () => {
    open();
    const startsAt = new Date(instance.clock.now() + 3_600_000).toISOString();
    const ramp = { kind: 'steps', steps: [{ startsAt, weight: 100_000 }] } as const;
    await instance.commit('shop', createRule(AT, { ...guarded(20_000, { ...GUARD, stages: [] }), ramp }));
    hits = 40;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(0));
    expect(ruleNow()).not.toHaveProperty('ramp');
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

  test('is said to be unwatched each time that the tables go, and not only half a minute later', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    isAway = true;
    await until(() => expect(instance.reports).toHaveLength(1));
    const saidAt = instance.clock.monotonic();
    isAway = false;
    await looks(1);
    isAway = true;
    await until(() => expect(instance.reports).toHaveLength(2), 1_000);
    expect(instance.clock.monotonic() - saidAt).toBeLessThan(20_000);
  });

  test('does not go forward on what is missing: the latest is still on its way', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    lastAt = instance.clock.now() + 45_000;
    await looks(40);
    expect(ruleNow()?.rollout?.weight).toBe(5_000);
    lastAt = Number.POSITIVE_INFINITY;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(20_000));
  });

  test('does not go forward on what is missing: nobody was served when the window began', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    firstAt = instance.clock.now() + 90_000;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(20_000));
    expect(instance.clock.now()).toBeGreaterThan(firstAt + 50_000);
  });

  test('does not go forward early because the clock of a machine is ahead', async () => {
    aheadMs = 300_000;
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const startedAt = instance.clock.now();
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(20_000));
    expect(instance.clock.now()).toBeGreaterThanOrEqual(startedAt + 360_000);
  });

  test.each([
    ['somebody changed the rule', () => setRollout(AT, { ruleId: 'rollout', weight: 6_000, variation: '' })],
    ['somebody halted the flag', () => haltFlag(AT, { by: 'anna', reason: 'fire' })],
    ['somebody deleted the rule', () => deleteRule(AT, 'rollout')],
    ['somebody archived the flag', () => archiveFlag('checkout')],
    ['somebody archived the environment', () => archiveEnvironment('production')],
    ['somebody archived the project', () => archiveProject()],
  ])('is left alone, and nobody is troubled, if meanwhile %s', async (_, plan) => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    [hits, gate] = [40, held.promise];
    await until(() => expect(asked).toHaveLength(1));
    await instance.commit('shop', plan());
    const { revision } = instance.catalog.state('shop');
    held.resolve();
    await settled();
    expect([instance.catalog.state('shop').revision, instance.reports]).toEqual([revision, []]);
  });

  test('is left alone, and nobody is troubled, if meanwhile somebody deleted the project', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    [hits, gate] = [40, held.promise];
    await until(() => expect(asked).toHaveLength(1));
    await instance.commit('shop', archiveProject());
    await instance.commit('shop', deleteProject());
    held.resolve();
    await settled();
    expect(await newestChange()).toMatchObject({ actor: 'test' });
    expect(instance.reports).toEqual([]);
  });

  test.each([
    ['sees nothing', true],
    ['sees what to do', false],
  ])('is left alone, and nobody is troubled, by a replica that has stopped when it %s', async (_, fails) => {
    open();
    await instance.commit('shop', createRule(AT, guarded(20_000)));
    const held = Promise.withResolvers<void>();
    [hits, gate] = [40, held.promise];
    await until(() => expect(asked).toHaveLength(1));
    guards[0]?.[Symbol.dispose]();
    const { revision } = instance.catalog.state('shop');
    if (fails) held.reject(new FlagError('unavailable', 'the tables are closed'));
    else held.resolve();
    await settled();
    expect([instance.catalog.state('shop').revision, instance.reports]).toEqual([revision, []]);
  });

  test('asks one thing in a look, unless there is something to do or to compare with', async () => {
    open();
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    await looks(3);
    expect(asked.map(({ ruleId }) => ruleId)).not.toContain(undefined);
    hits = 40;
    await until(() => expect(ruleNow()?.rollout?.weight).toBe(0));
    expect(asked.map(({ ruleId }) => ruleId)).toContain(undefined);
    expect(await newestChange()).toMatchObject({ reason: expect.stringContaining('5 of 1000 by default') });
  });

  test('is looked at as often as its own window asks for, whatever others there are', async () => {
    open();
    const day = { ...GUARD, windowSeconds: 86_400 };
    await instance.commit('shop', createRule(AT, guarded(5_000, day)));
    await instance.commit(
      'shop',
      createRule(AT, { ...guarded(5_000, { ...GUARD, windowSeconds: 10 }), id: 'fast' }),
    );
    for (let seconds = 0; seconds < 30; seconds++) {
      instance.clock.advance(1_000);
      await settled();
    }
    expect(asked.filter(({ ruleId }) => ruleId === 'rollout')).toHaveLength(2);
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

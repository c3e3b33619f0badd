import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFlag } from '../../../src/app/manage/flags.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import { revertTo } from '../../../src/app/manage/revert.ts';
import { createRule, setRollout, updateRule } from '../../../src/app/manage/rules.ts';
import { enableFlag, haltFlag, resumeFlag } from '../../../src/app/manage/settings.ts';
import { settingsOf } from '../../../src/app/project-state.ts';
import { type Plan, Writer } from '../../../src/app/writer.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { FlagSettings, Guard, GuardState, Rule } from '../../../src/core/model.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import { checkout } from '../manage/shop.ts';

const GUARD: Guard = {
  ...{ event: '', worse: 'higher', threshold: 2_000, minimumSample: 100, windowSeconds: 60 },
  ...{ stages: [5_000, 20_000, 100_000], onRegression: 'step_back' },
};
const AT = { environment: 'production', flag: 'checkout' };

let instance: Instance;
beforeEach(async () => {
  instance = await openInstance();
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production'] }),
  );
  await instance.commit('shop', createFlag({ ...checkout, enabledIn: ['production'] }));
});
afterEach(() => instance[Symbol.asyncDispose]());

function guarded(weight: number, guard: Guard = GUARD): Rule {
  const serve = { kind: 'variation', variation: 'on' } as const;
  const rule = { id: 'rollout', name: '', priority: 1, rollout: { weight }, serve, recordExposures: true };
  return { ...rule, guard };
}

const settings = (): FlagSettings =>
  settingsOf(instance.catalog.state('shop'), 'production', 'checkout').state;
const ruleNow = () => settings().rules[0];
const now = () => new Date(instance.clock.now()).toISOString();

/** The guard has stepped back, or halted. */
function acted(): Plan {
  return (state, at) => {
    const { state: before } = settingsOf(state, 'production', 'checkout');
    const guardState: GuardState = { status: 'resting', since: at, note: 'seen' };
    const rules = before.rules.map((rule) => ({ ...rule, guardState }));
    const next = { ...before, rules, updatedAt: at };
    return {
      operations: [{ op: 'put', object: { kind: 'settings', environment: 'production', state: next } }],
    };
  };
}

describe('the state of a guard', () => {
  test('begins with the guard, whatever a caller says about it', async () => {
    const said = { status: 'resting', since: '2020-01-01T00:00:00.000Z', note: 'x' } as const;
    await instance.commit('shop', createRule(AT, { ...guarded(5_000), guardState: said }));
    expect(ruleNow()?.guardState).toEqual({ status: 'watching', since: now(), note: '' });
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

  test('begins anew when somebody changes the rule at the very moment at which the guard acts', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    await instance.commit('shop', acted());
    expect(ruleNow()?.guardState).toMatchObject({ status: 'resting' });
    await instance.commit('shop', setRollout(AT, { ruleId: 'rollout', weight: 1_000, variation: '' }));
    expect(ruleNow()?.guardState).toEqual({ status: 'watching', since: now(), note: '' });
  });

  test('begins anew when somebody ends the halt that the guard has made', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000, { ...GUARD, onRegression: 'halt' })));
    await instance.commit('shop', acted());
    await instance.commit('shop', haltFlag(AT, { by: 'guard', reason: 'seen' }));
    instance.clock.advance(1_000);
    await instance.commit('shop', resumeFlag(AT));
    expect(ruleNow()?.guardState).toEqual({ status: 'watching', since: now(), note: '' });
  });

  test('stays back over a halt by somebody else, and counts nothing from before', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    await instance.commit('shop', acted());
    await instance.commit('shop', haltFlag(AT, { by: 'anna', reason: 'fire' }));
    instance.clock.advance(1_000);
    await instance.commit('shop', resumeFlag(AT));
    expect(ruleNow()?.guardState).toEqual({ status: 'resting', since: now(), note: 'seen' });
  });

  test('holds up no halt of a flag that would not be accepted today', async () => {
    await instance.commit('shop', createRule(AT, guarded(5_000)));
    const { log, bus, catalog, clock } = instance;
    const limits = { ...DEFAULT_LIMITS, rulesPerFlag: 0 };
    const strict = new Writer({ log, bus, catalog, clock, limits });
    const intent = { project: 'shop', action: 'flag.halt', actor: 'anna', reason: '' } as const;
    const more = { requestDigest: '', validateOnly: false, mayHalt: true };
    instance.clock.advance(1_000);
    await strict.commit({ ...intent, ...more }, haltFlag(AT, { by: 'anna', reason: 'fire' }));
    expect(settings().halt).toMatchObject({ reason: 'fire' });
    await strict.commit({ ...intent, ...more, action: 'flag.resume' }, resumeFlag(AT));
    await strict.commit({ ...intent, ...more, action: 'flag.enable' }, enableFlag(AT));
    expect(settings()).not.toHaveProperty('halt');
  });
});

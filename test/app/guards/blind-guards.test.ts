import { describe, expect, test } from 'vitest';
import { createRule, deleteRule, setRollout, updateRule } from '../../../src/app/manage/rules.ts';
import { DEFAULT_RECORDING, type Guard, type Rule } from '../../../src/core/model.ts';
import { carryOut, NOW, shopWith } from '../manage/shop.ts';

const AT = { environment: 'production', flag: 'checkout' };
const GUARD: Guard = {
  ...{ event: '', worse: 'higher', threshold: 2_000, minimumSample: 100, windowSeconds: 60 },
  ...{ stages: [5_000], onRegression: 'step_back' },
};

function guarded(weight: number, more: Partial<Rule> = {}): Rule {
  const rule = { id: 'r', name: '', priority: 1, recordExposures: true, rollout: { weight } };
  return { ...rule, serve: { kind: 'variation', variation: 'on' }, guard: GUARD, ...more };
}

/** The shop, whose production records nothing. */
function unrecorded() {
  const [shop, texts] = [shopWith(), { name: '', description: '' }];
  const recording = { ...DEFAULT_RECORDING, disabled: true };
  const state = { key: 'production', ...texts, archived: false, createdAt: NOW, updatedAt: NOW, recording };
  return carryOut(shop, () => ({ operations: [{ op: 'put', object: { kind: 'environment', state } }] }))
    .state;
}

describe('who sets a guard is warned', () => {
  test('that nothing is recorded there', () => {
    const { warnings } = carryOut(unrecorded(), createRule(AT, guarded(1_000)));
    expect(warnings).toEqual(['the guard of rule r sees nobody: environment production records nothing']);
  });

  test('that nobody is in', () => {
    const said = expect.stringContaining('sees nobody, and does not go forward, until somebody is in');
    const { state, warnings } = carryOut(shopWith(), createRule(AT, guarded(0)));
    expect(warnings).toEqual([said]);
    const rollOut = (weight: number) =>
      carryOut(state, setRollout(AT, { ruleId: 'r', weight, variation: '' }));
    expect(rollOut(1_000).warnings).toEqual([]);
  });

  test('of nothing if it can see, if there is none, or if it stays as it was', () => {
    expect(carryOut(shopWith(), createRule(AT, guarded(1_000))).warnings).toEqual([]);
    const { guard, ...unguarded } = guarded(0);
    expect(carryOut(unrecorded(), createRule(AT, unguarded)).warnings).toEqual([]);
    const guardState = { status: 'watching', since: NOW, note: '' } as const;
    const { state } = carryOut(unrecorded(), createRule(AT, guarded(1_000, { guardState })));
    expect(carryOut(state, updateRule(AT, guarded(1_000))).warnings).toEqual([]);
    expect(carryOut(state, deleteRule(AT, 'r')).warnings).toEqual([]);
  });
});

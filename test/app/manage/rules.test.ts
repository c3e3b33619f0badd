import { describe, expect, it } from 'vitest';
import { createRule, deleteRule, setRollout, updateRule } from '../../../src/app/manage/rules.ts';
import type { Rule } from '../../../src/core/model.ts';
import { carryOut, LATER, NOW, refusal, settingsIn, shopWith } from './shop.ts';

const at = { environment: 'production', flag: 'checkout' };
const rule: Rule = {
  id: '',
  name: 'beta',
  priority: 0,
  serve: { kind: 'variation', variation: 'on' },
  recordExposures: true,
};
const first: Rule = { ...rule, id: 'first', priority: 4 };
const second: Rule = { ...rule, id: 'second', priority: 2 };

describe('creating a rule', () => {
  it('gives it an id of its own and the last priority', () => {
    const once = carryOut(shopWith({ rules: [first, second] }), createRule(at, rule));
    const twice = carryOut(once.state, createRule(at, rule));
    expect(settingsIn(twice.state).rules.slice(2)).toStrictEqual([
      { ...rule, id: 'rule-1', priority: 5 },
      { ...rule, id: 'rule-2', priority: 6 },
    ]);
  });

  it('keeps the id and the priority that are given', () => {
    const { state } = carryOut(shopWith({ rules: [first] }), createRule(at, { ...second, priority: -1.5 }));
    expect(settingsIn(state).rules[1]).toStrictEqual({ ...second, priority: -1.5 });
  });

  it('is refused for an id that is taken', () => {
    expect(refusal(shopWith({ rules: [first] }), createRule(at, first))).toBe('already_exists RULE_EXISTS');
  });
});

describe('updating and deleting a rule', () => {
  it('replaces it in its place, and keeps its priority unless another is given', () => {
    const state = shopWith({ rules: [first, second] });
    const renamed = carryOut(state, updateRule(at, { ...rule, id: 'first', name: 'renamed' }));
    expect(settingsIn(renamed.state).rules).toStrictEqual([{ ...first, name: 'renamed' }, second]);
    const moved = carryOut(state, updateRule(at, { ...first, priority: 1 }));
    expect(settingsIn(moved.state).rules[0]?.priority).toBe(1);
  });

  it('takes it away', () => {
    const { state } = carryOut(shopWith({ rules: [first, second] }), deleteRule(at, 'first'));
    expect(settingsIn(state).rules).toStrictEqual([second]);
  });

  it('is refused for a rule that is not there', () => {
    expect(refusal(shopWith(), updateRule(at, first))).toBe('not_found RULE_NOT_FOUND');
    expect(refusal(shopWith(), deleteRule(at, 'first'))).toBe('not_found RULE_NOT_FOUND');
  });
});

describe('setting a rollout', () => {
  it('makes the rule for everybody, last and serving what is true, and then only changes its weight', () => {
    const plan = (weight: number) => setRollout(at, { ruleId: '', weight, variation: '' });
    const made = carryOut(shopWith({ rules: [first] }), plan(10_000));
    expect(settingsIn(made.state).rules[1]).toStrictEqual({
      id: 'rollout',
      name: '',
      priority: 5,
      rollout: { weight: 10_000 },
      serve: { kind: 'variation', variation: 'on' },
      recordExposures: true,
    });
    const raised = carryOut(made.state, plan(30_000));
    expect(settingsIn(raised.state).rules[1]?.rollout).toStrictEqual({ weight: 30_000 });
  });

  it('serves the variation that is named', () => {
    const made = carryOut(shopWith(), setRollout(at, { ruleId: '', weight: 1, variation: 'off' }));
    expect(settingsIn(made.state).rules[0]?.serve).toStrictEqual({ kind: 'variation', variation: 'off' });
    const changed = carryOut(made.state, setRollout(at, { ruleId: 'rollout', weight: 1, variation: 'on' }));
    expect(settingsIn(changed.state).rules[0]?.serve).toStrictEqual({ kind: 'variation', variation: 'on' });
  });

  it('needs to be told a variation for a flag that has none that is true', () => {
    const state = shopWith({}, { type: 'string', variations: [{ key: 'a', value: 'true' }] });
    const plan = setRollout(at, { ruleId: '', weight: 1, variation: '' });
    expect(refusal(state, plan)).toBe('invalid variation');
  });

  it('keeps the salt and the serve of the rule that it is about', () => {
    const salted: Rule = { ...first, rollout: { weight: 5, salt: 'old' } };
    const plan = setRollout(at, { ruleId: 'first', weight: 7, variation: '' });
    const { state } = carryOut(shopWith({ rules: [salted] }), plan);
    expect(settingsIn(state).rules[0]).toStrictEqual({ ...first, rollout: { weight: 7, salt: 'old' } });
  });

  it('is refused for an unknown rule, and for a variation of another rule', () => {
    const state = shopWith({ rules: [first] });
    expect(refusal(state, setRollout(at, { ruleId: 'nope', weight: 1, variation: '' }))).toBe(
      'not_found RULE_NOT_FOUND',
    );
    expect(refusal(state, setRollout(at, { ruleId: 'first', weight: 1, variation: 'on' }))).toBe(
      'invalid variation',
    );
  });

  it('ends a ramp that has started, and warns of one that has not', () => {
    const ramped = (startsAt: string): Rule => ({
      ...first,
      ramp: { kind: 'steps', steps: [{ startsAt, weight: 50_000 }] },
    });
    const plan = setRollout(at, { ruleId: 'first', weight: 0, variation: '' });
    const started = carryOut(shopWith({ rules: [ramped(NOW)] }), plan);
    expect(settingsIn(started.state).rules[0]).toStrictEqual({ ...first, rollout: { weight: 0 } });
    expect(started.warnings).toHaveLength(1);
    const ahead = carryOut(shopWith({ rules: [ramped(LATER)] }), plan);
    expect(settingsIn(ahead.state).rules[0]).toStrictEqual({ ...ramped(LATER), rollout: { weight: 0 } });
    expect(ahead.warnings).toHaveLength(1);
  });
});

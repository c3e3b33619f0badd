import { describe, expect, it } from 'vitest';
import { deleteRule, setRollout } from '../../../src/app/manage/rules.ts';
import { cancelScheduledChange, pendingChanges, scheduleChange } from '../../../src/app/manage/schedule.ts';
import { disableFlag, enableFlag, haltFlag, updateSettings } from '../../../src/app/manage/settings.ts';
import type { Rule, ScheduledAction, ScheduledChange } from '../../../src/core/model.ts';
import { initialSettings } from '../../../src/core/model.ts';
import { carryOut, checkout, LATER, NOW, refusal, settingsIn, shop, shopWith } from './shop.ts';

const at = { environment: 'production', flag: 'checkout' };

function planned(action: ScheduledAction, id = '', when = LATER): ScheduledChange {
  return { id, at: when, action, by: 'key:ann' };
}

describe('scheduling a change', () => {
  it('gives it an id of its own', () => {
    const once = carryOut(shopWith(), scheduleChange(at, planned({ kind: 'enable' })));
    const twice = carryOut(once.state, scheduleChange(at, planned({ kind: 'disable' })));
    expect(settingsIn(twice.state).scheduledChanges).toStrictEqual([
      planned({ kind: 'enable' }, 'change-1'),
      planned({ kind: 'disable' }, 'change-2'),
    ]);
    expect(refusal(twice.state, scheduleChange(at, planned({ kind: 'halt', reason: '' }, 'change-1')))).toBe(
      'already_exists SCHEDULED_CHANGE_EXISTS',
    );
  });

  it('is refused for a time that is past or more than ten years away', () => {
    const when = (time: string) =>
      refusal(shopWith(), scheduleChange(at, planned({ kind: 'enable' }, '', time)));
    expect(when(NOW)).toBe('invalid scheduled_change.time');
    expect(when('2026-03-01T12:00:00.001Z')).toBe('not refused');
    expect(when('2036-03-01T12:00:00.000Z')).toBe('not refused');
    expect(when('2036-03-01T12:00:00.001Z')).toBe('invalid scheduled_change.time');
  });

  it('makes the rule of a rollout to everybody, with nobody in it until then', () => {
    const plan = scheduleChange(at, planned({ kind: 'rollout', ruleId: '', weight: 25_000 }));
    const { state, warnings } = carryOut(shopWith(), plan);
    expect(settingsIn(state).rules).toMatchObject([{ id: 'rollout', rollout: { weight: 0 } }]);
    expect(settingsIn(state).scheduledChanges[0]?.action).toStrictEqual({
      kind: 'rollout',
      ruleId: 'rollout',
      weight: 25_000,
    });
    expect(warnings).toStrictEqual([]);
  });

  it('is refused for a rollout of a rule that is not there', () => {
    const plan = scheduleChange(at, planned({ kind: 'rollout', ruleId: 'nope', weight: 1 }));
    expect(refusal(shopWith(), plan)).toBe('not_found RULE_NOT_FOUND');
  });

  it('can be taken back', () => {
    const state = shopWith({ scheduledChanges: [planned({ kind: 'enable' }, 'one')] });
    const cancelled = carryOut(state, cancelScheduledChange(at, 'one'));
    expect(settingsIn(cancelled.state).scheduledChanges).toStrictEqual([]);
    expect(refusal(cancelled.state, cancelScheduledChange(at, 'one'))).toBe(
      'not_found SCHEDULED_CHANGE_NOT_FOUND',
    );
  });

  it('shows what is pending by time, of all flags of an environment or of one, until a time', () => {
    const settings = (flag: string, ...scheduledChanges: ScheduledChange[]) =>
      ({
        kind: 'settings',
        environment: 'production',
        state: { ...initialSettings(flag), scheduledChanges },
      }) as const;
    const third = '2026-03-03T12:00:00.000Z';
    const state = shop(
      { kind: 'flag', state: checkout },
      settings('checkout', planned({ kind: 'enable' }, 'c', third), planned({ kind: 'enable' }, 'b')),
      settings('search', planned({ kind: 'enable' }, 'a', '2026-03-02T00:00:00.000Z')),
    );
    const ids = (filter: Parameters<typeof pendingChanges>[2], environment = 'production') =>
      pendingChanges(state, environment, filter).map(({ change }) => change.id);
    expect(ids({})).toStrictEqual(['a', 'b', 'c']);
    expect(ids({ flag: 'checkout' })).toStrictEqual(['b', 'c']);
    expect(ids({ until: LATER })).toStrictEqual(['a', 'b']);
    expect(ids({}, 'staging')).toStrictEqual([]);
  });
});

describe('an edit that clashes with a scheduled change is pointed out', () => {
  const rule: Rule = {
    id: 'beta',
    name: '',
    priority: 1,
    rollout: { weight: 10_000 },
    serve: { kind: 'variation', variation: 'on' },
    recordExposures: true,
  };

  it('when the change will undo it', () => {
    const state = shopWith({ scheduledChanges: [planned({ kind: 'disable' }, 'night')] });
    expect(carryOut(state, enableFlag(at)).warnings).toStrictEqual([
      `scheduled change night will set enabled to false at ${LATER}`,
    ]);
  });

  it('when the change will end a halt', () => {
    const state = shopWith({ scheduledChanges: [planned({ kind: 'resume' }, 'morning')] });
    const plan = haltFlag(at, { by: 'key:ann', reason: '' });
    expect(carryOut(state, plan).warnings).toStrictEqual([
      `scheduled change morning will set halted to false at ${LATER}`,
    ]);
  });

  it('when the change will set another rollout of the same rule, or cannot any more', () => {
    const action = { kind: 'rollout', ruleId: 'beta', weight: 50_000 } as const;
    const state = shopWith({ rules: [rule], scheduledChanges: [planned(action, 'half')] });
    const raised = carryOut(state, setRollout(at, { ruleId: 'beta', weight: 20_000, variation: '' }));
    expect(raised.warnings).toStrictEqual([
      `scheduled change half will set the rollout of rule beta to 50% at ${LATER}`,
    ]);
    expect(carryOut(state, deleteRule(at, 'beta')).warnings).toStrictEqual([
      `scheduled change half can no longer set the rollout of rule beta to 50% at ${LATER}`,
    ]);
  });

  it('when the change will set another default variation', () => {
    const action = { kind: 'default_variation', variation: 'on' } as const;
    const state = shopWith({ scheduledChanges: [planned(action, 'switch')] });
    const plan = updateSettings(at, (stored) => ({ ...stored.state, defaultVariation: 'off' }));
    expect(carryOut(state, plan).warnings).toStrictEqual([
      `scheduled change switch will set the default variation to on at ${LATER}`,
    ]);
  });

  it('but not when it is about something else, does the same already, or is made by this very edit', () => {
    const state = shopWith({
      enabled: true,
      rules: [rule],
      scheduledChanges: [planned({ kind: 'disable' }, 'night')],
    });
    expect(
      carryOut(state, setRollout(at, { ruleId: 'beta', weight: 1, variation: '' })).warnings,
    ).toStrictEqual([]);
    expect(carryOut(state, disableFlag(at)).warnings).toStrictEqual([]);
    expect(carryOut(shopWith(), scheduleChange(at, planned({ kind: 'enable' }))).warnings).toStrictEqual([]);
  });
});

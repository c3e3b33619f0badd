import { describe, expect, it } from 'vitest';
import { FlagError } from '../../src/core/errors.ts';
import type { FlagSettings, Rule, ScheduledAction, ScheduledChange } from '../../src/core/model.ts';
import { initialSettings } from '../../src/core/model.ts';
import { applyScheduledAction } from '../../src/core/scheduled-action.ts';

const NOW = '2026-03-01T12:00:00.000Z';
const rule: Rule = {
  id: 'beta',
  name: '',
  priority: 1,
  rollout: { weight: 10_000, salt: 'old' },
  serve: { kind: 'variation', variation: 'on' },
  recordExposures: true,
};
const other: ScheduledChange = { id: 'other', at: NOW, action: { kind: 'enable' }, by: 'key:bob' };

/** The settings after the action, made from these; the pending changes are checked on the way. */
function applied(action: ScheduledAction, fields: Partial<FlagSettings> = {}): FlagSettings {
  const change: ScheduledChange = { id: 'one', at: NOW, action, by: 'key:ann' };
  const settings = { ...initialSettings('checkout'), ...fields, scheduledChanges: [other, change] };
  const { scheduledChanges, ...rest } = applyScheduledAction(settings, change, NOW);
  expect(scheduledChanges).toStrictEqual([other]);
  return { ...rest, scheduledChanges: [] };
}

const initial = initialSettings('checkout');
const halt = { by: 'key:bob', reason: 'earlier', at: '2026-01-01T00:00:00.000Z' };

describe('a scheduled change leaves the list of pending ones and', () => {
  it('enables or disables', () => {
    expect(applied({ kind: 'enable' })).toStrictEqual({ ...initial, enabled: true });
    expect(applied({ kind: 'disable' }, { enabled: true })).toStrictEqual(initial);
  });

  it('halts in the name of whoever planned it, unless something else did before', () => {
    expect(applied({ kind: 'halt', reason: 'night' }).halt).toStrictEqual({
      by: 'key:ann',
      reason: 'night',
      at: NOW,
    });
    expect(applied({ kind: 'halt', reason: 'night' }, { halt }).halt).toStrictEqual(halt);
  });

  it('resumes', () => {
    expect(applied({ kind: 'resume' }, { halt })).toStrictEqual(initial);
  });

  it('sets the rollout of its rule and ends a ramp that would override it', () => {
    const ramp = {
      kind: 'linear',
      startsAt: NOW,
      endsAt: '2027-01-01T00:00:00.000Z',
      fromWeight: 0,
      toWeight: 9,
    } as const;
    const rules = [
      { ...rule, id: 'first' },
      { ...rule, ramp },
    ];
    expect(applied({ kind: 'rollout', ruleId: 'beta', weight: 7 }, { rules }).rules).toStrictEqual([
      { ...rule, id: 'first' },
      { ...rule, rollout: { weight: 7, salt: 'old' } },
    ]);
  });

  it('keeps a ramp that has not started', () => {
    const ramp = { kind: 'steps', steps: [{ startsAt: '2027-01-01T00:00:00.000Z', weight: 9 }] } as const;
    const rules = [{ ...rule, ramp }];
    expect(applied({ kind: 'rollout', ruleId: 'beta', weight: 7 }, { rules }).rules[0]?.ramp).toStrictEqual(
      ramp,
    );
  });

  it('is refused when its rule is gone', () => {
    expect(() => applied({ kind: 'rollout', ruleId: 'gone', weight: 7 })).toThrow(FlagError);
  });

  it('sets the default variation', () => {
    expect(applied({ kind: 'default_variation', variation: 'on' }).defaultVariation).toBe('on');
  });
});

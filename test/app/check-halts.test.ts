import { expect, test } from 'vitest';
import { checkHalts } from '../../src/app/check-halts.ts';
import { createEnvironment } from '../../src/app/manage/environments.ts';
import { archiveFlag, deleteFlag } from '../../src/app/manage/flags.ts';
import { createRule, deleteRule, setRollout, updateRule } from '../../src/app/manage/rules.ts';
import { cancelScheduledChange, scheduleChange } from '../../src/app/manage/schedule.ts';
import { disableFlag, haltFlag, resumeFlag } from '../../src/app/manage/settings.ts';
import type { Plan } from '../../src/app/writer.ts';
import type { FlagSettings, Rule, ScheduledAction } from '../../src/core/model.ts';
import { carryOut, LATER, NOW, shopWith } from './manage/shop.ts';

const at = { environment: 'production', flag: 'checkout' };
const halt = { by: 'anna', reason: 'fire', at: NOW };
const planned = (action: ScheduledAction) => ({ id: 'x', at: LATER, action, by: 'anna' });
const toHalt = planned({ kind: 'halt', reason: '' });
const toResume = planned({ kind: 'resume' });
const toDisable = planned({ kind: 'disable' });

function guarded(onRegression: 'halt' | 'step_back', threshold = 1): Rule {
  const guard = { event: '', worse: 'higher', threshold, minimumSample: 10, windowSeconds: 1 } as const;
  const rule = { id: 'r', name: '', priority: 1, recordExposures: true, rollout: { weight: 5 } };
  const serve = { kind: 'variation', variation: 'on' } as const;
  return { ...rule, serve, guard: { ...guard, stages: [], onRegression } };
}

function isRefused(settings: Partial<FlagSettings>, plan: Plan, first?: Plan): boolean {
  const before = first === undefined ? shopWith(settings) : carryOut(shopWith(settings), first).state;
  const { state, operations } = carryOut(before, plan);
  try {
    checkHalts(before, state, operations);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ kind: 'forbidden', details: { metadata: { scope: 'halt' } } });
    return true;
  }
}

test.each<[string, Partial<FlagSettings>, Plan, Plan?]>([
  ['a halt', {}, haltFlag(at, halt)],
  ['the end of a halt', { halt }, resumeFlag(at)],
  ['planning a halt', {}, scheduleChange(at, toHalt)],
  ['planning the end of a halt', { halt }, scheduleChange(at, toResume)],
  ['cancelling a planned halt', { scheduledChanges: [toHalt] }, cancelScheduledChange(at, 'x')],
  ['cancelling the planned end of a halt', { scheduledChanges: [toResume] }, cancelScheduledChange(at, 'x')],
  ['a guard that halts', {}, createRule(at, guarded('halt'))],
  ['another limit for one', { rules: [guarded('halt')] }, updateRule(at, guarded('halt', 2))],
  ['taking one away', { rules: [guarded('halt')] }, deleteRule(at, 'r')],
  ['deleting a flag that is halted', { halt }, deleteFlag('checkout'), archiveFlag('checkout')],
])('%s needs the scope halt', (_, settings, plan, first) => {
  expect(isRefused(settings, plan, first)).toBe(true);
});

test.each<[string, Partial<FlagSettings>, Plan]>([
  ['disabling a flag that is halted', { halt, enabled: true }, disableFlag(at)],
  ['halting it again', { halt }, haltFlag(at, { by: 'bob', reason: 'too' })],
  [
    'planning something else',
    { halt, scheduledChanges: [toHalt] },
    scheduleChange(at, { ...toDisable, id: 'y' }),
  ],
  ['a guard that steps back', {}, createRule(at, guarded('step_back'))],
  [
    'moving the rollout of a guard that halts',
    { rules: [guarded('halt')] },
    setRollout(at, { ruleId: 'r', weight: 6, variation: '' }),
  ],
  [
    'copying an environment',
    { halt, rules: [guarded('halt')] },
    createEnvironment({ key: 'copy', name: '', description: '', copyFrom: 'production' }),
  ],
])('%s does not', (_, settings, plan) => {
  expect(isRefused(settings, plan)).toBe(false);
});

import { beforeEach, expect, it } from 'vitest';
import { useOfFlags } from '../../../src/app/analytics/flag-use.ts';
import { emptyState, type ProjectState } from '../../../src/app/project-state.ts';
import { DEFAULT_RECORDING, type FlagSettings, initialSettings } from '../../../src/core/model.ts';
import { DAY_MS } from '../../../src/core/time.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, record } from '../../support/recorded.ts';
import { completeFlag, type FlagVector } from '../../vectors/load.ts';

const NOW = Date.parse('2030-06-30T00:00:00.000Z');
const OLD = { createdAt: '2030-01-01T00:00:00.000Z' };
const daysAgo = (days: number) => NOW - days * DAY_MS;

let store: ExposureStore;
beforeEach(() => {
  store = createExposureModel();
});

function stateWith(...flags: FlagVector[]): ProjectState {
  const stored = flags.map((flag) => [flag.key, { state: completeFlag(flag), version: 1 }] as const);
  return { ...emptyState('shop'), flags: new Map(stored) };
}

const useOf = (state: ProjectState) =>
  useOfFlags(store, state, HERE, { from: daysAgo(30), to: NOW, unusedDays: 30 });

it('tells flags that are in use from those that are not any more, never were, or could not be yet', async () => {
  await record(store, 'p', {
    evaluations: [
      { time: daysAgo(1), flag: 'busy', variation: 'on', count: 7 },
      { time: daysAgo(1), flag: 'busy', variation: 'off', count: 9 },
      { time: daysAgo(45), flag: 'quiet', variation: 'on' },
      { time: daysAgo(2), flag: 'deleted', variation: 'on' },
      { time: daysAgo(2), flag: 'put-away', variation: 'on' },
      { time: daysAgo(45), flag: 'long-gone', variation: 'on' },
    ],
  });
  const made = { createdAt: new Date(daysAgo(5)).toISOString() };
  const { uses, warnings } = await useOf(
    stateWith(
      { key: 'busy', ...OLD },
      { key: 'quiet', ...OLD },
      { key: 'unborn', ...OLD },
      { key: 'fresh', ...made },
      { key: 'put-away', status: 'archived', ...OLD },
      { key: 'forgotten', status: 'archived', ...OLD },
    ),
  );
  expect(uses.map(({ flag, use, remarks }) => [flag, use, remarks])).toEqual([
    ['busy', 'in_use', []],
    ['deleted', 'unknown', ['was evaluated, and is gone']],
    ['fresh', 'new', []],
    ['put-away', 'unknown', ['was evaluated, and is archived']],
    ['quiet', 'unused', ['not evaluated for 45 days']],
    ['unborn', 'never', ['never evaluated']],
  ]);
  expect(warnings).toEqual(['nothing at all was recorded before 2030-06-28']);
  expect(uses[0]).toMatchObject({ lastAt: daysAgo(1), evaluations: 16 });
  expect(uses[0]?.served.map(({ variation, count }) => [variation, count])).toEqual([
    ['off', 9],
    ['on', 7],
  ]);
});

it('marks temporary flags that are overdue, or answer everybody the same', async () => {
  await record(store, 'p', {
    evaluations: [
      { time: daysAgo(1), flag: 'done', variation: 'on' },
      { time: daysAgo(1), flag: 'split', variation: 'on' },
      { time: daysAgo(1), flag: 'split', variation: 'off' },
      { time: daysAgo(1), flag: 'steady', variation: 'on' },
    ],
  });
  const temporary = { ...OLD, temporary: true };
  const { uses } = await useOf(
    stateWith(
      { key: 'done', ...temporary, removalAt: '2030-06-01T00:00:00.000Z' },
      { key: 'split', ...temporary, removalAt: '2030-07-01T00:00:00.000Z' },
      { key: 'steady', ...OLD },
    ),
  );
  expect(uses.map(({ flag, removalOverdue, remarks }) => [flag, removalOverdue, remarks])).toEqual([
    ['done', true, ['was to be removed by 2030-06-01', 'answered on to everybody']],
    ['split', false, []],
    ['steady', false, []],
  ]);
});

it('calls no flag a candidate that others ask for, or that is not all recorded, and warns of it', async () => {
  const state = stateWith(
    ...['base', 'asking', 'put-away', 'alone', 'silent'].map((key) => ({
      ...{ key, ...OLD, status: key === 'put-away' ? ('archived' as const) : ('active' as const) },
    })),
  );
  const prerequisites = [{ flag: 'base', variations: ['on'] }];
  const silent = { id: 'r', name: '', priority: 1, serve: { kind: 'variation', variation: 'on' } } as const;
  const settings: readonly FlagSettings[] = [
    { ...initialSettings('asking'), prerequisites },
    { ...initialSettings('put-away'), prerequisites: [{ flag: 'alone', variations: ['on'] }] },
    { ...initialSettings('silent'), rules: [{ ...silent, recordExposures: false }] },
  ];
  const table = new Map(settings.map((each) => [each.flag, { state: each, version: 1 }]));
  const recorded = { ...state, settings: new Map([[HERE.environment, table]]) };
  const { uses, warnings } = await useOf(recorded);
  expect(uses.map(({ flag, use, remarks, prerequisiteOf }) => [flag, use, remarks, prerequisiteOf])).toEqual([
    ['alone', 'never', ['never evaluated'], []],
    ['asking', 'never', ['never evaluated'], []],
    ['base', 'never', [], ['asking']],
    ['silent', 'never', [], []],
  ]);
  const nothing = 'nothing at all was recorded in this period';
  expect(warnings).toEqual(['what some rules decide is not recorded, of silent', nothing]);
  const recording = { ...DEFAULT_RECORDING, disabled: true };
  const made = { description: '', createdAt: OLD.createdAt, updatedAt: OLD.createdAt };
  const environment = { key: HERE.environment, name: '', archived: false, ...made, recording };
  const environments = new Map([[HERE.environment, { state: environment, version: 1 }]]);
  const off = await useOf({ ...recorded, environments });
  expect(off.uses.flatMap(({ remarks }) => remarks)).toEqual([]);
  expect(off.warnings).toEqual([
    'this environment does not record evaluations at present: nobody knows what is in use',
    nothing,
  ]);
});

it('adds up what was answered over years, a month at a time', async () => {
  await record(store, 'p', {
    evaluations: [1, 100, 300, 399].map((days) => ({
      time: daysAgo(days),
      flag: 'busy',
      variation: 'on',
      count: 2,
    })),
  });
  const asked: number[] = [];
  const counting: Pick<ExposureStore, 'activity' | 'series'> = {
    activity: store.activity,
    series(place, query) {
      asked.push((query.to - query.from) / DAY_MS);
      return store.series(place, query);
    },
  };
  const query = { from: daysAgo(400), to: NOW, unusedDays: 30 };
  const { uses } = await useOfFlags(counting, stateWith({ key: 'busy', ...OLD }), HERE, query);
  expect(uses[0]).toMatchObject({ evaluations: 8, served: [{ variation: 'on', count: 8, estimate: 8 }] });
  expect([Math.max(...asked), asked.length]).toEqual([31, 13]);
});

it('is not told of a period that nobody can have meant', async () => {
  const query = { from: 0, to: NOW, unusedDays: 30 };
  await expect(useOfFlags(store, stateWith(), HERE, query)).rejects.toThrow(
    'start_time: makes this a period',
  );
});

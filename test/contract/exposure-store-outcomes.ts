import { expect } from 'vitest';
import type { ExposureStore, OutcomeQuery } from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import { ALWAYS, batch, evaluation, event, SHOP, START, storeAll } from './exposure-samples.ts';

async function outcomes(exposures: ExposureStore, query: Partial<OutcomeQuery> = {}) {
  return exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner', ...query });
}

export const outcomeChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'counts a subject of a variation once, however many batches and versions they are in',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [
        batch({
          evaluations: [evaluation(), evaluation({ time: START + 1 }), evaluation({ subject: 'bert' })],
        }),
        batch({
          sequence: 2,
          evaluations: [evaluation({ flagVersion: 4, count: 5 }), evaluation({ variation: 'b' })],
        }),
        batch({
          sequence: 3,
          evaluations: [evaluation({ subject: '', count: 7 }), evaluation({ flag: 'other' })],
        }),
        batch({ sequence: 4, evaluations: [evaluation({ subject: '', variation: '\uffff' })] }),
        batch({
          sequence: 5,
          evaluations: [evaluation({ subject: 'carl', variation: '\u{1d54f}', weight: 3 })],
        }),
      ]);
      const none = { affected: 0, events: 0, sum: 0, sumOfSquares: 0 };
      expect(await outcomes(exposures)).toEqual([
        { variation: 'b', subjects: 1, evaluations: 1, ...none },
        { variation: 'on', subjects: 2, evaluations: 15, ...none },
        { variation: '\uffff', subjects: 0, evaluations: 1, ...none },
        { variation: '\u{1d54f}', subjects: 1, evaluations: 1, ...none },
      ]);
    },
  },
  {
    title: 'counts an event of a subject for what they had been told last in the period when it happened',
    async run(store) {
      await using exposures = await store.open();
      const at = (ms: number) => START + ms;
      await storeAll(exposures, [
        batch({ events: [9, 10, 11, 25, 31].map((ms) => event({ time: at(ms), value: 1 })) }),
        batch({ sequence: 2, evaluations: [evaluation({ time: at(30) }), evaluation({ time: at(10) })] }),
        batch({ sequence: 3, evaluations: [evaluation({ time: at(20), variation: 'off' })] }),
        batch({
          sequence: 4,
          events: [event({ subject: 'bert', time: at(30) }), event({ subject: '', time: at(30) })],
        }),
        batch({ sequence: 5, evaluations: [evaluation({ subject: '' })] }),
      ]);
      const counted = async (from: number, to: number) =>
        (await outcomes(exposures, { from: at(from), to: at(to) })).map((one) => [one.variation, one.events]);
      expect(await counted(0, 100)).toEqual([
        ['off', 1],
        ['on', 3],
      ]);
      expect(await counted(0, 25)).toEqual([
        ['off', 0],
        ['on', 2],
      ]);
      expect(await counted(11, 100)).toEqual([
        ['off', 1],
        ['on', 1],
      ]);
      expect(await counted(21, 30)).toEqual([]);
    },
  },
  {
    title:
      'counts an event for all that was told at the instant that was the last before it, by name or rule',
    async run(store) {
      await using exposures = await store.open();
      const at = (ms: number) => START + ms;
      const told = (ms: number, variation: string, ruleId: string) =>
        evaluation({ time: at(ms), variation, ruleId });
      await storeAll(exposures, [
        batch({ evaluations: [told(10, 'on', 'rule-1'), told(10, 'off', ''), told(20, 'on', '')] }),
        batch({
          sequence: 2,
          events: [event({ time: at(15) }), event({ time: at(20), kind: 'crash', count: 4 })],
        }),
        batch({
          sequence: 3,
          evaluations: [evaluation({ time: at(12), flag: 'other', variation: 'off' })],
        }),
      ]);
      const counted = async (query: Partial<OutcomeQuery>) =>
        (await outcomes(exposures, query)).map((one) => [one.variation, one.affected, one.events]);
      expect(await counted({})).toEqual([
        ['off', 1, 1],
        ['on', 1, 5],
      ]);
      expect(await counted({ kinds: ['crash'] })).toEqual([
        ['off', 0, 0],
        ['on', 1, 4],
      ]);
      expect(await counted({ ruleId: 'rule-1' })).toEqual([['on', 1, 1]]);
      expect(await counted({ ruleId: '' })).toEqual([
        ['off', 1, 1],
        ['on', 1, 4],
      ]);
    },
  },
  {
    title: 'adds up the values of events, and the squares of what each subject has',
    async run(store) {
      await using exposures = await store.open();
      const subjects = ['anna', 'bert', 'carl', 'dora'];
      await storeAll(exposures, [
        batch({ evaluations: subjects.map((subject) => evaluation({ subject })) }),
        batch({
          sequence: 2,
          events: [event({ value: 1.5, count: 2 }), event({ value: -1, subject: 'bert' })],
        }),
        batch({ sequence: 3, events: [event({ value: 2 }), event({ subject: 'carl', count: 3 })] }),
      ]);
      expect(await outcomes(exposures)).toEqual([
        { variation: 'on', subjects: 4, evaluations: 4, affected: 3, events: 7, sum: 4, sumOfSquares: 26 },
      ]);
    },
  },
  {
    title:
      'counts only events of the kinds and the name that are asked for, and none that names another flag',
    async run(store) {
      await using exposures = await store.open();
      const events = [
        event({ value: 1 }),
        event({ event: 'view', value: 10 }),
        event({ kind: 'error', value: 100 }),
        event({ kind: 'crash', event: 'boom', value: 1_000, flag: 'banner' }),
        event({ kind: 'crash', value: 10_000, flag: 'other' }),
      ];
      await storeAll(exposures, [batch({ evaluations: [evaluation()], events })]);
      const sum = async (query: Partial<OutcomeQuery>) => (await outcomes(exposures, query))[0]?.sum;
      expect(await sum({})).toBe(1_111);
      expect(await sum({ kinds: ['error', 'crash'] })).toBe(1_100);
      expect(await sum({ event: 'checkout' })).toBe(101);
      expect(await sum({ event: 'checkout', kinds: ['metric'] })).toBe(1);
      expect(await sum({ kinds: [] })).toBe(0);
      expect(await sum({ event: 'unheard' })).toBe(0);
    },
  },
  {
    title: 'counts only what the rule decided that is asked for, or none',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [
        batch({ evaluations: [evaluation({ ruleId: '', time: START + 5, subject: 'bert' }), evaluation()] }),
        batch({
          sequence: 2,
          evaluations: [evaluation({ ruleId: 'rule-2', variation: 'off', time: START + 9 })],
        }),
        batch({ sequence: 3, events: [event({ time: START + 5 })] }),
      ]);
      const by = async (ruleId?: string) =>
        (await outcomes(exposures, ruleId === undefined ? {} : { ruleId })).map((one) => [
          ...[one.variation, one.subjects, one.affected],
        ]);
      expect(await by()).toEqual([
        ['off', 1, 0],
        ['on', 2, 1],
      ]);
      expect(await by('')).toEqual([['on', 1, 0]]);
      expect(await by('rule-1')).toEqual([['on', 1, 1]]);
      expect(await by('rule-2')).toEqual([['off', 1, 0]]);
      expect(await by('rule-9')).toEqual([]);
    },
  },
];

import { expect } from 'vitest';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import {
  ALWAYS,
  batch,
  entryOf,
  evaluation,
  event,
  everything,
  HOUR,
  letter,
  SHOP,
  START,
  storeAll,
} from './exposure-samples.ts';

const DAY = 86_400_000;
const OTHER = { project: 'shop', environment: 'staging' };

function seen(subject: string, seenAt = START) {
  return { subject, attributes: { plan: 'pro' }, seenAt };
}

/** What anna and bert did, in two batches. */
const BOTH = [
  batch({
    evaluations: [evaluation({ count: 3 }), evaluation({ subject: 'bert' }), evaluation({ flag: 'other' })],
    events: [event({ count: 2 }), event({ subject: 'bert' })],
    contexts: [seen('anna'), seen('bert')],
  }),
  batch({ sequence: 2, hour: HOUR + 1, evaluations: [evaluation({ time: START + 3_600_000 })] }),
];

export const keepingChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'erases the rows, events, context and last variations of a subject, and says how many',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, BOTH);
      expect(await exposures.erase(SHOP, 'anna')).toEqual({ evaluations: 5, events: 2, contexts: 1 });
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 10, subject: 'anna' })).toEqual([]);
      expect(await exposures.lastVariations(SHOP, 'banner', ['anna', 'bert'])).toEqual(
        new Map([['bert', 'on']]),
      );
      const { total, contexts } = await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 });
      expect([total, contexts]).toEqual([1, [seen('bert')]]);
      const [outcome] = await exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
      expect(outcome).toMatchObject({ subjects: 1, affected: 1, events: 1, evaluations: 1 });
      expect(await exposures.erase(SHOP, 'anna')).toEqual({ evaluations: 0, events: 0, contexts: 0 });
    },
  },
  {
    title: 'leaves series, activity and ledger as they are when it erases',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, BOTH);
      const sums = async () => {
        const { series, activity, ledger } = await everything(exposures, SHOP, []);
        return { series, activity, ledger };
      };
      const before = await sums();
      await exposures.erase(SHOP, 'anna');
      expect(await sums()).toEqual(before);
      expect(await exposures.store(BOTH[0] ?? batch())).toBe('already');
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 10, subject: 'anna' })).toEqual([]);
    },
  },
  {
    title: 'erases nothing of others, nor of the same name elsewhere, nor of those without a name',
    async run(store) {
      await using exposures = await store.open();
      const place = { ...OTHER };
      await storeAll(exposures, [
        ...BOTH,
        batch({
          sequence: 3,
          place,
          evaluations: [evaluation({ subject: '' }), evaluation()],
          contexts: [seen('anna')],
        }),
      ]);
      const before = await everything(exposures, OTHER, ['banner']);
      await exposures.erase(SHOP, 'anna');
      expect(await exposures.erase(OTHER, 'Anna')).toEqual({ evaluations: 0, events: 0, contexts: 0 });
      expect(await exposures.erase(OTHER, '')).toEqual({ evaluations: 0, events: 0, contexts: 0 });
      expect(await everything(exposures, OTHER, ['banner'])).toEqual(before);
    },
  },
  {
    title: 'removes evaluations and events from before, and none that is younger, and leaves the sums',
    async run(store) {
      await using exposures = await store.open();
      const [early, late] = [
        evaluation({ time: START + 4 }),
        evaluation({ time: START + 5, subject: 'bert' }),
      ];
      const events = [event({ time: START + 4 }), event({ time: START + 6, subject: 'bert' })];
      await storeAll(exposures, [batch({ evaluations: [early, late], events, contexts: [seen('anna')] })]);
      const before = await everything(exposures, SHOP, ['banner']);
      await exposures.expire({ rowsBefore: START + 5, minutesBefore: 0, rollupsBefore: 0 });
      const after = await everything(exposures, SHOP, ['banner']);
      expect(after.times).toEqual([START + 5]);
      expect(after.outcomes[0]).toMatchObject([{ subjects: 1, evaluations: 1, affected: 1, events: 1 }]);
      for (const kept of ['series', 'activity', 'contexts', 'ledger'] as const)
        expect(after[kept]).toEqual(before[kept]);
      expect(await exposures.lastVariations(SHOP, 'banner', ['anna'])).toEqual(new Map([['anna', 'on']]));
      expect(await exposures.store(batch({ evaluations: [early, late], events }))).toBe('already');
    },
  },
  {
    title: 'removes minutes, hours and days once they had ended, and each flag with its last hour',
    async run(store) {
      await using exposures = await store.open();
      const times = [START - DAY, START, START + 60_000, START + 3_600_000];
      await storeAll(
        exposures,
        times.map((time, index) =>
          batch({
            ...{ sequence: index + 1, hour: Math.floor(time / 3_600_000) },
            evaluations: [evaluation({ time, ...(index === 0 && { flag: 'gone' }) })],
          }),
        ),
      );
      const left = async (step: 'minute' | 'hour' | 'day') =>
        (await exposures.series(SHOP, { ...ALWAYS, step })).map(({ at }) => at - START);
      await exposures.expire({ rowsBefore: 0, minutesBefore: START + 60_000, rollupsBefore: 0 });
      expect(await left('minute')).toEqual([60_000, 3_600_000]);
      expect(await left('hour')).toEqual([-DAY, 0, 3_600_000]);
      await exposures.expire({
        ...{
          rowsBefore: START + 3_600_000,
          minutesBefore: START + 3_600_001,
          rollupsBefore: START + 3_600_000,
        },
      });
      expect(await left('minute')).toEqual([3_600_000]);
      expect(await left('hour')).toEqual([3_600_000]);
      expect(await left('day')).toEqual([0]);
      expect((await exposures.activity(SHOP, ALWAYS)).map(({ flag, count }) => [flag, count])).toEqual([
        ['banner', 1],
      ]);
    },
  },
  {
    title: 'removes contexts, last variations and processes of which there is nothing younger',
    async run(store) {
      await using exposures = await store.open();
      const later = { sequence: 2, evaluations: [evaluation({ time: START + 9, subject: 'bert' })] };
      await storeAll(exposures, [
        batch({ evaluations: [evaluation()], contexts: [seen('anna'), seen('bert', START + 9)] }),
        batch(later),
        batch({ process: 'old', evaluations: [evaluation({ time: START + 2 })] }),
        batch({ process: 'poisoned', evaluations: [evaluation({ time: START + 2 })] }),
      ]);
      await exposures.close('ended', 4, START + 2);
      await exposures.bury(letter('poisoned:2', { at: START + 3 }));
      const bound = START + 5;
      await exposures.expire({ rowsBefore: bound, minutesBefore: bound, rollupsBefore: bound });
      expect(await exposures.contexts(SHOP, { ...ALWAYS, limit: 10 })).toEqual({
        ...{ total: 1, contexts: [seen('bert', START + 9)] },
      });
      const last = await exposures.lastVariations(SHOP, 'banner', ['anna', 'bert']);
      expect(last).toEqual(new Map([['bert', 'on']]));
      expect((await exposures.ledger(10)).map(({ process }) => process)).toEqual(['p', 'poisoned']);
      expect(await entryOf(exposures)).toMatchObject({ accepted: 1, stored: 2, firstAt: START });
      expect(await exposures.store(batch(later))).toBe('already');
      expect(await exposures.deadLetters(10)).toHaveLength(1);
    },
  },
];

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ExposureStore, RecordedBatch } from '../../src/ports/exposure-store.ts';
import { allDone, type Check, type Store } from './contract.ts';
import {
  ALWAYS,
  batch,
  entryOf,
  evaluation,
  event,
  everything,
  HOUR,
  SHOP,
  START,
  storeAll,
} from './exposure-samples.ts';
import { CONFUSABLE, inCodePointOrder } from './samples.ts';

const LARGE = 20_000;
const MANY_TIMES = 12;

const FULL = batch({
  evaluations: [
    evaluation(),
    evaluation({ subject: 'bert', variation: 'off', reason: 'DEFAULT', ruleId: '', time: START + 61_000 }),
    evaluation({
      subject: '',
      variation: '',
      reason: 'ERROR',
      errorCode: 'PARSE_ERROR',
      count: 4,
      weight: 2.5,
    }),
  ],
  events: [event({ time: START + 5, value: 2.5 }), event({ kind: 'crash', subject: 'bert', flag: 'banner' })],
  contexts: [{ subject: 'anna', attributes: { plan: 'pro' }, seenAt: START }],
  losses: [{ reason: 'sampled', units: 3 }],
});

/** Evaluations that all count for a batch in one point of the series. */
function large(sequence: number, size: number): RecordedBatch {
  const evaluations = Array.from({ length: size }, (_, index) =>
    evaluation({ subject: `subject-${index % 500}`, time: START + (index % 50_000) }),
  );
  return batch({ sequence, evaluations, acceptedSoFar: sequence * size });
}

async function total(store: ExposureStore): Promise<number> {
  const points = await store.series(SHOP, { ...ALWAYS, step: 'minute' });
  return points.reduce((sum, { count }) => sum + count, 0);
}

export const writeChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'answers stored to a batch, and has it in every answer from then on, to every handle',
    async run(store) {
      await using writer = await store.open();
      await using reader = await store.open();
      await storeAll(writer, [FULL]);
      const seen = await everything(reader, SHOP, ['banner']);
      expect(seen.series.map((points) => points.length)).toEqual([3, 3, 3]);
      expect(seen.activity).toEqual([{ flag: 'banner', lastAt: START + 61_000, count: 6 }]);
      expect(seen.outcomes[0]?.map(({ variation, affected }) => [variation, affected])).toEqual([
        ...[
          ['', 0],
          ['off', 0],
          ['on', 1],
        ],
      ]);
      expect(seen.contexts).toEqual({ total: 1, contexts: FULL.contexts });
      expect(seen.rows).toHaveLength(3);
      expect(await reader.lastVariations(SHOP, 'banner', ['anna'])).toEqual(new Map([['anna', 'on']]));
      expect(await entryOf(reader)).toMatchObject({ accepted: 11, stored: 8 });
    },
  },
  {
    title: 'answers already to a batch that was stored before, and changes nothing, whoever asks',
    async run(store) {
      await using one = await store.open();
      await storeAll(one, [FULL]);
      const before = await everything(one, SHOP, ['banner']);
      await using other = await store.open();
      for (const handle of [one, other, one]) expect(await handle.store(FULL)).toBe('already');
      expect(await everything(other, SHOP, ['banner'])).toEqual(before);
    },
  },
  {
    title: 'answers conflict to another batch of the same id, and keeps the first',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [FULL]);
      const before = await everything(exposures, SHOP, ['banner', 'other']);
      const other = batch({
        digest: 'another',
        evaluations: [evaluation({ flag: 'other' })],
        acceptedSoFar: 99,
      });
      expect(await exposures.store(other)).toBe('conflict');
      expect(await everything(exposures, SHOP, ['banner', 'other'])).toEqual(before);
      expect(await exposures.store(FULL)).toBe('already');
    },
  },
  {
    title: 'rejects with invalid, and keeps nothing of, a batch that can never be stored',
    async run(store) {
      await using exposures = await store.open();
      const evaluations = [evaluation()];
      const wrong: readonly RecordedBatch[] = [
        batch({ evaluations, units: 2 }),
        batch({ evaluations, id: 'p:2' }),
        batch({ evaluations, hour: HOUR + 1 }),
        batch({ evaluations: [evaluation(), evaluation({ count: Number.NaN })], units: 2 }),
        batch({ evaluations: [evaluation({ weight: Infinity })] }),
        batch({ evaluations: [evaluation({ weight: 1e300 })] }),
        batch({ evaluations, events: [event({ value: Number.NaN })] }),
        batch({ evaluations, events: [event({ value: -1e300 })] }),
        batch({ evaluations, losses: [{ reason: 'sampled', units: -1 }], acceptedSoFar: 1 }),
      ];
      for (const one of wrong) await expect(exposures.store(one)).rejects.toMatchObject({ kind: 'invalid' });
      expect(await exposures.ledger(10)).toEqual([]);
      expect(await exposures.rows(SHOP, { ...ALWAYS, limit: 10 })).toEqual([]);
      await storeAll(exposures, [batch({ evaluations })]);
    },
  },
  {
    title: 'counts a batch once that many handles store at once, many times',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const batches = [1, 2, 3].map((sequence) => large(sequence, 40));
      const asked = Array.from({ length: MANY_TIMES }, (_, index) =>
        batches.map((each) => (index % 2 === 0 ? one : other).store(each)),
      );
      const answers = await Promise.all(asked.flat());
      expect(answers.filter((answer) => answer === 'stored')).toHaveLength(3);
      expect(new Set(answers)).toEqual(new Set(['stored', 'already']));
      expect(await total(one)).toBe(120);
      expect(await entryOf(other)).toMatchObject({ accepted: 120, stored: 120, missing: [] });
      expect(await one.rows(SHOP, { ...ALWAYS, limit: 1_000 })).toHaveLength(120);
    },
  },
  {
    title: 'never shows a part of a batch while it is stored',
    async run(store) {
      await using writer = await store.open();
      await using reader = await store.open();
      const size = 300;
      let isStoring = true;
      const storeFour = async () => {
        await storeAll(
          writer,
          [1, 2, 3, 4].map((sequence) => large(sequence, size)),
        ).finally(() => {
          isStoring = false;
        });
      };
      const look = async () => {
        while (isStoring) {
          await nextTurn();
          expect((await total(reader)) % size).toBe(0);
          for (const { stored } of await reader.ledger(10)) expect(stored % size).toBe(0);
          for (const { evaluations } of await reader.outcomes(SHOP, { ...ALWAYS, flag: 'banner' }))
            expect(evaluations % size).toBe(0);
        }
      };
      await allDone([storeFour(), look()]);
      expect(await total(reader)).toBe(4 * size);
    },
  },
  {
    title: 'holds batches of twenty thousand evaluations',
    async run(store) {
      await using exposures = await store.open();
      await storeAll(exposures, [large(1, LARGE)]);
      expect(await exposures.store(large(1, LARGE))).toBe('already');
      expect(await total(exposures)).toBe(LARGE);
      const [outcome] = await exposures.outcomes(SHOP, { ...ALWAYS, flag: 'banner' });
      expect(outcome).toMatchObject({ subjects: 500, evaluations: LARGE });
      const lastRows = await exposures.rows(SHOP, { ...ALWAYS, from: START + LARGE - 10, limit: 1_000 });
      expect(lastRows).toHaveLength(10);
    },
  },
  {
    title: 'returns rows and contexts as they were recorded, to the last code point',
    async run(store) {
      await using exposures = await store.open();
      const texts = inCodePointOrder(CONFUSABLE);
      const evaluations = texts.map((text, index) =>
        evaluation({
          ...{ time: START + index, flag: text, variation: text, ruleId: text, subject: text, client: text },
          ...{ flagVersion: Number.MAX_SAFE_INTEGER - index, revision: index, source: 'manual', weight: 1.1 },
        }),
      );
      const attributes = { deep: { ...Object.fromEntries(texts.map((text) => [text, [text, 0.1, null]])) } };
      const contexts = texts.map((subject, index) => ({ subject, attributes, seenAt: START + index }));
      await storeAll(exposures, [batch({ evaluations, contexts })]);
      const rows = await exposures.rows(SHOP, { ...ALWAYS, limit: 1_000 });
      expect(rows.map(({ id, ...row }) => row)).toEqual(evaluations);
      const sample = await exposures.contexts(SHOP, { ...ALWAYS, limit: 1_000 });
      expect(sample.contexts.toSorted((a, b) => a.seenAt - b.seenAt)).toEqual(contexts);
    },
  },
  {
    title: 'tells places, flags, variations and subjects apart byte for byte and case-sensitively',
    async run(store) {
      await using exposures = await store.open();
      const texts = inCodePointOrder(CONFUSABLE);
      const evaluations = texts.map((text) => evaluation({ flag: text, variation: text, subject: text }));
      const more = texts.map((text) => evaluation({ variation: text, subject: text, time: START + 1 }));
      for (const project of texts)
        await storeAll(exposures, [
          batch({
            process: project,
            place: { project, environment: 'a' },
            evaluations: [...evaluations, ...more],
          }),
        ]);
      const place = { project: texts.at(-1) ?? '', environment: 'a' };
      expect((await exposures.activity(place, ALWAYS)).map(({ flag, count }) => [flag, count])).toEqual(
        inCodePointOrder([...texts, 'banner']).map((flag) => [flag, flag === 'banner' ? texts.length : 1]),
      );
      const outcomes = await exposures.outcomes(place, { ...ALWAYS, flag: 'banner' });
      expect(outcomes.map(({ variation, subjects }) => [variation, subjects])).toEqual(
        texts.map((one) => [one, 1]),
      );
      expect(await exposures.lastVariations(place, 'banner', texts)).toEqual(
        new Map(texts.map((text) => [text, text])),
      );
      expect(await exposures.activity({ project: place.project, environment: 'A' }, ALWAYS)).toEqual([]);
    },
  },
  {
    title: 'rejects every operation with unavailable once it is disposed',
    async run(store) {
      const exposures = await store.open();
      await exposures.store(FULL);
      await exposures[Symbol.asyncDispose]();
      const asked = [
        ...[exposures.store(batch({ sequence: 2 })), exposures.ledger(1), exposures.deadLetters(1)],
        ...[exposures.exhume('p:1'), exposures.close('p', 1, 1), exposures.activity(SHOP, ALWAYS)],
        ...[exposures.erase(SHOP, 'anna', START), exposures.rows(SHOP, { ...ALWAYS, limit: 1 })],
      ];
      for (const one of await Promise.allSettled(asked))
        expect(one).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    },
  },
];

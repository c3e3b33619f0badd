import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  ExposureStore,
  LedgerEntry,
  RecordedBatch,
  RecordedContext,
} from '../../src/ports/exposure-store.ts';
import { brokenAccounts } from './broken-exposure-accounts.ts';
import { brokenReaders } from './broken-exposure-readers.ts';
import type { SeededBug } from './contract.ts';
import { ALWAYS, START } from './exposure-samples.ts';

/** Alters batches on their way in. */
export function storing(store: ExposureStore, alter: (batch: RecordedBatch) => RecordedBatch): ExposureStore {
  return { ...store, store: (batch) => store.store(alter(batch)) };
}

/** The same as if another process had recorded it, so that it is new. */
function renamed(batch: RecordedBatch, process: string): RecordedBatch {
  return { ...batch, process, id: `${process}:${batch.sequence}` };
}

/** With these evaluations alone. */
function withEvaluations(batch: RecordedBatch, evaluations: RecordedBatch['evaluations']): RecordedBatch {
  const units = [...evaluations, ...batch.events].reduce((sum, { count }) => sum + count, 0);
  return { ...batch, evaluations, units };
}

const brokenWrites: readonly SeededBug<ExposureStore>[] = [
  {
    bug: 'answers stored to what it only has in memory',
    foundBy: 'answers stored to a batch, and has it in every answer from then on, to every handle',
    wrap(store) {
      let waiting: RecordedBatch | undefined;
      return {
        ...store,
        async store(batch) {
          if (waiting !== undefined) await store.store(waiting);
          waiting = batch;
          return 'stored';
        },
      };
    },
  },
  {
    bug: 'adds a batch that comes again to its sums',
    foundBy: 'answers already to a batch that was stored before, and changes nothing, whoever asks',
    wrap(store) {
      let again = 0;
      return {
        ...store,
        async store(batch) {
          const stored = await store.store(batch);
          if (stored === 'already') again += 1;
          return stored;
        },
        async series(place, query) {
          const points = await store.series(place, query);
          return points.map((point) => ({ ...point, count: point.count * (1 + again) }));
        },
      };
    },
  },
  {
    bug: 'takes another batch of the same id as well',
    foundBy: 'answers conflict to another batch of the same id, and keeps the first',
    wrap: (store) => ({
      ...store,
      async store(batch) {
        const stored = await store.store(batch);
        if (stored === 'conflict') await store.store(renamed(batch, 'other'));
        return stored;
      },
    }),
  },
  {
    bug: 'takes every batch of the same id for the same',
    foundBy: 'answers conflict to another batch of the same id, and keeps the first',
    wrap: (store) => ({
      ...store,
      store: async (batch) => ((await store.store(batch)) === 'stored' ? 'stored' : 'already'),
    }),
  },
  {
    bug: 'believes the units that a batch says it has',
    foundBy: 'rejects with invalid, and keeps nothing of, a batch that can never be stored',
    wrap: (store) => storing(store, (batch) => withEvaluations(batch, batch.evaluations)),
  },
  {
    bug: 'looks first and stores later',
    foundBy: 'counts a batch once that many handles store at once, many times',
    wrap(store) {
      const running = new Map<string, number>();
      return {
        ...store,
        async store(batch) {
          const rivals = running.get(batch.id) ?? 0;
          running.set(batch.id, rivals + 1);
          await nextTurn();
          const stored = await store.store(batch);
          return stored === 'already' && rivals > 0 ? store.store(renamed(batch, `rival-${rivals}`)) : stored;
        },
      };
    },
  },
  {
    bug: 'stores a batch in two halves',
    foundBy: 'never shows a part of a batch while it is stored',
    wrap: (store) => ({
      ...store,
      async store(batch) {
        const half = batch.evaluations.length / 2;
        await store.store(renamed(withEvaluations(batch, batch.evaluations.slice(0, half)), 'half'));
        for (let turn = 0; turn < 10; turn++) await nextTurn();
        return store.store(withEvaluations(batch, batch.evaluations.slice(half)));
      },
    }),
  },
  {
    bug: 'drops the evaluations after the ten thousandth',
    foundBy: 'holds batches of twenty thousand evaluations',
    wrap: (store) => storing(store, (batch) => withEvaluations(batch, batch.evaluations.slice(0, 10_000))),
  },
  {
    bug: 'keeps no fractions of weights',
    foundBy: 'returns rows and contexts as they were recorded, to the last code point',
    wrap: (store) =>
      storing(store, (batch) => ({
        ...batch,
        evaluations: batch.evaluations.map((one) => ({ ...one, weight: Math.round(one.weight) })),
      })),
  },
  {
    bug: 'folds the case of subjects',
    foundBy: 'tells places, flags, variations and subjects apart byte for byte and case-sensitively',
    wrap: (store) =>
      storing(store, (batch) => ({
        ...batch,
        evaluations: batch.evaluations.map((one) => ({ ...one, subject: one.subject.toLowerCase() })),
      })),
  },
  {
    bug: 'knows of no process once it is disposed',
    foundBy: 'rejects every operation with unavailable once it is disposed',
    wrap: (store) => ({ ...store, ledger: (limit) => store.ledger(limit).catch((): LedgerEntry[] => []) }),
  },
];

const brokenKeeping: readonly SeededBug<ExposureStore>[] = [
  {
    bug: 'leaves the context of whom it erases',
    foundBy: 'erases the rows, events, context and last variations of a subject, and says how many',
    wrap(store) {
      const left: RecordedContext[] = [];
      return {
        ...store,
        async erase(place, subject, at) {
          const { contexts } = await store.contexts(place, { ...ALWAYS, limit: 1_000 });
          left.push(...contexts.filter((one) => one.subject === subject));
          return store.erase(place, subject, at);
        },
        async contexts(place, query) {
          const { total, contexts } = await store.contexts(place, query);
          return { total: total + left.length, contexts: [...contexts, ...left] };
        },
      };
    },
  },
  {
    bug: 'takes whom it erases out of the sums',
    foundBy: 'leaves series, activity and ledger as they are when it erases',
    wrap(store) {
      let erased = 0;
      return {
        ...store,
        async erase(place, subject, at) {
          const result = await store.erase(place, subject, at);
          erased += result.evaluations;
          return result;
        },
        async activity(place, period) {
          const flags = await store.activity(place, period);
          return flags.map((flag) => ({ ...flag, count: flag.count - erased }));
        },
      };
    },
  },
  {
    bug: 'brings back whom it erased',
    foundBy:
      'takes what a subject had done by the time of its erasure for what nobody did, if it is stored later',
    wrap: (store) => ({ ...store, erase: (place, subject) => store.erase(place, subject, 0) }),
  },
  {
    bug: 'brings back whom it erased where others store them at that moment',
    foundBy: 'leaves nothing of whom it erases while others store it, and look',
    wrap: (store) => ({
      ...store,
      erase: (place, subject, at) => store.erase(place, subject, Math.min(at, START)),
    }),
  },
  {
    bug: 'leaves out the contexts of people with long names',
    foundBy: 'keeps and forgets what people with the longest names and attributes did, as of all others',
    wrap: (store) =>
      storing(store, (batch) => ({
        ...batch,
        contexts: batch.contexts.filter(({ subject }) => subject.length < 1_000),
      })),
  },
  {
    bug: 'erases a name wherever it is',
    foundBy: 'erases nothing of others, nor of the same name elsewhere, nor of those without a name',
    wrap: (store) => ({
      ...store,
      async erase(place, subject, at) {
        await store.erase({ ...place, environment: 'staging' }, subject, at);
        return store.erase(place, subject, at);
      },
    }),
  },
  {
    bug: 'removes what is just young enough',
    foundBy: 'removes evaluations and events from before, and none that is younger, and leaves the sums',
    wrap: (store) => ({
      ...store,
      expire: (retention) => store.expire({ ...retention, rowsBefore: retention.rowsBefore + 1 }),
    }),
  },
  {
    bug: 'removes steps that have begun',
    foundBy: 'removes minutes, hours and days once they had ended, and each flag with its last hour',
    wrap: (store) => ({
      ...store,
      expire: (retention) => store.expire({ ...retention, minutesBefore: retention.minutesBefore + 59_999 }),
    }),
  },
  {
    bug: 'keeps contexts and processes for good',
    foundBy: 'removes contexts, last variations and processes of which there is nothing younger',
    wrap: (store) => ({
      ...store,
      expire: (retention) => store.expire({ ...retention, rollupsBefore: 0 }),
    }),
  },
  {
    bug: 'forgets which flag an event is about',
    foundBy: 'answers as lists in memory do, whatever is asked of it by any number of handles',
    wrap: (store) =>
      storing(store, (batch) => ({ ...batch, events: batch.events.map(({ flag, ...event }) => event) })),
  },
];

/** Each with one mistake. */
export const brokenExposureStores: readonly SeededBug<ExposureStore>[] = [
  ...brokenWrites,
  ...brokenReaders,
  ...brokenAccounts,
  ...brokenKeeping,
];

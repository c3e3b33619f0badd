import type { ExposureStore, OutcomeQuery, RecordedBatch } from '../../src/ports/exposure-store.ts';
import type { SeededBug } from './contract.ts';
import { ALWAYS } from './exposure-samples.ts';

const MINUTE = 60_000;

/** Alters what outcomes are asked for. */
function asking(store: ExposureStore, alter: (query: OutcomeQuery) => OutcomeQuery): ExposureStore {
  return { ...store, outcomes: (place, query) => store.outcomes(place, alter(query)) };
}

/** How often each variation is in these, each subject once a batch. */
function subjectsByBatch(batches: readonly RecordedBatch[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { evaluations } of batches) {
    const named = evaluations.filter(({ subject }) => subject !== '');
    const pairs = new Set(named.map(({ subject, variation }) => JSON.stringify([variation, subject])));
    for (const pair of pairs) {
      const [variation] = JSON.parse(pair);
      counts.set(variation, (counts.get(variation) ?? 0) + 1);
    }
  }
  return counts;
}

export const brokenReaders: readonly SeededBug<ExposureStore>[] = [
  {
    bug: 'counts rows instead of what they count',
    foundBy: 'adds up counts, and estimates by weight, by minute, hour and day, over all batches',
    wrap: (store) => ({
      ...store,
      async series(place, query) {
        const points = await store.series(place, query);
        const rows = await store.rows(place, { ...ALWAYS, limit: 10_000 });
        return points.map((point) => {
          const theirs = rows.filter((row) => row.flag === point.flag && row.variation === point.variation);
          return { ...point, count: Math.min(point.count, theirs.length) };
        });
      },
    }),
  },
  {
    bug: 'forgets weights',
    foundBy: 'adds up counts, and estimates by weight, by minute, hour and day, over all batches',
    wrap: (store) => ({
      ...store,
      series: async (place, query) =>
        (await store.series(place, query)).map((point) => ({ ...point, estimate: point.count })),
    }),
  },
  {
    bug: 'knows no limit',
    foundBy: 'adds up counts, and estimates by weight, by minute, hour and day, over all batches',
    wrap: (store) => ({
      ...store,
      series: (place, { limit, ...query }) => store.series(place, query),
    }),
  },
  {
    bug: 'has the step too that the period begins in',
    foundBy: 'has the steps of a series that begin in the period',
    wrap: (store) => ({
      ...store,
      series: (place, query) => store.series(place, { ...query, from: query.from - (query.from % MINUTE) }),
    }),
  },
  {
    bug: 'knows only the flags of the period',
    foundBy:
      'has every flag that was ever evaluated, with its last time and its evaluations in the hours of the period',
    wrap: (store) => ({
      ...store,
      activity: async (place, period) =>
        (await store.activity(place, period)).filter(({ count }) => count > 0),
    }),
  },
  {
    bug: 'takes the variation that came last for the last one',
    foundBy: 'has the last variation of each subject that ever got the flag, whatever order batches come in',
    wrap(store) {
      const came = new Map<string, string>();
      return {
        ...store,
        async store(batch) {
          for (const { flag, subject, variation } of batch.evaluations)
            came.set(`${flag} ${subject}`, variation);
          return store.store(batch);
        },
        async lastVariations(place, flag, subjects) {
          const known = await store.lastVariations(place, flag, subjects);
          return new Map(
            [...known].map(([subject, last]) => [subject, came.get(`${flag} ${subject}`) ?? last]),
          );
        },
      };
    },
  },
  {
    bug: 'counts everybody that it ever saw',
    foundBy: 'keeps the latest context of each subject, whatever order they come in',
    wrap: (store) => ({
      ...store,
      async contexts(place, query) {
        const { contexts } = await store.contexts(place, query);
        return { total: (await store.contexts(place, { ...ALWAYS, limit: 1 })).total, contexts };
      },
    }),
  },
  {
    bug: 'draws those who come first by name',
    foundBy: 'draws the same contexts each time, without regard for names and age, and says of how many',
    wrap: (store) => ({
      ...store,
      async contexts(place, query) {
        const { total, contexts } = await store.contexts(place, { ...query, limit: 10_000 });
        const sorted = contexts.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
        return { total, contexts: sorted.slice(0, query.limit) };
      },
    }),
  },
  {
    bug: 'counts a subject again for each batch',
    foundBy: 'counts a subject of a variation once, however many batches and versions they are in',
    wrap(store) {
      const batches: RecordedBatch[] = [];
      return {
        ...store,
        async store(batch) {
          batches.push(batch);
          return store.store(batch);
        },
        async outcomes(place, query) {
          const counts = subjectsByBatch(batches);
          const outcomes = await store.outcomes(place, query);
          return outcomes.map((one) => ({ ...one, subjects: counts.get(one.variation) ?? 0 }));
        },
      };
    },
  },
  {
    bug: 'asks when somebody got a variation for the first time ever',
    foundBy: 'counts an event of a subject for what they had been told last in the period when it happened',
    wrap: (store) => asking(store, (query) => ({ ...query, from: 0 })),
  },
  {
    bug: 'counts what happened for one variation only',
    foundBy:
      'counts an event for all that was told at the instant that was the last before it, by name or rule',
    wrap: (store) => ({
      ...store,
      outcomes: async (place, query) =>
        (await store.outcomes(place, query)).map((one, index) =>
          index === 0 ? one : { ...one, affected: 0, events: 0 },
        ),
    }),
  },
  {
    bug: 'takes the square of the sum for the sum of squares',
    foundBy: 'adds up the values of events, and the squares of what each subject has',
    wrap: (store) => ({
      ...store,
      outcomes: async (place, query) =>
        (await store.outcomes(place, query)).map((one) => ({ ...one, sumOfSquares: one.sum * one.sum })),
    }),
  },
  {
    bug: 'takes no kinds for all kinds',
    foundBy:
      'counts only events of the kinds and the name that are asked for, and none that names another flag',
    wrap: (store) => asking(store, ({ kinds, ...query }) => (kinds?.length ? { ...query, kinds } : query)),
  },
  {
    bug: 'forgets the name of the event',
    foundBy:
      'counts only events of the kinds and the name that are asked for, and none that names another flag',
    wrap: (store) => asking(store, ({ event, ...query }) => query),
  },
  {
    bug: 'takes no rule for any rule',
    foundBy: 'counts only what the rule decided that is asked for, or none',
    wrap: (store) => asking(store, ({ ruleId, ...query }) => (ruleId ? { ...query, ruleId } : query)),
  },
  {
    bug: 'goes on behind everything of the last millisecond',
    foundBy: 'pages through rows in the order of time without a gap, a double or a row of somebody else',
    wrap: (store) => ({
      ...store,
      rows: (place, { after, ...query }) =>
        store.rows(place, { ...query, ...(after && { from: Math.max(query.from, after.time + 1) }) }),
    }),
  },
];

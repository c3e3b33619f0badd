import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import { flagName, PLACE, subjectName, timeAfter } from './recorded.ts';

const HALF_A_DAY_MS = 43_200_000;
const ERRORS = ['error', 'crash'] as const;

/** What somebody asks of a store that has so many evaluations, differently in each round. */
export interface StoreQuestion {
  readonly title: string;
  /** What growth to expect. */
  readonly meaning: string;
  ask(store: ExposureStore, evaluations: number, round: number): Promise<unknown>;
}

function lastHalfDay(evaluations: number) {
  const to = timeAfter(evaluations);
  return { from: to - HALF_A_DAY_MS, to };
}

const FLAT = 'as much is in the period whatever else there is';

export const QUESTIONS: readonly StoreQuestion[] = [
  {
    title: 'series of a flag by minute, 12 h',
    meaning: FLAT,
    ask: (store, size, round) =>
      store.series(PLACE, { ...lastHalfDay(size), step: 'minute', flag: flagName(round * 37) }),
  },
  {
    title: 'series of all flags by hour, 12 h',
    meaning: FLAT,
    ask: (store, size) => store.series(PLACE, { ...lastHalfDay(size), step: 'hour' }),
  },
  {
    title: 'activity of all flags, 12 h',
    meaning: FLAT,
    ask: (store, size) => store.activity(PLACE, lastHalfDay(size)),
  },
  {
    title: 'outcomes of a flag, 12 h, errors',
    meaning: FLAT,
    ask: (store, size, round) =>
      store.outcomes(PLACE, { ...lastHalfDay(size), flag: flagName(round * 37), kinds: ERRORS }),
  },
  {
    title: 'outcomes of a flag, all time',
    meaning: 'each evaluation of the flag and each event is looked at',
    ask: (store, size, round) =>
      store.outcomes(PLACE, { from: 0, to: timeAfter(size), flag: flagName(round * 37) }),
  },
  {
    title: 'sample of 1,000 contexts',
    meaning: 'those who were seen are counted, up to all 100,000 users',
    ask: (store, size) => store.contexts(PLACE, { ...lastHalfDay(size), limit: 1_000 }),
  },
  {
    title: 'last variations of 1,000 users',
    meaning: 'a look into a tree for each',
    ask: (store, _size, round) =>
      store.lastVariations(
        PLACE,
        flagName(round * 37),
        Array.from({ length: 1_000 }, (_, index) => subjectName(index * 97 + round)),
      ),
  },
  {
    title: '1,000 rows of a flag',
    meaning: FLAT,
    ask: (store, size, round) =>
      store.rows(PLACE, { ...lastHalfDay(size), flag: flagName(round * 37), limit: 1_000 }),
  },
  {
    title: 'rows of a user',
    meaning: 'as many as there are of the user',
    ask: (store, size, round) =>
      store.rows(PLACE, { from: 0, to: timeAfter(size), subject: subjectName(round * 9_973), limit: 1_000 }),
  },
  { title: 'ledger', meaning: 'one line for each process', ask: (store) => store.ledger(100) },
];

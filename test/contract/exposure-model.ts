import { checkBatch } from '../../src/ports/batch-check.ts';
import type {
  DeadLetter,
  ExposureStore,
  RecordedBatch,
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
  Retention,
  StoredEvaluation,
} from '../../src/ports/exposure-store.ts';
import { modelLedger } from './exposure-model-ledger.ts';
import {
  modelActivity,
  modelContexts,
  modelOutcomes,
  modelRows,
  modelSeries,
} from './exposure-model-readers.ts';
import { inCodePointOrder } from './samples.ts';

export const STEP_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

export type Placed<T> = T & RecordedPlace;

/** Everything that was told, as lists. Each reader works its answer out from these, by itself and without cleverness. */
export interface ModelState {
  batches: RecordedBatch[];
  letters: DeadLetter[];
  ends: { readonly process: string; readonly accepted: number; readonly at: number }[];
  rows: Placed<StoredEvaluation>[];
  events: Placed<RecordedEvent>[];
  contexts: Placed<RecordedContext>[];
  erasures: Placed<{ readonly subject: string; readonly at: number }>[];
  /** The same evaluations again: for each step, and for who got what. They go at different times, and not by name. */
  minutes: Placed<RecordedEvaluation>[];
  hours: Placed<RecordedEvaluation>[];
  days: Placed<RecordedEvaluation>[];
  got: Placed<RecordedEvaluation>[];
}

export function isOf(place: RecordedPlace, { project, environment }: RecordedPlace): boolean {
  return project === place.project && environment === place.environment;
}

/** A store of exposures that does what the port says, in memory, for any number of handles. */
export function createExposureModel(): ExposureStore {
  const state: ModelState = {
    ...{ batches: [], letters: [], ends: [], rows: [], events: [], contexts: [], erasures: [] },
    ...{ minutes: [], hours: [], days: [], got: [] },
  };
  return {
    async store(batch) {
      checkBatch(batch);
      const known = state.batches.find(({ id }) => id === batch.id);
      if (known !== undefined) return known.digest === batch.digest ? 'already' : 'conflict';
      take(state, withoutErased(state, batch));
      return 'stored';
    },
    async bury(letter) {
      const known = state.letters.find(({ id }) => id === letter.id);
      if (known !== undefined && known.at >= letter.at) return;
      state.letters = state.letters.filter((one) => one !== known);
      state.letters.push({ ...letter, bytes: known?.bytes ?? letter.bytes });
    },
    async deadLetters(limit, after = '') {
      const ids = inCodePointOrder([...state.letters.map(({ id }) => id), after]);
      const behind = ids.slice(ids.lastIndexOf(after) + 1).slice(0, limit);
      return behind.flatMap((id) => state.letters.filter((letter) => letter.id === id));
    },
    async letterLabels(limit, after) {
      const letters = await this.deadLetters(limit, after);
      return letters.map(({ bytes, ...label }) => ({ ...label, size: bytes.length }));
    },
    async exhume(id, at) {
      const before = state.letters.length;
      state.letters = state.letters.filter((one) => one.id !== id || one.at !== (at ?? one.at));
      return state.letters.length < before;
    },
    async close(process, accepted, at) {
      state.ends.push({ process, accepted, at });
    },
    ledger: async (limit) => modelLedger(state).slice(0, limit),
    series: async (place, query) => modelSeries(state, place, query),
    activity: async (place, period) => modelActivity(state, place, period),
    outcomes: async (place, query) => modelOutcomes(state, place, query),
    contexts: async (place, query) => modelContexts(state, place, query),
    async lastVariations(place, flag, subjects) {
      const of = (subject: string) =>
        state.got
          .filter((one) => isOf(place, one) && one.flag === flag && one.subject === subject)
          .map(({ time, variation }) => ({ time, variation }));
      return new Map(
        subjects.flatMap((subject) => lastOf(of(subject)).map((last) => [subject, last] as const)),
      );
    },
    rows: async (place, query) => modelRows(state, place, query),
    erase: async (place, subject, at) => erase(state, place, subject, at),
    expire: async (retention) => expire(state, retention),
    async [Symbol.asyncDispose]() {},
  };
}

/** Whoever was erased did nothing until then. */
function withoutErased({ erasures }: ModelState, batch: RecordedBatch): RecordedBatch {
  const isErased = (subject: string, time: number) =>
    erasures.some((one) => isOf(batch.place, one) && one.subject === subject && time <= one.at);
  const kept = <T extends { readonly subject: string; readonly time: number }>(item: T): T =>
    isErased(item.subject, item.time) ? { ...item, subject: '' } : item;
  return {
    ...batch,
    evaluations: batch.evaluations.map(kept),
    events: batch.events.map(kept),
    contexts: batch.contexts.filter(({ subject, seenAt }) => !isErased(subject, seenAt)),
  };
}

function take(state: ModelState, batch: RecordedBatch): void {
  const evaluations = batch.evaluations.map((evaluation) => ({ ...evaluation, ...batch.place }));
  const number = String(state.batches.length).padStart(6, '0');
  state.batches.push(batch);
  for (const [index, row] of evaluations.entries())
    state.rows.push({ ...row, id: `${number}-${String(index).padStart(6, '0')}` });
  state.events.push(...batch.events.map((event) => ({ ...event, ...batch.place })));
  state.minutes.push(...evaluations);
  state.hours.push(...evaluations);
  state.days.push(...evaluations);
  state.got.push(...evaluations.filter(({ subject }) => subject !== ''));
  for (const context of batch.contexts) {
    const isSame = (one: Placed<RecordedContext>) =>
      isOf(batch.place, one) && one.subject === context.subject;
    const known = state.contexts.find(isSame);
    if (known !== undefined && known.seenAt > context.seenAt) continue;
    state.contexts = state.contexts.filter((one) => !isSame(one));
    state.contexts.push({ ...context, ...batch.place });
  }
}

function lastOf(got: readonly { readonly time: number; readonly variation: string }[]): string[] {
  const latest = Math.max(...got.map(({ time }) => time));
  return inCodePointOrder(got.filter(({ time }) => time === latest).map(({ variation }) => variation)).slice(
    -1,
  );
}

function erase(state: ModelState, place: RecordedPlace, subject: string, at: number) {
  const isTheirs = (one: Placed<{ readonly subject: string }>) =>
    subject !== '' && isOf(place, one) && one.subject === subject;
  const unitsOf = (units: readonly { readonly count: number }[]) =>
    units.reduce((sum, { count }) => sum + count, 0);
  const erased = {
    evaluations: unitsOf(state.rows.filter(isTheirs)),
    events: unitsOf(state.events.filter(isTheirs)),
    contexts: state.contexts.filter(isTheirs).length,
  };
  state.rows = state.rows.filter((one) => !isTheirs(one));
  state.events = state.events.filter((one) => !isTheirs(one));
  state.contexts = state.contexts.filter((one) => !isTheirs(one));
  state.got = state.got.filter((one) => !isTheirs(one));
  if (subject !== '') state.erasures.push({ ...place, subject, at });
  return erased;
}

function expire(state: ModelState, { rowsBefore, minutesBefore, rollupsBefore }: Retention): void {
  const isKept = (before: number) => (one: { readonly time: number }) => one.time >= before;
  const endsLater = (step: keyof typeof STEP_MS, before: number) => (one: { readonly time: number }) =>
    startOf(one.time, step) + STEP_MS[step] > before;
  state.rows = state.rows.filter(isKept(rowsBefore));
  state.events = state.events.filter(isKept(rowsBefore));
  state.minutes = state.minutes.filter(endsLater('minute', minutesBefore));
  state.hours = state.hours.filter(endsLater('hour', rollupsBefore));
  state.days = state.days.filter(endsLater('day', rollupsBefore));
  state.got = state.got.filter(isKept(rollupsBefore));
  state.contexts = state.contexts.filter(({ seenAt }) => seenAt >= rollupsBefore);
  state.erasures = state.erasures.filter(({ at }) => at >= Math.min(rowsBefore, rollupsBefore));
  const old = modelLedger(state).filter(({ lastAt }) => lastAt < rollupsBefore);
  const gone = new Set(old.map(({ process }) => process));
  for (const { id } of state.letters) gone.delete(id.slice(0, id.lastIndexOf(':')));
  state.batches = state.batches.filter(({ process }) => !gone.has(process));
  state.ends = state.ends.filter(({ process }) => !gone.has(process));
}

export function startOf(time: number, step: keyof typeof STEP_MS): number {
  return Math.floor(time / STEP_MS[step]) * STEP_MS[step];
}

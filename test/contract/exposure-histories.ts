import fc from 'fast-check';
import { expect } from 'vitest';
import type {
  ExposureStore,
  RecordedBatch,
  RecordedEvaluation,
  RecordedEvent,
} from '../../src/ports/exposure-store.ts';
import type { Check, Store } from './contract.ts';
import { createExposureModel } from './exposure-model.ts';
import { batch, evaluation, event, everything, HOUR, letter, SHOP, START } from './exposure-samples.ts';

const RUNS = 12;
const HOUR_MS = 3_600_000;
const PLACES = [SHOP, { project: 'shop', environment: 'staging' }] as const;
const FLAGS = ['banner', 'search'];
const SUBJECTS = ['anna', 'bert', 'carl', ''];
const PROCESSES = ['p', 'q'];

/** One thing to ask. Names and places are given as numbers, few enough for most of them to meet. */
type Step =
  | { readonly kind: 'store'; readonly twice: boolean; readonly batch: RecordedBatch }
  | {
      readonly kind: 'bury' | 'exhume';
      readonly process: string;
      readonly sequence: number;
      readonly units: number;
    }
  | { readonly kind: 'close'; readonly process: string; readonly accepted: number; readonly ms: number }
  | { readonly kind: 'erase'; readonly place: number; readonly subject: string; readonly hour: number }
  | { readonly kind: 'expire'; readonly hours: readonly [number, number, number] };

const place = fc.nat({ max: PLACES.length - 1 });
const process = fc.constantFrom(...PROCESSES);
const sequence = fc.integer({ min: 1, max: 9 });
const minutes = fc.nat({ max: 5 });
const count = fc.integer({ min: 1, max: 3 });
const subject = fc.constantFrom(...SUBJECTS);

function evaluationIn(hour: number): fc.Arbitrary<RecordedEvaluation> {
  return fc
    .record({
      ...{
        minutes,
        subject,
        count,
        flag: fc.constantFrom(...FLAGS),
        variation: fc.constantFrom('on', 'off', ''),
      },
      ...{ ruleId: fc.constantFrom('', 'rule-1'), weight: fc.constantFrom(1, 1, 2, 2.5) },
      reason: fc.constantFrom('SPLIT' as const, 'DEFAULT' as const),
    })
    .map(({ minutes: after, ...parts }) => evaluation({ ...parts, time: hour * HOUR_MS + after * 20_000 }));
}

function eventIn(hour: number): fc.Arbitrary<RecordedEvent> {
  return fc
    .record({
      ...{ minutes, subject, count, kind: fc.constantFrom('metric' as const, 'error' as const) },
      flag: fc.constantFrom(undefined, ...FLAGS),
      value: fc.constantFrom(undefined, 1, -2, 0.5),
    })
    .map(({ minutes: after, flag, value, ...parts }) =>
      event({
        ...{ ...parts, time: hour * HOUR_MS + after * 20_000 },
        ...(flag !== undefined && { flag }),
        ...(value !== undefined && { value }),
      }),
    );
}

const losses = fc.array(
  fc
    .record({
      reason: fc.constantFrom('sampled' as const, 'too_large' as const),
      units: count,
      of: fc.option(sequence),
    })
    .map(({ of, ...loss }) => ({ ...loss, ...(of !== null && { sequence: of }) })),
  { maxLength: 2 },
);

const recorded: fc.Arbitrary<RecordedBatch> = fc
  .record({
    hour: fc.nat({ max: 30 }),
    place,
    process,
    sequence,
    losses,
    digest: fc.constantFrom('one', 'one', 'two'),
  })
  .chain(({ hour, place: where, ...parts }) =>
    fc
      .record({
        evaluations: fc.array(evaluationIn(HOUR + hour), { maxLength: 6 }),
        events: fc.array(eventIn(HOUR + hour), { maxLength: 3 }),
        acceptedSoFar: fc.nat({ max: 100 }),
        seen: fc.array(fc.record({ subject: fc.constantFrom('anna', 'bert'), minutes }), { maxLength: 2 }),
      })
      .map(({ seen, ...content }) =>
        batch({
          ...{ ...parts, ...content, hour: HOUR + hour, place: PLACES[where] ?? SHOP },
          contexts: seen.map(({ subject: who, minutes: after }) => {
            const seenAt = (HOUR + hour) * HOUR_MS + after;
            return { subject: who, attributes: { seenAt }, seenAt };
          }),
        }),
      ),
  );

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ kind: fc.constant('store' as const), twice: fc.boolean(), batch: recorded }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('bury' as const), process, sequence, units: count }),
    },
    fc.record({ kind: fc.constant('exhume' as const), process, sequence, units: count }),
    fc.record({ kind: fc.constant('close' as const), process, accepted: fc.nat({ max: 120 }), ms: minutes }),
    fc.record({ kind: fc.constant('erase' as const), place, subject, hour: fc.nat({ max: 30 }) }),
    fc.record({
      kind: fc.constant('expire' as const),
      hours: fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 }), fc.nat({ max: 30 })),
    }),
  ),
  { minLength: 12, maxLength: 30, size: 'max' },
);

/** What is said to a step, in a form that can be compared. */
async function take(store: ExposureStore, step: Step): Promise<unknown> {
  switch (step.kind) {
    case 'store': {
      const first = await store.store(step.batch);
      return [first, step.twice && (await store.store(step.batch))];
    }
    case 'bury':
      return store.bury(
        letter(`${step.process}:${step.sequence}`, { units: step.units, at: START + step.units }),
      );
    case 'exhume':
      return store.exhume(`${step.process}:${step.sequence}`);
    case 'close':
      return store.close(step.process, step.accepted, START + step.ms);
    case 'erase':
      return store.erase(PLACES[step.place] ?? SHOP, step.subject, (HOUR + step.hour) * HOUR_MS + 40_000);
    case 'expire': {
      const [rollups = 0, ...younger] = step.hours
        .toSorted((a, b) => a - b)
        .map((hour) => (HOUR + hour) * HOUR_MS);
      const [minutesBefore = 0, rowsBefore = 0] = younger;
      return store.expire({ rowsBefore, minutesBefore, rollupsBefore: rollups });
    }
  }
}

/** Asks both the same and demands that they say the same, by several handles on the one that is tried. */
async function compare(handles: readonly ExposureStore[], asked: readonly Step[]): Promise<void> {
  await using model = createExposureModel();
  for (const [index, step] of asked.entries()) {
    const handle = handles[index % handles.length] as ExposureStore;
    expect(await take(handle, step)).toEqual(await take(model, step));
  }
  for (const [index, where] of PLACES.entries()) {
    const handle = handles[index % handles.length] as ExposureStore;
    expect(await everything(handle, where, FLAGS)).toEqual(await everything(model, where, FLAGS));
    for (const flag of FLAGS) {
      const period = { from: START + 5 * HOUR_MS, to: START + 20 * HOUR_MS };
      const query = { ...period, flag, ruleId: 'rule-1', kinds: ['error' as const] };
      expect(await handle.outcomes(where, query)).toEqual(await model.outcomes(where, query));
      expect(await handle.lastVariations(where, flag, SUBJECTS)).toEqual(
        await model.lastVariations(where, flag, SUBJECTS),
      );
      expect(await handle.activity(where, period)).toEqual(await model.activity(where, period));
    }
  }
}

export const historyChecks: readonly Check<Store<ExposureStore>>[] = [
  {
    title: 'answers as lists in memory do, whatever is asked of it by any number of handles',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      const cleaned = async (asked: readonly Step[]) => {
        await compare([one, other], asked);
        await forget(one);
      };
      await fc.assert(fc.asyncProperty(steps, cleaned), {
        numRuns: RUNS,
        seed: 20_260_302,
        endOnFailure: true,
      });
    },
  },
];

/** As good as new: nothing of all this is younger. */
async function forget(store: ExposureStore): Promise<void> {
  for (const { id } of await store.deadLetters(1_000)) await store.exhume(id);
  const bound = START + 100 * 24 * HOUR_MS;
  await store.expire({ rowsBefore: bound, minutesBefore: bound, rollupsBefore: bound });
}

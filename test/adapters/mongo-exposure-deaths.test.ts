import { describe, expect, it } from 'vitest';
import { createMongoExposureStore } from '../../src/adapters/mongo/exposure-store.ts';
import { Mongo, openMongo, type Reading } from '../../src/adapters/mongo/open-mongo.ts';
import { FlagError } from '../../src/core/errors.ts';
import type { ExposureStore, RecordedBatch, RecordedPlace } from '../../src/ports/exposure-store.ts';
import { createExposureModel } from '../contract/exposure-model.ts';
import { batch, evaluation, event, everything, HOUR, START } from '../contract/exposure-samples.ts';
import { mongoServerOrSkip, openTestDatabase, type TestDatabase } from '../support/mongo-server.ts';

const uri = await mongoServerOrSkip();

const HOUR_MS = 3_600_000;
/** Everything is put together as soon as it can be. */
const EAGER = { partsPerRoll: 1, rollsPerMerge: 2 };
/** Of all operations, each so-manieth is tried. */
const STRIDE = Number(process.env.VEXIL_TEST_STRIDE ?? 11);

/** What happens to one operation on the server, of all that a process asks for. */
type Fault = (operation: () => Promise<unknown>) => Promise<unknown>;

/** A connection one of whose operations goes wrong, and perhaps all after it. */
class FaultyMongo extends Mongo {
  count = 0;
  readonly #at: number;
  readonly #fault: Fault;
  readonly #isLast: boolean;

  constructor(database: TestDatabase, at: number, fault: Fault, isLast: boolean) {
    super(openMongo({ uri: database.uri, database: database.name }).client, database.name, 5_000);
    this.#at = at;
    this.#fault = fault;
    this.#isLast = isLast;
  }

  override async run<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    const index = this.count++;
    if (this.#isLast && index > this.#at) throw new FlagError('unavailable', 'this process is dead');
    if (index !== this.#at) return await super.run(work);
    return (await this.#fault(() => super.run(work))) as T;
  }
}

function batchesIn(place: RecordedPlace): readonly RecordedBatch[] {
  const process = place.project;
  const of = (sequence: number, hour: number, subject: string, variation: string) => {
    const time = (hour - HOUR) * HOUR_MS + START + sequence;
    const evaluations = [
      evaluation({ time, subject, variation }),
      evaluation({ time: time + 61_000, flag: 'search', subject: 'bert', count: 2, weight: 2 }),
    ];
    return batch({
      ...{ process, sequence, place, hour, evaluations },
      events: [event({ time: time + 70_000, subject, value: sequence })],
      contexts: [{ subject, attributes: { sequence }, seenAt: time }],
      losses: [{ reason: 'sampled', units: 1 }],
      acceptedSoFar: 5 * sequence,
    });
  };
  return [
    of(1, HOUR, 'anna', 'on'),
    of(2, HOUR, 'carl', 'off'),
    of(3, HOUR, 'anna', 'off'),
    of(4, HOUR + 30, 'dora', 'on'),
    of(5, HOUR, 'dora', 'on'),
  ];
}

type Step = (store: ExposureStore) => Promise<unknown>;

/** All that is asked for, of which each can be asked for again. */
function stepsIn(place: RecordedPlace): readonly Step[] {
  const [first, second, third, later, late] = batchesIn(place).map(
    (one): Step =>
      (store) =>
        store.store(one),
  ) as [Step, Step, Step, Step, Step];
  const before = START + 2;
  const retention = { rowsBefore: before, minutesBefore: before, rollupsBefore: 0 };
  return [
    ...[first, second, third],
    (store) => store.erase(place, 'carl', START),
    ...[later, late],
    (store) => store.close(place.project, 99, START),
    (store) => store.expire(retention),
  ];
}

async function ask(store: ExposureStore, steps: readonly Step[]): Promise<number> {
  for (const [index, step] of steps.entries()) {
    try {
      await step(store);
    } catch {
      return index;
    }
  }
  return steps.length;
}

/** What is there of this place. */
async function seen(store: ExposureStore, place: RecordedPlace) {
  const { ledger, ...rest } = await everything(store, place, ['banner', 'search']);
  return { ...rest, ledger: ledger.filter(({ process }) => process === place.project) };
}

async function expectAll(store: ExposureStore, place: RecordedPlace): Promise<void> {
  await using model = createExposureModel();
  expect(await ask(model, stepsIn(place))).toBe(stepsIn(place).length);
  expect(await seen(store, place)).toEqual(await seen(model, place));
}

/** Demands that the sums are those of whole batches, each counted once. */
async function expectWhole(store: ExposureStore, place: RecordedPlace): Promise<void> {
  const points = await store.series(place, { from: 0, to: Infinity, step: 'day' });
  const total = points.reduce((sum, { count }) => sum + count, 0);
  const [entry] = (await store.ledger(10_000)).filter(({ process }) => process === place.project);
  expect(total % 3).toBe(0);
  expect(entry?.stored ?? 0).toBe((total / 3) * 4);
}

function openOf(database: TestDatabase, mongo = openMongo({ uri: database.uri, database: database.name })) {
  const store = createMongoExposureStore(mongo, EAGER);
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
    },
  };
}

/** Tries one fault at operation after operation. Returns at how many. */
async function eachOperation(
  database: TestDatabase,
  check: (at: number, place: RecordedPlace) => Promise<boolean>,
): Promise<number> {
  let tried = 0;
  for (let at = STRIDE % 3; ; at += STRIDE, tried++) {
    const place = { project: `after-${at}`, environment: 'production' };
    if (!(await check(at, place))) return tried;
    expect(database.name).not.toBe('');
  }
}

const WAYS: readonly [string, Fault, boolean][] = [
  [
    'a process dies before any of its operations',
    () => Promise.reject(new FlagError('unavailable', 'killed')),
    true,
  ],
  [
    'a process dies before it hears of any of its operations',
    async (operation) => {
      await operation();
      throw new FlagError('unavailable', 'killed');
    },
    true,
  ],
  [
    'the answer to any operation is lost',
    async (operation) => {
      await operation();
      throw new FlagError('unavailable', 'lost');
    },
    false,
  ],
];

describe.skipIf(uri === undefined)('the MongoDB store of exposures', () => {
  it.each(WAYS)(
    'counts everything once when %s, and another goes on',
    { timeout: 600_000 },
    async (_way, fault, isLast) => {
      await using database = openTestDatabase(uri ?? '');
      await using survivor = openOf(database);
      const tried = await eachOperation(database, async (at, place) => {
        const mongo = new FaultyMongo(database, at, fault, isLast);
        let reached = 0;
        {
          await using mortal = openOf(database, mongo);
          reached = await ask(mortal.store, stepsIn(place));
        }
        await expectWhole(survivor.store, place);
        const rest = stepsIn(place).slice(reached);
        expect(await ask(survivor.store, rest)).toBe(rest.length);
        await expectAll(survivor.store, place);
        return mongo.count > at;
      });
      expect(tried).toBeGreaterThan(3);
    },
  );

  it('counts everything once when a process sleeps before any of its operations while another does it all', {
    timeout: 600_000,
  }, async () => {
    await using database = openTestDatabase(uri ?? '');
    await using survivor = openOf(database);
    const tried = await eachOperation(database, async (at, place) => {
      let slept = false;
      const mongo = new FaultyMongo(
        database,
        at,
        async (operation) => {
          slept = true;
          expect(await ask(survivor.store, stepsIn(place))).toBe(stepsIn(place).length);
          return await operation();
        },
        false,
      );
      {
        await using sleeper = openOf(database, mongo);
        expect(await ask(sleeper.store, stepsIn(place))).toBe(stepsIn(place).length);
      }
      await expectAll(survivor.store, place);
      return slept;
    });
    expect(tried).toBeGreaterThan(3);
  });

  it('counts a batch once that several store at once, again and again', { timeout: 60_000 }, async () => {
    await using database = openTestDatabase(uri ?? '');
    await using one = openOf(database);
    await using other = openOf(database);
    await using third = openOf(database);
    const place = { project: 'contested', environment: 'production' };
    const handles = [one, other, third, one, other, third];
    await Promise.all(handles.map(({ store }) => ask(store, stepsIn(place))));
    await expectWhole(one.store, place);
    expect((await one.store.ledger(1))[0]?.stored).toBe(20);
  });
});

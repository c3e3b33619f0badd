import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { batchId } from '../../../src/app/exposures/batch-text.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { Stored } from '../../../src/ports/exposure-store.ts';
import { entryOf, unaccounted } from '../../contract/exposure-samples.ts';
import { PROCESS, recordedEvaluation } from './batches.ts';
import { recordedParcel, writingPlace } from './writing.ts';

const away = () => Promise.reject(new FlagError('unavailable', 'the store cannot be reached'));

describe('the exposure writer', () => {
  it('stores what was published, and all of it is accounted for', async () => {
    await using place = await writingPlace();
    const parcels = Array.from({ length: 30 }, (_, index) => recordedParcel(index + 1));
    await place.publish(...parcels);
    const writer = place.write();
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 30, units: 60 }));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    const entry = await entryOf(place.store, PROCESS);
    expect(entry).toMatchObject({ accepted: 60, stored: 60, missing: [], highestSequence: 30 });
    expect([unaccounted(entry), writer.lagMs(), place.reports]).toEqual([0, 0, []]);
  });

  it('says that it is done only once it is stored', async () => {
    await using place = await writingPlace();
    await place.publish(recordedParcel(1));
    const storing = Promise.withResolvers<Stored>();
    let asked = 0;
    const writer = place.write({
      store: () => {
        asked++;
        return storing.promise;
      },
    });
    await place.until(() => expect(asked).toBe(1));
    place.clock.advance(10_000);
    expect(await place.queue.state()).toMatchObject({ waiting: 1 });
    expect(writer.lagMs()).toBeGreaterThanOrEqual(10_000);
    storing.resolve('stored');
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    expect(writer.lagMs()).toBe(0);
  });

  it('counts a batch once that comes again much later', async () => {
    await using place = await writingPlace();
    const writer = place.write();
    await place.publish(recordedParcel(1));
    await place.until(() => expect(writer.counts().batches).toBe(1));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    place.clock.advance(11 * 60_000);
    await place.publish(recordedParcel(1));
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 1, already: 1 }));
    expect((await entryOf(place.store, PROCESS)).stored).toBe(2);
  });

  it('keeps the first of two batches with one id, and says so', async () => {
    await using place = await writingPlace();
    const writer = place.write();
    await place.publish(recordedParcel(1));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    place.clock.advance(11 * 60_000);
    await place.publish(recordedParcel(1, {}, 5));
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 1, conflicts: 1 }));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    expect((await entryOf(place.store, PROCESS)).stored).toBe(2);
    expect(place.reports).toEqual(['two batches of exposures have the same id, and the first one stays']);
  });

  it('keeps what nobody can read as a dead letter, once, and goes on', async () => {
    await using place = await writingPlace();
    const bytes = Uint8Array.of(0, 255, 1, 254);
    const writer = place.write();
    await place.publish({ id: 'garbage', bytes }, recordedParcel(1), { ...recordedParcel(3), id: 'p:2' });
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 1, buried: 2 }));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    const letters = await place.store.deadLetters(10);
    expect(letters.map(({ id, attempts }) => [id, attempts])).toEqual([
      ['garbage', 1],
      ['p:2', 1],
    ]);
    expect(Buffer.compare(letters[0]?.bytes ?? Buffer.of(), bytes)).toBe(0);
    expect(place.reports).toHaveLength(2);
  });

  it('keeps what the store never takes as a dead letter, with its units', async () => {
    await using place = await writingPlace();
    const evaluations = [recordedEvaluation({ count: 7 })];
    const writer = place.write({ store: async () => Promise.reject(new FlagError('invalid', 'too odd')) });
    await place.publish(recordedParcel(1, { evaluations, acceptedSoFar: 7 }));
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 0, buried: 1 }));
    expect(await place.store.deadLetters(10)).toMatchObject([
      { id: batchId(PROCESS, 1), error: 'too odd', units: 7 },
    ]);
  });

  it('waits for a store that cannot be reached, drops nothing, and asks ever more rarely', async () => {
    await using place = await writingPlace();
    await place.publish(...Array.from({ length: 40 }, (_, index) => recordedParcel(index + 1)));
    let isAway = true;
    const asked: number[] = [];
    const writer = place.write({
      store: (batch) => {
        asked.push(place.clock.monotonic());
        return isAway ? away() : place.store.store(batch);
      },
    });
    await place.until(() => expect(place.clock.monotonic()).toBeGreaterThan(120_000));
    // Some at once at first, then one at a time.
    const later = asked.filter((at) => at > 2_000);
    const pauses = later.map((at, index) => at - (later[index - 1] ?? at)).slice(1);
    expect(asked.length).toBeLessThan(20);
    expect(pauses.every((pause, index) => pause >= (pauses[index - 1] ?? 0) * 0.8)).toBe(true);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(30_000);
    expect(await place.queue.state()).toMatchObject({ waiting: 40 });
    expect(writer.lagMs()).toBeGreaterThan(100_000);
    expect(place.reports.length).toBeLessThanOrEqual(6);
    isAway = false;
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    expect(writer.counts()).toMatchObject({ batches: 40, units: 80, buried: 0 });
    expect(await entryOf(place.store, PROCESS)).toMatchObject({ stored: 80, missing: [] });
  });

  it('gives up a batch that fails for reasons unknown after five tries, and none before', async () => {
    await using place = await writingPlace();
    await place.publish(recordedParcel(1), recordedParcel(2));
    let tries = 0;
    const writer = place.write({
      store: (batch) => {
        if (batch.sequence === 2) return place.store.store(batch);
        tries++;
        return Promise.reject(new TypeError('a mistake of ours'));
      },
    });
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 1, buried: 1, retries: 4 }));
    expect(tries).toBe(5);
    expect(await place.store.deadLetters(10)).toMatchObject([{ attempts: 5, units: 2 }]);
  });

  it('blames no batch for what another one did that was in hand at the same time', async () => {
    await using place = await writingPlace();
    await place.publish(...Array.from({ length: 20 }, (_, index) => recordedParcel(index + 1)));
    // As it is where what comes in one turn is committed together: one that fails undoes all of them.
    const inHand = new Set<number>();
    const writer = place.write({
      async store(batch) {
        inHand.add(batch.sequence);
        await nextTurn();
        const isUndone = inHand.has(7);
        await nextTurn();
        inHand.delete(batch.sequence);
        if (isUndone) throw new TypeError('a mistake of ours');
        return await place.store.store(batch);
      },
    });
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 19, buried: 1 }));
    expect((await place.store.deadLetters(10)).map(({ id }) => id)).toEqual([batchId(PROCESS, 7)]);
  });

  it('has a batch come again that cannot even be kept as a dead letter', async () => {
    await using place = await writingPlace();
    let isAway = true;
    const writer = place.write({ bury: (letter) => (isAway ? away() : place.store.bury(letter)) });
    await place.publish({ id: 'garbage', bytes: new Uint8Array(3) });
    await place.until(() => expect(writer.counts().retries).toBe(3));
    expect([await place.store.deadLetters(10), writer.counts().buried]).toEqual([[], 0]);
    isAway = false;
    await place.until(() => expect(writer.counts().buried).toBe(1));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    expect(await place.store.deadLetters(10)).toHaveLength(1);
  });

  it('lets any number of others write, and each batch is stored once', async () => {
    await using place = await writingPlace();
    const writers = [place.write(), place.write(), place.write()];
    await place.publish(...Array.from({ length: 60 }, (_, index) => recordedParcel(index + 1)));
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    const batches = writers.map((writer) => writer.counts().batches);
    expect(batches.reduce((sum, each) => sum + each, 0)).toBe(60);
    expect(await entryOf(place.store, PROCESS)).toMatchObject({ stored: 120, missing: [] });
  });

  it('finishes what it has in hand when it is to stop, and takes nothing more', async () => {
    await using place = await writingPlace();
    await place.publish(...Array.from({ length: 20 }, (_, index) => recordedParcel(index + 1)));
    const storing: (() => void)[] = [];
    const writer = place.write({
      store: async (batch) => {
        await new Promise<void>((resolve) => void storing.push(resolve));
        return await place.store.store(batch);
      },
    });
    await place.until(() => expect(storing).toHaveLength(8));
    const stopping = writer[Symbol.asyncDispose]();
    for (const resolve of storing) resolve();
    await stopping;
    expect([storing.length, writer.counts().batches]).toEqual([8, 8]);
    expect(await place.queue.state()).toMatchObject({ waiting: 12 });
    place.clock.advance(60_000);
    expect((await place.queue.take(100, 0)).length).toBe(12);
  });
});

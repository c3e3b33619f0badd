import { describe, expect, it } from 'vitest';
import { StoreThread } from '../../../src/adapters/sqlite/store-thread.ts';
import { batchId } from '../../../src/app/exposures/batch-text.ts';
import type { StoredBytes } from '../../../src/ports/exposure-store.ts';
import { temporaryDirectory } from '../../contract/sqlite-stores.ts';
import { PROCESS, recordedEvaluation } from './batches.ts';
import { recordedParcel, writingPlace } from './writing.ts';

const ENTRY = new URL('../../adapters/breaking-store-thread.ts', import.meta.url);
const SILENCE_MS = 1_000;

describe.each(['killing', 'hanging'])('a batch %s the thread that is to store it', (what) => {
  it('becomes a dead letter that says so, and all others are stored meanwhile', {
    timeout: 60_000,
  }, async () => {
    await using directory = await temporaryDirectory();
    await using place = await writingPlace();
    await using thread = new StoreThread(ENTRY, { directory: directory.path }, 60_000, SILENCE_MS);
    const storeBytes = async (id: string, bytes: Uint8Array) =>
      (await thread.ask('storeBytes', [id, bytes])) as StoredBytes;
    const evaluations = [recordedEvaluation({ subject: what })];
    await place.publish(recordedParcel(1, { evaluations }));
    await place.publish(...Array.from({ length: 30 }, (_, index) => recordedParcel(index + 2)));
    const writer = place.write({ storeBytes });
    await place.until(() => expect(writer.counts().batches).toBeGreaterThan(20), 20_000);
    await place.until(() => expect(writer.counts()).toMatchObject({ batches: 30, buried: 1 }), 20_000);
    await place.until(async () => expect((await place.queue.state()).waiting).toBe(0));
    const [letter, ...others] = await place.store.deadLetters(10);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ id: batchId(PROCESS, 1), attempts: 3 });
    expect(letter?.error).toMatch(/^the thread of the store died/);
    await thread[Symbol.asyncDispose]();
  });
});

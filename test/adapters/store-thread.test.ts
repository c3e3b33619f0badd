import { describe, expect, it, vi } from 'vitest';
import { StoreThread } from '../../src/adapters/sqlite/store-thread.ts';

const ENTRY = new URL('./echoing-thread.ts', import.meta.url);

function thread(idleMs = 60_000): StoreThread {
  return new StoreThread(ENTRY, { color: 'red' }, idleMs);
}

describe('a thread of a store', () => {
  it('starts when it is asked for the first time, and has what it was given', async () => {
    await using asked = thread();
    expect(asked.isRunning).toBe(false);
    expect(await asked.ask('say', ['a', new Map([[1, 2]])])).toEqual(['red', 'a', new Map([[1, 2]])]);
    expect(asked.isRunning).toBe(true);
  });

  it('answers each question with its own answer', async () => {
    await using asked = thread();
    const asking = [asked.ask('slowly', [1]), asked.ask('say', [2]), asked.ask('slowly', [3])];
    expect(await Promise.all(asking)).toEqual([1, ['red', 2], 3]);
  });

  it('hands long lists over whole', async () => {
    await using asked = thread();
    for (const length of [0, 1_999, 2_000, 2_001, 7_000])
      expect(await asked.ask('count', [length])).toEqual(Array.from({ length }, (_, index) => index));
  });

  it('rejects as the other side rejects', async () => {
    await using asked = thread();
    await expect(asked.ask('refuse', [])).rejects.toMatchObject({
      ...{ name: 'FlagError', kind: 'invalid', message: 'no', details: { reason: 'NO' } },
    });
    await expect(asked.ask('break', [])).rejects.toThrow('TypeError: broken');
    await expect(asked.ask('unheard of', [])).rejects.toThrow(Error);
  });

  it('rejects with unavailable what it was asked when it died, and starts again', async () => {
    await using asked = thread();
    const before = await asked.ask('number', []);
    const lost = await Promise.allSettled([asked.ask('slowly', [1]), asked.ask('die', [])]);
    for (const one of lost)
      expect(one).toMatchObject({
        ...{ status: 'rejected', reason: { kind: 'unavailable', details: { reason: 'STORE_DIED' } } },
      });
    expect(await asked.ask('number', [])).not.toBe(before);
  });

  it('does the same when it hangs, and does not wait for it in the end', async () => {
    await using asked = new StoreThread(ENTRY, { color: 'red' }, 60_000, 1_000);
    const before = await asked.ask('number', []);
    const lost = await Promise.allSettled([
      asked.ask('say', [1]),
      asked.ask('hang', []),
      asked.ask('say', []),
    ]);
    expect(lost.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(lost.at(-1)).toMatchObject({
      reason: { kind: 'unavailable', message: 'the thread of the store died: it hangs' },
    });
    expect(await asked.ask('number', [])).not.toBe(before);
  });

  it('leaves one alone that takes long and still hears what it is asked', async () => {
    await using asked = new StoreThread(ENTRY, { color: 'red' }, 60_000, 1_000);
    expect(await asked.ask('wait', [1_600])).toBe('waited');
  });

  it('rejects what cannot be handed over, and rests as if it had not been asked', async () => {
    await using asked = thread(5);
    await expect(asked.ask('say', [() => 'a function'])).rejects.toMatchObject({ kind: 'invalid' });
    await vi.waitFor(() => expect(asked.isRunning).toBe(false), { timeout: 10_000 });
  });

  it('rejects with the reason why it could not be opened, each time', async () => {
    await using asked = new StoreThread(ENTRY, { isBroken: true }, 60_000);
    for (const _ of [1, 2])
      await expect(asked.ask('number', [])).rejects.toMatchObject({ kind: 'failed_precondition' });
  });

  it('ends when it is asked nothing for a while, and starts again', async () => {
    await using asked = thread(5);
    const before = await asked.ask('number', []);
    await vi.waitFor(() => expect(asked.isRunning).toBe(false), { timeout: 10_000 });
    expect(await asked.ask('number', [])).not.toBe(before);
  });

  it('answers everything before it ends, and nothing afterwards', async () => {
    const asked = thread();
    const asking = [asked.ask('slowly', [1]), asked.ask('slowly', [2])];
    await asked[Symbol.asyncDispose]();
    expect(await Promise.all(asking)).toEqual([1, 2]);
    await expect(asked.ask('say', [])).rejects.toMatchObject({ kind: 'unavailable' });
    await asked[Symbol.asyncDispose]();
  });
});

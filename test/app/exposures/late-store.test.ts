import { describe, expect, it } from 'vitest';
import { openLate } from '../../../src/app/exposures/late-store.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { refusal } from '../../contract/exposure-queue-asking.ts';
import { batch, evaluation } from '../../contract/exposure-samples.ts';

describe('a store that is opened late', () => {
  it('is opened once, when it is asked for something, and closed with what was opened', async () => {
    const log: string[] = [];
    const open = async () => {
      log.push('opened');
      return {
        ...createExposureModel(),
        [Symbol.asyncDispose]: async () => void log.push('closed'),
      };
    };
    const store = openLate(open);
    expect(log).toEqual([]);
    const stored = batch({ evaluations: [evaluation()] });
    expect(await Promise.all([store.store(stored), store.deadLetters(10)])).toEqual(['stored', []]);
    expect(await store.ledger(10)).toMatchObject([{ stored: 1 }]);
    await store[Symbol.asyncDispose]();
    expect(log).toEqual(['opened', 'closed']);
    expect(await refusal(store.ledger(10))).toBe('unavailable');
    const unused = openLate(open);
    await unused[Symbol.asyncDispose]();
    expect(log).toEqual(['opened', 'closed']);
  });

  it('is opened again if it could not be', async () => {
    let tries = 0;
    const store = openLate(async () => {
      tries++;
      if (tries === 1) throw new FlagError('unavailable', 'the disk is away');
      return createExposureModel();
    });
    expect(await refusal(store.ledger(10))).toBe('unavailable');
    expect([await store.ledger(10), tries]).toEqual([[], 2]);
  });
});

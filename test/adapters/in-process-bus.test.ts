import { describe, expect, it } from 'vitest';
import { createInProcessBus } from '../../src/adapters/in-process/in-process-bus.ts';

const NOTICE = { project: 'shop', revision: 1, hash: 'hash' };

describe('createInProcessBus', () => {
  it('says what a subscriber threw', async () => {
    const errors: unknown[] = [];
    await using bus = createInProcessBus({ onError: (error) => errors.push(error) });
    const mistake = new Error('a subscriber failed');
    bus.subscribe(() => {
      throw mistake;
    });
    bus.publish(NOTICE);
    await Promise.resolve();
    expect(errors).toEqual([mistake]);
  });

  it('drops a notice that was on its way when the bus is disposed', async () => {
    const bus = createInProcessBus();
    const heard: unknown[] = [];
    bus.subscribe((notice) => heard.push(notice));
    bus.publish(NOTICE);
    await bus[Symbol.asyncDispose]();
    await Promise.resolve();
    expect(heard).toEqual([]);
  });
});

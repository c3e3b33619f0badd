import { describe, expect, it } from 'vitest';
import { FlagError } from '../../src/core/errors.ts';
import { startKnowingKeys } from '../../src/server/start-knowing-keys.ts';

const differs = new FlagError('failed_precondition', 'not the one', { reason: 'SECRET_DIFFERS' });
const closed = new FlagError('unavailable', 'closed', { reason: 'STORE_CLOSED' });

/** A start of which the test says when it is over, with the log reached or not. */
function begun() {
  const catalog = Promise.withResolvers<void>();
  const agreement = Promise.withResolvers<void>();
  agreement.promise.catch(() => undefined);
  const abandoned: unknown[] = [];
  let silenceMs = Number.POSITIVE_INFINITY;
  const start = startKnowingKeys(
    { start: () => catalog.promise, silenceMs: () => silenceMs },
    agreement.promise,
    (error) => void abandoned.push(error),
  );
  const outcome = start.then(
    () => 'started',
    (error: unknown) => error,
  );
  return {
    ...{ agreement, abandoned, outcome },
    started: (isReached: boolean) => {
      if (isReached) silenceMs = 0;
      catalog.resolve();
    },
  };
}

describe('a start', () => {
  it('is over once the log was reached and keys can be told', async () => {
    const { agreement, started, outcome } = begun();
    started(true);
    agreement.resolve();
    expect(await outcome).toBe('started');
  });

  it('fails where keys cannot be told, whether the log was read by then or not', async () => {
    const [waiting, reading] = [begun(), begun()];
    waiting.agreement.reject(differs);
    expect(await waiting.outcome).toBe(differs);
    reading.started(true);
    reading.agreement.reject(differs);
    expect([await reading.outcome, reading.abandoned]).toEqual([differs, []]);
  });

  it('from the disk does not wait, and is given up when it turns out that keys cannot be told', async () => {
    const { agreement, started, outcome, abandoned } = begun();
    started(false);
    expect([await outcome, abandoned]).toEqual(['started', []]);
    agreement.reject(differs);
    await agreement.promise.catch(() => undefined);
    expect(abandoned).toEqual([differs]);
  });

  it('that is stopped before anybody knows is not given up', async () => {
    const { agreement, started, outcome, abandoned } = begun();
    started(false);
    await outcome;
    agreement.reject(closed);
    await agreement.promise.catch(() => undefined);
    expect(abandoned).toEqual([]);
  });
});

import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLifecycle, stopOnSignals } from '../../src/server/lifecycle.ts';
import type { Listener } from '../../src/server/listen.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** Lets everything run that waits for nothing but its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function setUp() {
  const clock = createFakeClock();
  const events: string[] = [];
  const calls = Promise.withResolvers<void>();
  const listener: Listener = {
    host: '127.0.0.1',
    port: 1,
    connections: () => 0,
    close: () => {
      events.push('refuses connections');
      return calls.promise;
    },
    destroy: () => void events.push('cuts connections'),
  };
  const lifecycle = createLifecycle({
    readiness: { block: (reason) => void events.push(`not ready: ${reason}`) },
    drainDelayMs: 5_000,
    shutdownMs: 25_000,
    clock,
    log: () => undefined,
  });
  lifecycle.addListener(listener);
  lifecycle.stopping.addEventListener('abort', () => events.push('tells streams'));
  return { clock, events, calls, lifecycle };
}

describe('createLifecycle', () => {
  it('stops in order', async () => {
    const { clock, events, calls, lifecycle } = setUp();
    lifecycle.addCloser('first', () => void events.push('first closer'));
    lifecycle.addCloser('second', async () => void events.push('second closer'));
    const stopped = lifecycle.stop();
    await turn();
    expect(events).toEqual(['not ready: draining']);
    clock.advance(5_000);
    await turn();
    expect(events.slice(1)).toEqual(['refuses connections', 'tells streams']);
    calls.resolve();
    expect(await stopped).toBe('clean');
    expect(events.slice(3)).toEqual(['first closer', 'second closer']);
    expect(clock.pending()).toBe(0);
  });

  it('stops once, however often it is asked', async () => {
    const { clock, events, calls, lifecycle } = setUp();
    const both = [lifecycle.stop(), lifecycle.stop()];
    clock.advance(5_000);
    calls.resolve();
    expect(await Promise.all(both)).toEqual(['clean', 'clean']);
    expect(events.filter((event) => event === 'refuses connections')).toHaveLength(1);
  });

  it('cuts calls that do not end, and still runs the closers', async () => {
    const { clock, events, lifecycle } = setUp();
    lifecycle.addCloser('closer', () => void events.push('closer'));
    const stopped = lifecycle.stop();
    clock.advance(5_000);
    await turn();
    clock.advance(14_999);
    await turn();
    expect(events).not.toContain('cuts connections');
    clock.advance(1);
    expect(await stopped).toBe('forced');
    expect(events.slice(-2)).toEqual(['cuts connections', 'closer']);
  });

  it('goes on to the next closer when one fails, and gives up on one that hangs', async () => {
    const { clock, events, calls, lifecycle } = setUp();
    calls.resolve();
    lifecycle.addCloser('failing', () => Promise.reject(new Error('disk full')));
    lifecycle.addCloser('next', () => void events.push('next'));
    lifecycle.addCloser('hanging', () => new Promise(() => undefined));
    const stopped = lifecycle.stop();
    clock.advance(5_000);
    await turn();
    expect(events.at(-1)).toBe('next');
    clock.advance(20_000);
    expect(await stopped).toBe('forced');
  });
});

describe('stopOnSignals', () => {
  function signals(outcome: Promise<'clean' | 'forced'>) {
    const source = new EventEmitter();
    const codes: number[] = [];
    stopOnSignals({ stop: () => outcome }, source, (code) => codes.push(code));
    return { source, codes };
  }

  it.each([
    ['clean', 0],
    ['forced', 1],
  ] as const)('exits after a stop that was %s', async (outcome, code) => {
    const { source, codes } = signals(Promise.resolve(outcome));
    source.emit('SIGTERM');
    await turn();
    expect(codes).toEqual([code]);
  });

  it('exits at once at the second interrupt', () => {
    const { source, codes } = signals(new Promise(() => undefined));
    source.emit('SIGINT');
    expect(codes).toEqual([]);
    source.emit('SIGINT');
    expect(codes).toEqual([130]);
  });
});

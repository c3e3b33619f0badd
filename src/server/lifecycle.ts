import type { Clock } from '../ports/clock.ts';
import type { Listener } from './listen.ts';
import type { Readiness } from './readiness.ts';

/** How much of the time for a shutdown is kept for the closers. */
const CLOSERS_SHARE = 0.2;

export interface LifecycleOptions {
  readonly readiness: Pick<Readiness, 'block'>;
  /** How long load balancers get to notice before new calls are refused. */
  readonly drainDelayMs: number;
  /** From the beginning of a shutdown to its end by force. */
  readonly shutdownMs: number;
  readonly clock: Clock;
  /** Told what is happening, and of each closer that failed. */
  readonly log: (message: string, error?: unknown) => void;
}

/** `forced`: time ran out, and calls were cut or closers left behind. */
export type StopOutcome = 'clean' | 'forced';

export interface Lifecycle {
  /** Aborts when streams must end: say goodbye and return. */
  readonly stopping: AbortSignal;
  /** A port to be closed gracefully when the service stops. */
  addListener(listener: Listener): void;
  /** To be run when all calls have ended, in the order of their addition, each after the one before. */
  addCloser(name: string, close: () => PromiseLike<void> | void): void;
  /** Stops in order. Never rejects; a second call gives the outcome of the first. */
  stop(): Promise<StopOutcome>;
}

/**
 * The end of a process, in order: not ready, time for others to notice, no new connections, streams told to end,
 * running calls awaited, closers, done. Calls still running late are cut, so that the closers get their time.
 */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { clock, log, shutdownMs } = options;
  const stopping = new AbortController();
  const listeners: Listener[] = [];
  const closers: { name: string; close: () => PromiseLike<void> | void }[] = [];
  let outcome: Promise<StopOutcome> | undefined;

  const closeListeners = async (timeLeftMs: number): Promise<StopOutcome> => {
    const closed = Promise.all(listeners.map((listener) => listener.close()));
    stopping.abort(new Error('the service is stopping'));
    if (await within(clock, timeLeftMs, closed)) return 'clean';
    log('cutting the calls that are still running');
    for (const listener of listeners) listener.destroy();
    return 'forced';
  };
  const runClosers = async (): Promise<void> => {
    for (const { name, close } of closers) {
      try {
        await close();
      } catch (error) {
        log(`${name} did not close well`, error);
      }
    }
  };
  const stop = async (): Promise<StopOutcome> => {
    const startedAt = clock.monotonic();
    const leftMs = (): number => Math.max(0, shutdownMs - (clock.monotonic() - startedAt));
    options.readiness.block('draining');
    log('draining');
    await delay(clock, Math.min(options.drainDelayMs, shutdownMs));
    log('closing');
    const ended = await closeListeners(Math.max(0, leftMs() - shutdownMs * CLOSERS_SHARE));
    if (!(await within(clock, leftMs(), runClosers()))) {
      log('stopping by force: closing took too long');
      return 'forced';
    }
    log('stopped');
    return ended;
  };

  return {
    stopping: stopping.signal,
    addListener: (listener) => void listeners.push(listener),
    addCloser: (name, close) => void closers.push({ name, close }),
    stop: () => {
      outcome ??= stop();
      return outcome;
    },
  };
}

/** The part of `process` that a service needs to be stopped from outside. */
export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/** Stops at SIGTERM or SIGINT and then exits: 0 when clean, 1 when forced, 130 at once for a second SIGINT. */
export function stopOnSignals(
  lifecycle: Pick<Lifecycle, 'stop'>,
  source: SignalSource,
  exit: (code: number) => void,
): void {
  let interrupts = 0;
  const stop = (): void => void lifecycle.stop().then((outcome) => exit(outcome === 'clean' ? 0 : 1));
  source.on('SIGTERM', stop);
  source.on('SIGINT', () => {
    interrupts++;
    if (interrupts > 1) exit(130);
    else stop();
  });
}

function delay(clock: Clock, delayMs: number): Promise<void> {
  return delayMs === 0 ? Promise.resolve() : new Promise((resolve) => void clock.after(delayMs, resolve));
}

/** False when the time is over first. */
async function within(clock: Clock, timeMs: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  using _timer = clock.after(timeMs, () => resolve(false));
  return await Promise.race([work.then(() => true), late]);
}

import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../ports/clock.ts';

/** What a worker tells the process that started it. */
export type WorkerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'metrics'; readonly call: number; readonly text: string }
  | { readonly kind: 'pong' };

/** What it is asked. */
export type OwnerMessage =
  | { readonly kind: 'ask-metrics'; readonly call: number }
  | { readonly kind: 'ping' };

export interface WorkersOptions {
  readonly count: number;
  /** 0: any port that is free, the same for all. */
  readonly port: number;
  /** Starts a worker. It listens to the port, says so, and stops at SIGTERM or when its parent is gone. */
  readonly start: (index: number, port: number) => ChildProcess;
  readonly clock: Clock;
  /** Told of each worker that ended without being asked to. */
  readonly onLost: (index: number, how: string) => void;
  /** Told how many accept calls, each time that changes. */
  readonly onServing: (count: number) => void;
}

export interface Workers {
  readonly port: number;
  /** Those that accept calls at the moment. */
  serving(): number;
  /** The metrics of those that answer in time, by the number of the worker. */
  metrics(): Promise<ReadonlyMap<string, string>>;
  /** Ends all and waits until they have. Those that take longer than that are killed. */
  stop(timeoutMs: number): Promise<void>;
}

const PING_MS = 5_000;
/** A worker that says nothing for so long hangs: connections that are given to it would wait for ever. */
const SILENCE_MS = 20_000;
const METRICS_PATIENCE_MS = 2_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A worker that served for so long did not end for a reason that it began with. */
const SETTLED_MS = 10_000;

/**
 * Starts workers and replaces those that end: at once, unless they keep ending. Resolves when all accept calls; rejects
 * if one ends before it does.
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const serving = () => slots.filter((slot) => slot.isServing).length;
  const turned = () => options.onServing(serving());
  const slots = Array.from({ length: options.count }, (_, index) => new Slot(index, options, turned));
  let port = options.port;
  try {
    // The first one finds the port that all share.
    for (const slot of slots.slice(0, 1)) port = await slot.begin(port);
    await Promise.all(slots.slice(1).map((slot) => slot.begin(port)));
  } catch (error) {
    await Promise.all(slots.map((slot) => slot.stop(0)));
    throw error;
  }
  return {
    port,
    serving,
    metrics: async () => {
      const texts = await Promise.all(slots.map(async (slot) => [slot.name, await slot.metrics()] as const));
      return new Map(texts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
    },
    stop: async (timeoutMs) => {
      await Promise.all(slots.map((slot) => slot.stop(timeoutMs)));
    },
  };
}

/** One of the places that a worker has, whichever process is in it. */
class Slot {
  readonly name: string;
  readonly #index: number;
  readonly #options: WorkersOptions;
  readonly #turned: () => void;
  readonly #answers = new Map<number, (text: string) => void>();
  #child: ChildProcess | undefined;
  #isServing = false;
  #hasServed = false;
  #isStopping = false;
  #port = 0;
  #calls = 0;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(index: number, options: WorkersOptions, turned: () => void) {
    this.#turned = turned;
    this.name = String(index + 1);
    this.#index = index;
    this.#options = options;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** Resolves with the port that the worker listens to; rejects if it ends first. */
  begin(port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#port = port;
    this.#run(resolve, (how) => reject(new Error(`worker ${this.name} ${how} before it listened`)));
    return promise;
  }

  async metrics(): Promise<string | undefined> {
    const child = this.#child;
    if (!this.#isServing || child === undefined || !child.connected) return undefined;
    const call = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    using _late = this.#options.clock.after(METRICS_PATIENCE_MS, () => resolve(undefined));
    this.#answers.set(call, resolve);
    child.send({ kind: 'ask-metrics', call } satisfies OwnerMessage, () => undefined);
    const text = await promise;
    this.#answers.delete(call);
    return text;
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    using _late = this.#options.clock.after(timeoutMs, () => child.kill('SIGKILL'));
    await ended;
  }

  #run(listening: (port: number) => void, endedEarly: (how: string) => void): void {
    const { clock, start } = this.#options;
    const child = start(this.#index, this.#port);
    this.#child = child;
    let servingSince: number | undefined;
    let hasEnded = false;
    const watch = this.#watch(child);
    child.on('message', (received) => {
      const message = received as WorkerMessage;
      watch.heard();
      if (message.kind === 'metrics') this.#answers.get(message.call)?.(message.text);
      if (message.kind !== 'listening') return;
      this.#isServing = true;
      this.#hasServed = true;
      this.#port = message.port;
      servingSince = clock.monotonic();
      this.#turned();
      listening(message.port);
    });
    const ended = (how: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      watch[Symbol.dispose]();
      this.#isServing = false;
      this.#turned();
      endedEarly(how);
      if (this.#isStopping) return;
      if (this.#hasServed) this.#options.onLost(this.#index, how);
      const settled = servingSince !== undefined && clock.monotonic() - servingSince >= SETTLED_MS;
      this.#replace(settled);
    };
    // Of a process that could not be made there is no exit.
    child.on('error', (error) => {
      if (child.pid === undefined) ended(`could not be started (${error.message})`);
    });
    child.once('exit', (code, signal) =>
      ended(signal === null ? `ended with ${code}` : `was ended by ${signal}`),
    );
  }

  /** Asks now and then, and kills whoever does not answer, to be replaced. */
  #watch(child: ChildProcess): { heard(): void } & Disposable {
    const { clock } = this.#options;
    let heardAt = clock.monotonic();
    let next: Disposable | undefined;
    const look = (): void => {
      if (clock.monotonic() - heardAt > SILENCE_MS) {
        child.kill('SIGKILL');
        return;
      }
      if (child.connected) child.send({ kind: 'ping' } satisfies OwnerMessage, () => undefined);
      next = clock.after(PING_MS, look);
    };
    next = clock.after(PING_MS, look);
    return {
      heard: () => {
        heardAt = clock.monotonic();
      },
      [Symbol.dispose]: () => next?.[Symbol.dispose](),
    };
  }

  #replace(settled: boolean): void {
    if (settled) this.#pauseMs = FIRST_PAUSE_MS;
    this.#options.clock.after(this.#pauseMs, () => {
      if (!this.#isStopping)
        this.#run(
          () => undefined,
          () => undefined,
        );
    });
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

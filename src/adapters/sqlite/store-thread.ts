import { Worker } from 'node:worker_threads';
import { FlagError } from '../../core/errors.ts';
import { storeClosed } from './sqlite-errors.ts';
import { type Answer, errorOf, PING, type Question } from './thread-messages.ts';

const DOOR = new URL('./thread-door.js', import.meta.url);
/** Most of what such a thread holds is SQLite's. */
const YOUNG_GENERATION_MB = 8;
const SILENCE_MS = 120_000;
/** So often it is asked in that time whether it is there. */
const PINGS = 4;

interface Pending {
  readonly worker: Worker;
  readonly parts: unknown[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * A thread that answers questions, so that what takes long stops nobody else. The first question starts it, and it ends
 * when it was asked nothing for a while. If it dies, or hangs, what it was asked rejects with `unavailable` for the reason
 * `STORE_DIED`, and the next question starts another one. It does not keep the process alive unless it was asked something.
 */
export class StoreThread implements AsyncDisposable {
  readonly #entry: URL;
  readonly #data: object;
  readonly #idleMs: number;
  readonly #silenceMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #running = new Set<Promise<void>>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isOpen = true;

  /**
   * `entry` is a module that calls `answerQuestions`; it finds `data` in its `workerData`. If its event loop stands still
   * for `silenceMs` while it is asked something it hangs. Default: two minutes.
   */
  constructor(entry: URL, data: object, idleMs: number, silenceMs = SILENCE_MS) {
    this.#entry = entry;
    this.#data = data;
    this.#idleMs = idleMs;
    this.#silenceMs = silenceMs;
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  async ask(method: string, values: readonly unknown[]): Promise<unknown> {
    if (!this.#isOpen) throw storeClosed();
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    worker.ref();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { worker, parts: [], resolve, reject });
    try {
      worker.postMessage({ id, method, values } satisfies Question);
    } catch (cause) {
      this.#pending.delete(id);
      if (this.#pending.size === 0) this.#rest();
      throw new FlagError('invalid', 'the store cannot take this', { cause });
    }
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(DOOR, {
      workerData: { ...this.#data, entry: this.#entry.href },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    let cause: unknown;
    const gone = () => {
      watch[Symbol.dispose]();
      this.#gone(worker, cause);
      this.#running.delete(promise);
      resolve();
    };
    const watch = this.#watch(worker, () => {
      cause = new Error('it hangs');
      gone();
      // Whatever it waits for may keep it from ending: nobody waits for that.
      worker.unref();
      void worker.terminate();
    });
    worker.on('message', (answer: Answer) => {
      watch.heard();
      this.#hear(answer);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', gone);
    this.#running.add(promise);
    return worker;
  }

  /** Asks again and again whether it is there, as long as somebody waits for it. */
  #watch(worker: Worker, hangs: () => void): { heard(): void } & Disposable {
    let unanswered = 0;
    const look = () => {
      if (!this.#isAsked(worker)) unanswered = 0;
      else if (unanswered > PINGS) hangs();
      else {
        unanswered++;
        worker.postMessage({ id: 0, method: PING, values: [] } satisfies Question);
      }
    };
    const timer = setInterval(look, this.#silenceMs / PINGS).unref();
    return {
      heard: () => {
        unanswered = 0;
      },
      [Symbol.dispose]: () => clearInterval(timer),
    };
  }

  #isAsked(worker: Worker): boolean {
    return this.#pending.values().some((pending) => pending.worker === worker);
  }

  #hear(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return;
    if (answer.kind === 'part') {
      for (const item of answer.items) pending.parts.push(item);
      return;
    }
    this.#pending.delete(answer.id);
    // The next question goes to a thread that tries again.
    if (answer.kind === 'unopened' && this.#worker === pending.worker) this.#end();
    if (this.#pending.size === 0) this.#rest();
    if (answer.kind !== 'answer') pending.reject(errorOf(answer.failure));
    else pending.resolve(pending.parts.length === 0 ? answer.value : pending.parts);
  }

  #rest(): void {
    this.#worker?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(), this.#idleMs).unref();
  }

  #gone(worker: Worker, cause: unknown): void {
    if (this.#worker === worker) this.#worker = undefined;
    const how = cause instanceof Error ? `: ${cause.message}` : '';
    for (const [id, pending] of this.#pending) {
      if (pending.worker !== worker) continue;
      this.#pending.delete(id);
      const message = `the thread of the store died${how}`;
      pending.reject(new FlagError('unavailable', message, { reason: 'STORE_DIED', cause }));
    }
  }

  #end(): void {
    this.#worker?.ref();
    this.#worker?.postMessage(undefined);
    this.#worker = undefined;
  }

  /** Resolves once everything that was asked is answered and the thread is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#idle);
    this.#end();
    await Promise.all(this.#running);
  }
}

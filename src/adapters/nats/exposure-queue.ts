import { type Msg, type NatsConnection, nanos } from 'nats';
import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Delivery, ExposureQueue, Parcel, QueueState } from '../../ports/exposure-queue.ts';
import { checkParcel, LEASE_MS } from '../../ports/parcel-check.ts';
import { bytesOf, idOf, infoOf } from './exposure-message.ts';
import { type Pulled, pull } from './exposure-pull.ts';
import { REQUEST_TIMEOUT_MS, type Standing, type StreamWish, standStream } from './exposure-stream.ts';
import { StreamTidying } from './exposure-tidying.ts';
import { isGone, translated } from './jetstream-errors.ts';
import { Listeners } from './listeners.ts';
import type { NatsLink } from './open-nats.ts';
import { quietReport, type Report } from './quiet-report.ts';
import { seal } from './sealed-message.ts';
import { subjectsOf } from './subjects.ts';

export interface NatsQueueOptions {
  /** Stays open when the queue is disposed. */
  readonly link: NatsLink;
  /** What the subjects of this fleet begin with. */
  readonly prefix: string;
  /** Shared by the replicas, and by nobody else who can reach the server: see `messageKeyOf`. */
  readonly key: Uint8Array;
  /** The stream has no more bytes than that. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly report: Report;
  /** For whom a minute is too long to wait. */
  readonly leaseMs?: number;
}

const RETRY_MS = 2_000;
/** A server that is just deleting a stream may delete files of the new one, if that has its name. */
const REMAKE_MS = 500;
/** Of publishing: below what the port allows. */
const PATIENCE_MS = 4_500;
const LONGEST_PULL_MS = 5_000;
/** Between two questions of somebody who waits while others hold all that may be held. */
const PAUSE_MS = 200;

/**
 * The queue of replicas that share NATS servers: a stream of JetStream, which is made when it is not there, and looked
 * after. Nothing of it is kept here.
 */
export function createNatsExposureQueue(options: NatsQueueOptions): ExposureQueue {
  return new NatsExposureQueue(options);
}

class NatsExposureQueue implements ExposureQueue {
  readonly #link: NatsLink;
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #complain: Report;
  readonly #wish: StreamWish;
  readonly #listeners: Listeners<void>;
  readonly #following: Disposable;
  readonly #ending = new AbortController();
  #standing: Promise<Standing> | undefined;
  /** When stream and consumer may be made anew, by the clock that never jumps. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #isUsable = false;
  #retrying: Disposable | undefined;
  readonly #tidying: StreamTidying;

  constructor({ link, prefix, key, maxBytes, clock, report, leaseMs }: NatsQueueOptions) {
    const { exposures: subject, exposureStream: stream } = subjectsOf(prefix);
    this.#link = link;
    this.#key = key;
    this.#clock = clock;
    this.#complain = quietReport(report, clock);
    this.#wish = { stream, subject, maxBytes, leaseMs: leaseMs ?? LEASE_MS };
    this.#tidying = new StreamTidying(clock, (error) =>
      this.#complain('the stream could not be tidied', { error }),
    );
    this.#listeners = new Listeners((error) => this.#complain('a listener of the queue failed', { error }));
    this.#following = link.onConnected(() => this.#begin());
    if (link.connected()) this.#begin();
  }

  async publish(parcel: Parcel): Promise<void> {
    checkParcel(parcel);
    const payload = seal(this.#key, this.#wish.subject, parcel.bytes);
    await this.#within(PATIENCE_MS, () =>
      this.#asking(async (connection, { stream }) => {
        const expect = { streamName: stream };
        const options = { msgID: parcel.id, timeout: REQUEST_TIMEOUT_MS, expect };
        await connection.jetstream().publish(this.#wish.subject, payload, options);
      }),
    );
  }

  async take(limit: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery[]> {
    const until = this.#clock.monotonic() + waitMs;
    const either =
      signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    let isFirst = true;
    for (;;) {
      if (signal?.aborted === true || limit < 1) return [];
      const remainingMs = isFirst ? 0 : Math.max(0, Math.ceil(until - this.#clock.monotonic()));
      if (!isFirst && remainingMs === 0) return [];
      // One at a time for those who wait: the others come with the next call, and nobody waits for them in vain.
      const messages = await this.#pull(isFirst ? limit : 1, Math.min(remainingMs, LONGEST_PULL_MS), either);
      if (messages.length > 0) return messages.map((message) => this.#deliveryOf(message));
      if (!isFirst) await this.#pause(Math.min(PAUSE_MS, until - this.#clock.monotonic()), either);
      isFirst = false;
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    using _timer = this.#clock.after(ms, stop);
    signal.addEventListener('abort', stop, { once: true });
    await promise;
    signal.removeEventListener('abort', stop);
  }

  #pull(batch: number, waitMs: number, signal: AbortSignal): Promise<readonly Msg[]> {
    return this.#asking(async (connection, standing) => {
      const { stream, consumer, manager } = standing;
      this.#tidying.look(standing);
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
      const giveBack = (message: Msg) => void this.#settle(message, '-NAK').catch(() => undefined);
      const clock = this.#clock;
      const { messages, end }: Pulled = await pull(connection, {
        ...{ subject, batch, waitMs, clock, giveBack, signal },
      });
      if (messages.length === 0 && end !== 'no more') {
        // Asks for it, to learn what is the matter.
        await manager.consumers.info(stream, consumer);
        throw new FlagError('unavailable', 'the queue does not answer', { reason: 'QUEUE_UNREACHABLE' });
      }
      return messages;
    });
  }

  #deliveryOf(message: Msg): Delivery {
    const { attempt, publishedAt, sequence } = infoOf(message);
    return {
      id: idOf(message, sequence),
      bytes: bytesOf(this.#key, this.#wish.subject, message),
      attempt,
      publishedAt,
      done: () => this.#settle(message, '+ACK'),
      again: (delayMs) =>
        this.#settle(
          message,
          delayMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(Math.ceil(delayMs)) })}` : '-NAK',
        ),
      refuse: () => this.#settle(message, '+TERM'),
    };
  }

  /** Resolves when the server says that it has heard. */
  async #settle(message: Msg, what: string): Promise<void> {
    try {
      const connection = this.#connected();
      await connection.request(message.reply ?? '', Buffer.from(what), { timeout: REQUEST_TIMEOUT_MS });
    } catch (error) {
      if (isGone(error)) this.#forget(REMAKE_MS);
      throw translated(error);
    }
  }

  connected(): boolean {
    return !this.#ending.signal.aborted && this.#isUsable && this.#link.connected();
  }

  onConnected(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  state(): Promise<QueueState> {
    return this.#asking(async (_, { manager, stream, consumer }) => {
      const [{ state }, info] = await Promise.all([
        manager.streams.info(stream),
        manager.consumers.info(stream, consumer),
      ]);
      return { waiting: info.num_pending + info.num_ack_pending, bytes: state.bytes };
    });
  }

  /** Asks the server for something; once more if stream or consumer turn out to be gone, when they are there again. */
  async #asking<T>(ask: (connection: NatsConnection, standing: Standing) => Promise<T>): Promise<T> {
    try {
      const standing = await this.#stand();
      try {
        return await ask(this.#connected(), standing);
      } catch (error) {
        if (!isGone(error)) throw error;
        this.#complain('the stream or consumer of exposures is gone', { error });
        this.#forget(REMAKE_MS);
      }
      return await ask(this.#connected(), await this.#stand());
    } catch (error) {
      throw translated(error);
    }
  }

  #connected(): NatsConnection {
    const connection = this.#ending.signal.aborted ? undefined : this.#link.connection();
    if (connection !== undefined) return connection;
    throw new FlagError('unavailable', 'NATS cannot be reached', { reason: 'NATS_UNREACHABLE' });
  }

  /** Looks after stream and consumer, once for all who ask at the moment. */
  #stand(): Promise<Standing> {
    this.#standing ??= this.#standAnew();
    return this.#standing;
  }

  async #standAnew(): Promise<Standing> {
    this.#retrying?.[Symbol.dispose]();
    await this.#pause(this.#notBefore - this.#clock.monotonic(), this.#ending.signal);
    try {
      const standing = await standStream(this.#connected(), this.#wish, this.#complain);
      const wasUsable = this.#isUsable;
      this.#isUsable = true;
      if (!wasUsable) this.#listeners.callSoon();
      return standing;
    } catch (error) {
      this.#forget();
      this.#isUsable = false;
      if (this.#link.connected()) this.#complain('NATS does not keep exposures', { error });
      if (!this.#ending.signal.aborted) this.#retrying = this.#clock.after(RETRY_MS, () => this.#begin());
      throw translated(error);
    }
  }

  #forget(restMs = 0): void {
    this.#standing = undefined;
    if (restMs > 0) this.#notBefore = this.#clock.monotonic() + restMs;
    this.#tidying.forget();
  }

  #begin(): void {
    if (this.#ending.signal.aborted || !this.#link.connected()) return;
    this.#forget();
    this.#isUsable = false;
    this.#stand().catch(() => undefined);
  }

  async #within<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = () =>
      new FlagError('unavailable', 'the queue does not answer', { reason: 'QUEUE_UNREACHABLE' });
    using _timer = this.#clock.after(ms, () => reject(late()));
    return await Promise.race([promise, work()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#following[Symbol.dispose]();
    this.#retrying?.[Symbol.dispose]();
    this.#listeners.clear();
  }
}

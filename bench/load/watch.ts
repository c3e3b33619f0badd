import { processorMs } from '../lib/usage.ts';
import { EnvelopeCounter, toEnvelope } from './envelopes.ts';
import { H2Connection } from './h2-connection.ts';
import { FAILED } from './hpack.ts';
import { ownProcessorMs } from './throughput.ts';
import { headersOf, inTurns, type Target } from './unary.ts';

/** Streams on which a server tells what changes. */
export interface WatchLoad extends Target {
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** How many messages each stream starts with. */
  readonly messagesAtStart: number;
  readonly change: Pick<Target, 'path' | 'token' | 'messages'>;
}

/** How a change reached the streams. */
export interface Delivery {
  /** Milliseconds from the call that makes the change, before it was sent, to its answer. */
  readonly answeredMs: number;
  /** To the first stream. */
  readonly firstMs: number;
  /** To the last stream. */
  readonly lastMs: number;
  /** Milliseconds of the server's processor time, until it rests again. */
  readonly serverMs: number;
  readonly clientMs: number;
  /** Of the message that each stream got, in its envelope. */
  readonly bytesPerStream: number;
}

/** Open streams that have been told everything there was to say. */
export interface Watches extends Disposable {
  readonly streams: number;
  /** Changes something and waits until every stream was told of it once. Rejects if one is told more, or ends. */
  change(): Promise<Delivery>;
}

const REST_MS = 300;

/** Resolves when every stream has got the messages that it starts with. */
export async function openWatches(load: WatchLoad): Promise<Watches> {
  const all = new Tally(load.connections * load.streamsPerConnection);
  const connections: H2Connection[] = [];
  const message = toEnvelope(Buffer.from(load.messages[0] ?? '', 'base64'));
  const started = all.expect(load.messagesAtStart);
  for (let at = 0; at < load.connections; at++) connections.push(await connect(load, all, at, message));
  await started;
  const changer = await openChanger(load, all);
  return {
    streams: all.streams,
    async change() {
      const expected = all.expect(1);
      const from = { atMs: performance.now(), serverMs: processorMs(load.pid), clientMs: ownProcessorMs() };
      const answeredMs = changer.call().then(() => performance.now() - from.atMs);
      await expected;
      const result = {
        answeredMs: await answeredMs,
        firstMs: all.firstAtMs - from.atMs,
        lastMs: all.lastAtMs - from.atMs,
      };
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      return {
        ...result,
        serverMs: processorMs(load.pid) - from.serverMs,
        clientMs: ownProcessorMs() - from.clientMs,
        bytesPerStream: all.bytes / all.streams,
      };
    },
    [Symbol.dispose]() {
      for (const connection of [...connections, changer.connection]) connection.close();
    },
  };
}

/** Which streams have been told how much. */
class Tally {
  readonly streams: number;
  firstAtMs = 0;
  lastAtMs = 0;
  bytes = 0;
  readonly fail: (error: Error) => void;
  readonly #failed = Promise.withResolvers<never>();
  readonly #got: Uint8Array;
  #each = 0;
  #left = 0;
  #done = () => {};

  constructor(streams: number) {
    this.streams = streams;
    this.#got = new Uint8Array(streams);
    this.fail = this.#failed.reject;
    this.#failed.promise.catch(() => undefined);
  }

  /** From now on every stream is to get so many messages, and no more. */
  expect(each: number): Promise<void> {
    this.#got.fill(0);
    this.#each = each;
    this.#left = this.streams;
    this.bytes = 0;
    this.firstAtMs = 0;
    const done = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    return Promise.race([this.#failed.promise, done]);
  }

  got(stream: number, messages: number): void {
    if (messages === 0) return;
    if (this.firstAtMs === 0) this.firstAtMs = performance.now();
    const before = this.#got[stream] ?? 0;
    const now = before + messages;
    this.#got[stream] = now;
    if (now > this.#each) this.fail(new Error(`a stream was told ${now} messages instead of ${this.#each}`));
    if (now !== this.#each || --this.#left > 0) return;
    this.lastAtMs = performance.now();
    this.#done();
  }
}

async function connect(load: WatchLoad, all: Tally, at: number, message: Buffer): Promise<H2Connection> {
  const counters = Array.from({ length: load.streamsPerConnection }, () => new EnvelopeCounter());
  const connection = await H2Connection.open(load.port, headersOf(load), {
    onData: (stream, bytes, start, end) => {
      const slot = (stream - 1) / 2;
      all.bytes += end - start;
      all.got(at * load.streamsPerConnection + slot, counters[slot]?.count(bytes, start, end) ?? 0);
    },
    onHeaders: (_stream, means, isEnd) => {
      if (isEnd || (means & FAILED) !== 0) all.fail(new Error('a watch ended'));
    },
    onTurn: () => undefined,
    onFailure: all.fail,
  });
  for (let stream = 0; stream < load.streamsPerConnection; stream++) connection.call(message, true);
  connection.flush();
  return connection;
}

async function openChanger({ port, change }: WatchLoad, all: Tally) {
  const next = inTurns(change.messages);
  let answered = () => {};
  const connection = await H2Connection.open(port, headersOf({ port, ...change }), {
    onData: () => undefined,
    onHeaders: (_stream, means, isEnd) => {
      if ((means & FAILED) !== 0) all.fail(new Error('a change was refused'));
      if (isEnd) answered();
    },
    onTurn: () => undefined,
    onFailure: all.fail,
  });
  const call = () =>
    new Promise<void>((resolve) => {
      answered = resolve;
      connection.call(next(), true);
      connection.flush();
    });
  return { connection, call };
}

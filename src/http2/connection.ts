import * as errors from './errors.ts';
import { ConnectionError } from './errors.ts';
import { FrameReader } from './frame-reader.ts';
import * as frames from './frames.ts';
import { GOODBYE, Inbound, type InboundOptions } from './inbound.ts';
import { WINDOW_AT_START } from './inbound-window.ts';
import { Outbound } from './outbound.ts';
import type { Sink } from './output.ts';
import { STREAM_WINDOW } from './stream.ts';
import { Vigil } from './vigil.ts';

/** What a connection runs on: a net.Socket, or a TLSSocket. */
export interface ConnectionSocket extends Sink {
  readonly remoteAddress?: string | undefined;
  pause(): void;
  resume(): void;
  end(): void;
  destroy(): void;
}

export interface ConnectionOptions extends InboundOptions {
  /** From the socket to the peer's settings, and from the first piece of a header block to its last. */
  readonly patienceMs: number;
  /** How long a connection is kept on which nothing runs, or whose peer does not read. */
  readonly idleMs: number;
  /** Why a connection was ended. */
  readonly onError: (error: Error) => void;
}

/** How long a peer gets to hear the last words. */
const LAST_WORDS_MS = 1_000;

/**
 * The server's end of one HTTP/2 connection (RFC 9113). Whoever has the socket tells it what arrives, when the socket
 * has room again, that it is closed, and to `look` after itself now and then: it has no timer.
 */
export class Connection {
  readonly #socket: ConnectionSocket;
  readonly #options: ConnectionOptions;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #reader: FrameReader;
  readonly #vigil: Vigil;
  #isPaused = false;
  /** New streams are still welcome while it is announced only. */
  #leaving: 'announced' | 'final' | undefined;
  #isDraining = false;
  /** Since when nothing is read or sent any more. */
  #overSince: number | undefined;

  constructor(socket: ConnectionSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#outbound = new Outbound(socket);
    this.#inbound = new Inbound(this.#outbound, options, {
      address: () => socket.remoteAddress ?? '',
      onGoodbye: () => this.#leave(),
      onEmpty: () => {
        if (this.#leaving === 'final') this.#end();
      },
    });
    const inbound = this.#inbound;
    this.#reader = new FrameReader((type, flags, stream, bytes, start, end) =>
      inbound.take(type, flags, stream, bytes, start, end),
    );
    this.#vigil = new Vigil(options.now(), options.patienceMs, options.idleMs);
    this.#greet();
  }

  /** Takes what has arrived. The bytes may be kept. All that it leads to at once is sent in one write. */
  read(chunk: Buffer): void {
    if (this.#overSince !== undefined) return;
    this.#outbound.gather();
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#outbound.flush();
    if (!this.#outbound.isFull || this.#isPaused) return;
    // Whoever does not read is not read from.
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** The socket has sent all that it held. */
  drained(): void {
    this.#vigil.drained(this.#options.now());
    if (this.#isPaused) this.#socket.resume();
    this.#isPaused = false;
    this.#outbound.pump();
  }

  /** The socket is closed, or nothing more arrives on it. */
  closed(): void {
    this.#overSince ??= this.#options.now();
    this.#abandonStreams();
  }

  /** Says goodbye: calls that run, and those that were made before the peer knew, are answered; then it is closed. */
  drain(): void {
    this.#isDraining = true;
    if (this.#leaving !== undefined || this.#overSince !== undefined) return;
    this.#leaving = 'announced';
    this.#sayGoodbye(frames.LARGEST_WINDOW, errors.NO_ERROR);
    this.#outbound.frame(frames.PING, 0, 0, GOODBYE);
  }

  /** To be called every second or so. Ends what has taken too long. */
  look(): void {
    const inbound = this.#inbound;
    const now = this.#options.now();
    inbound.lookedAt = now;
    if (this.#overSince !== undefined) {
      if (now - this.#overSince >= LAST_WORDS_MS) this.#socket.destroy();
      return;
    }
    const wasAnnounced = this.#leaving === 'announced';
    for (const stream of inbound.streams.values()) stream.look(this.#isDraining);
    const { isGreeted, isBlockOpen, lastStream } = inbound;
    const verdict = this.#vigil.look(now, {
      ...{ isGreeted, isBlockOpen, isFull: this.#outbound.isFull },
      ...{ streams: inbound.streams.size, opened: lastStream },
    });
    if (verdict === 'unfinished') this.#fail(new ConnectionError(errors.ENHANCE_YOUR_CALM, 'too slow'));
    else if (verdict === 'stuck') this.#socket.destroy();
    else if (verdict === 'idle') this.drain();
    // A peer that does not answer the ping is not waited for.
    if (wasAnnounced) this.#leave();
  }

  #greet(): void {
    const { maxStreams, maxHeaderBytes } = this.#options;
    const settings = frames.settingsPayload([
      [frames.MAX_CONCURRENT_STREAMS, maxStreams],
      [frames.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [frames.MAX_HEADER_LIST_SIZE, maxHeaderBytes],
    ]);
    this.#outbound.frame(frames.SETTINGS, 0, 0, settings);
    this.#outbound.number(frames.WINDOW_UPDATE, 0, WINDOW_AT_START);
  }

  /** Takes no more streams, and ends the connection when there are none. */
  #leave(): void {
    if (this.#overSince !== undefined) return;
    if (this.#leaving !== 'final') this.#sayGoodbye(this.#inbound.lastStream, errors.NO_ERROR);
    this.#leaving = 'final';
    this.#inbound.isClosing = true;
    if (this.#inbound.streams.size === 0) this.#end();
  }

  #sayGoodbye(lastStream: number, code: number, message = ''): void {
    const payload = Buffer.alloc(8 + message.length);
    frames.writeUint32(payload, 0, lastStream);
    frames.writeUint32(payload, 4, code);
    payload.write(message, 8, 'latin1');
    this.#outbound.frame(frames.GOAWAY, 0, 0, payload);
  }

  #fail(error: unknown): void {
    if (this.#overSince !== undefined) return;
    const foreseen = error instanceof ConnectionError;
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    if (foreseen) this.#sayGoodbye(this.#inbound.lastStream, error.code, error.message);
    else this.#sayGoodbye(this.#inbound.lastStream, errors.INTERNAL_ERROR);
    this.#end();
    this.#abandonStreams();
  }

  /** The socket is read on for a moment: whoever has not finished speaking might not hear what was said last. */
  #end(): void {
    if (this.#overSince !== undefined) return;
    this.#overSince = this.#options.now();
    this.#outbound.flush();
    this.#socket.end();
    if (this.#isPaused) this.#socket.resume();
  }

  #abandonStreams(): void {
    for (const stream of [...this.#inbound.streams.values()]) stream.leave();
  }
}

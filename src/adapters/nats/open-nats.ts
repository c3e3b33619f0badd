import {
  type ConnectionOptions,
  connect,
  DebugEvents,
  Events,
  type NatsConnection,
  type Status,
  type Subscription,
} from 'nats';
import type { Clock } from '../../ports/clock.ts';
import { Listeners } from './listeners.ts';
import { type NatsOptions, RETRY_MS, settingsOf } from './nats-settings.ts';
import { quietReport, type Report } from './quiet-report.ts';

/** A connection to NATS that is always there, or being made. */
export interface NatsLink extends AsyncDisposable {
  /** Whether messages go out, and those that were subscribed to come in, as far as is known. */
  connected(): boolean;
  /** Calls `listener` each time `connected` has turned true. */
  onConnected(listener: () => void): Disposable;
  /** Sends, or returns false: nothing is kept for later, and little for a server that does not read. Never throws. */
  publish(subject: string, payload: Uint8Array): boolean;
  /** Calls `listener` with each message, over all connections to come, in order. Not with one's own. */
  subscribe(subject: string, listener: (subject: string, payload: Uint8Array) => void): Disposable;
  /** The client's own, while connected: for requests, which wait for their answers. Another one may come any time. */
  connection(): NatsConnection | undefined;
}

const MOST_UNCONFIRMED_BYTES = 1 << 20;
const CLOSE_MS = 1_000;

/** Returns at once and connects on its own, for ever. Throws `invalid` for addresses that are none. */
export function openNats(options: NatsOptions): NatsLink {
  return new ReconnectingLink(options);
}

interface Interest {
  readonly subject: string;
  readonly listener: (subject: string, payload: Uint8Array) => void;
  live: Subscription | undefined;
}

class ReconnectingLink implements NatsLink {
  readonly #clock: Clock;
  readonly #complain: Report;
  readonly #settings: ConnectionOptions;
  readonly #mostUnconfirmedBytes: number;
  readonly #listeners: Listeners<void>;
  readonly #interests = new Set<Interest>();
  readonly #ending = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #connection: NatsConnection | undefined;
  #isOpen = true;
  #isConnected = false;
  /** Counts losses, so that what was begun before one does not take effect after it. */
  #losses = 0;
  #unconfirmedBytes = 0;
  #isConfirming = false;

  constructor(options: NatsOptions) {
    this.#clock = options.clock;
    this.#complain = quietReport(options.report, options.clock);
    this.#settings = settingsOf(options);
    this.#mostUnconfirmedBytes = options.mostUnconfirmedBytes ?? MOST_UNCONFIRMED_BYTES;
    this.#listeners = new Listeners((error) => this.#complain('a listener failed', { error }));
    this.#running = this.#run();
  }

  connected(): boolean {
    return this.#isConnected;
  }

  onConnected(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  connection(): NatsConnection | undefined {
    return this.#isConnected ? this.#connection : undefined;
  }

  publish(subject: string, payload: Uint8Array): boolean {
    const connection = this.#connection;
    if (!this.#isConnected || connection === undefined) return false;
    if (this.#unconfirmedBytes + payload.length > this.#mostUnconfirmedBytes) return false;
    try {
      connection.publish(subject, payload);
    } catch (error) {
      this.#complain('a message could not be sent', { subject, error });
      return false;
    }
    this.#unconfirmedBytes += payload.length;
    if (!this.#isConfirming) void this.#confirm(connection);
    return true;
  }

  subscribe(subject: string, listener: (subject: string, payload: Uint8Array) => void): Disposable {
    const interest: Interest = { subject, listener, live: undefined };
    this.#interests.add(interest);
    if (this.#connection !== undefined) this.#enter(this.#connection, interest);
    return {
      [Symbol.dispose]: () => {
        this.#interests.delete(interest);
        if (interest.live?.isClosed() === false) interest.live.unsubscribe();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return this.#running;
    const connection = this.#connection;
    const wasConnected = this.#isConnected;
    this.#isOpen = false;
    this.#lost();
    this.#ending.resolve();
    this.#listeners.clear();
    if (connection === undefined) return;
    if (wasConnected) await this.#within(CLOSE_MS, connection.flush());
    await this.#within(CLOSE_MS, connection.close());
    destroySocket(connection);
    await this.#within(CLOSE_MS, this.#running);
  }

  /** One connection after the other; nearly always the first lasts, because the client reconnects by itself. */
  async #run(): Promise<void> {
    while (this.#isOpen) {
      try {
        const connection = await connect(this.#settings);
        if (this.#isOpen) await this.#keep(connection);
        else await connection.close();
      } catch (error) {
        this.#complain('cannot connect to NATS', { error });
      }
      if (this.#isOpen) await this.#within(RETRY_MS, this.#ending.promise);
    }
  }

  async #keep(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    const follow = async () => {
      for await (const status of connection.status()) this.#heed(connection, status);
    };
    follow().catch((error: unknown) => this.#complain('cannot follow the NATS connection', { error }));
    void this.#begin(connection);
    const error = await connection.closed();
    this.#lost();
    this.#connection = undefined;
    for (const interest of this.#interests) interest.live = undefined;
    if (this.#isOpen) this.#complain('the connection to NATS ended', { error });
  }

  #heed(connection: NatsConnection, { type, data }: Status): void {
    if (connection !== this.#connection) return;
    if (type === Events.Error) this.#complain('NATS refuses', { why: data });
    if (type === Events.Reconnect) void this.#begin(connection);
    if (type !== Events.Disconnect && type !== DebugEvents.StaleConnection) return;
    if (this.#isConnected) this.#complain('the connection to NATS was lost', { why: type });
    this.#lost();
    if (type === DebugEvents.StaleConnection) this.#giveUp(connection);
  }

  #lost(): void {
    this.#losses++;
    this.#isConnected = false;
    this.#unconfirmedBytes = 0;
  }

  /**
   * The client waits for what is still to be sent before it leaves a connection that is stale, and a server that has
   * stopped never takes it.
   */
  #giveUp(connection: NatsConnection): void {
    const losses = this.#losses;
    this.#clock.after(CLOSE_MS, () => {
      if (losses === this.#losses) destroySocket(connection);
    });
  }

  /** Connected from when the server has answered to every subscription. */
  async #begin(connection: NatsConnection): Promise<void> {
    const losses = this.#losses;
    for (const interest of this.#interests) this.#enter(connection, interest);
    try {
      await connection.flush();
    } catch {
      return;
    }
    if (losses !== this.#losses || connection !== this.#connection) return;
    const refused = [...this.#interests].find(({ live }) => live?.isClosed() !== false);
    if (refused !== undefined) {
      this.#complain('NATS does not let this be heard', { subject: refused.subject });
      return;
    }
    this.#isConnected = true;
    this.#listeners.call();
  }

  #enter(connection: NatsConnection, interest: Interest): void {
    if (interest.live?.isClosed() === false || connection.isClosed()) return;
    const { subject, listener } = interest;
    interest.live = connection.subscribe(subject, {
      // What is thrown here would end the client's reading.
      callback: (error, message) => {
        try {
          if (error !== null) this.#complain('a subscription failed', { subject, error });
          else listener(message.subject, message.data);
        } catch (thrown) {
          this.#complain('a message could not be handled', { subject, error: thrown });
        }
      },
    });
  }

  /** Asks, again and again, until the server has read all that was sent. */
  async #confirm(connection: NatsConnection): Promise<void> {
    this.#isConfirming = true;
    try {
      while (this.#unconfirmedBytes > 0) {
        const [losses, bytes] = [this.#losses, this.#unconfirmedBytes];
        await connection.flush();
        if (losses === this.#losses) this.#unconfirmedBytes -= bytes;
      }
    } catch {
      // Lost, and counted anew from then on.
    } finally {
      this.#isConfirming = false;
    }
  }

  /** Waits for it, but no longer than that, and not for how it went. */
  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.after(ms, resolve);
    await Promise.race([promise, work.catch(() => undefined)]);
  }
}

/** What the client keeps to itself. */
interface Insides {
  readonly protocol?: { readonly transport?: { readonly socket?: { destroy?: () => void } } };
}

function destroySocket(connection: NatsConnection & Insides): void {
  connection.protocol?.transport?.socket?.destroy?.();
}

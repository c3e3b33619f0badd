import { createInbox, type Msg, type NatsConnection, nanos } from 'nats';
import type { Clock } from '../../ports/clock.ts';

export interface PullOptions {
  /** `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>` */
  readonly subject: string;
  readonly batch: number;
  /** Whole. 0: only what is there at the moment. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** Gives back what comes when nobody waits for it any more. */
  readonly giveBack: (message: Msg) => void;
  readonly signal: AbortSignal | undefined;
}

/** How a pull ended: with messages, if there were any; `gone` if nobody knows the consumer. */
export interface Pulled {
  readonly messages: readonly Msg[];
  readonly end: 'enough' | 'no more' | 'gone' | 'silence';
}

/** What the server says when there is none, or none any more; anything else of 400 and above is about the consumer. */
const NO_MORE = [404, 408];
const NO_RESPONDERS = 503;
const TOO_MUCH_HELD = /exceeded max(ackpending|waiting)/i;
const ANSWER_MS = 2_000;

/** Asks a consumer for messages, once. Never rejects, except for what the connection throws at once. */
export async function pull(connection: NatsConnection, options: PullOptions): Promise<Pulled> {
  const { subject, batch, waitMs, clock, giveBack, signal } = options;
  const messages: Msg[] = [];
  const { promise, resolve } = Promise.withResolvers<Pulled['end']>();
  let isOver = false;
  const inbox = createInbox();
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) resolve('silence');
      else if (isStatus(message)) resolve(endOf(message));
      else if (isOver) giveBack(message);
      else if (messages.push(message) >= batch) resolve('enough');
    },
  });
  const ask = waitMs > 0 ? { batch, expires: nanos(waitMs) } : { batch, no_wait: true };
  connection.publish(subject, JSON.stringify(ask), { reply: inbox });
  const stop = () => resolve('no more');
  signal?.addEventListener('abort', stop, { once: true });
  using _late = clock.after(waitMs + ANSWER_MS, () => resolve('silence'));
  const end = await promise;
  signal?.removeEventListener('abort', stop);
  isOver = true;
  const answered = end === 'enough' || signal?.aborted !== true;
  // The server may have sent something already, and does not know that nobody listens.
  if (answered) close();
  else clock.after(waitMs + ANSWER_MS, close);
  return { messages, end: messages.length > 0 && end !== 'enough' ? 'no more' : end };

  function close(): void {
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

function isStatus(message: Msg): boolean {
  return message.data.length === 0 && (message.headers?.code ?? 0) > 0;
}

function endOf(message: Msg): Pulled['end'] {
  const { code = 0, description = '' } = message.headers ?? {};
  if (NO_MORE.includes(code) || TOO_MUCH_HELD.test(description)) return 'no more';
  return code >= NO_RESPONDERS || code >= 400 ? 'gone' : 'silence';
}

import { messagesIn, toEnvelope } from './envelopes.ts';
import { H2Connection } from './h2-connection.ts';
import { FAILED, GRPC_OK } from './hpack.ts';
import { headersOf, type Target } from './unary.ts';

/** The answers to these messages, each in a call of its own, or all on one stream; in base64, in order. */
export interface Asking extends Target {
  readonly on: 'calls' | 'stream';
}

/** Rejects if a call fails. */
export async function ask(asking: Asking): Promise<string[]> {
  const failed = Promise.withResolvers<never>();
  const done = Promise.withResolvers<void>();
  const received = new Map<number, Buffer[]>();
  let open = 0;
  let isOk = true;
  const connection = await H2Connection.open(asking.port, headersOf(asking), {
    onData: (stream, bytes, start, end) => {
      received.get(stream)?.push(Buffer.from(bytes.subarray(start, end)));
    },
    onHeaders: (_stream, means, isEnd) => {
      isOk &&= (means & FAILED) === 0 && (!isEnd || (means & GRPC_OK) !== 0);
      if (isEnd && --open === 0) done.resolve();
    },
    onTurn: () => undefined,
    onFailure: failed.reject,
  });
  const envelopes = asking.messages.map((message) => toEnvelope(Buffer.from(message, 'base64')));
  const bodies = asking.on === 'stream' ? [Buffer.concat(envelopes)] : envelopes;
  for (const body of bodies) {
    open++;
    received.set(connection.call(body, true), []);
  }
  connection.flush();
  try {
    await Promise.race([failed.promise, done.promise]);
  } finally {
    connection.close();
  }
  if (!isOk) throw new Error(`${asking.path} refused a call`);
  return [...received.values()].flatMap((pieces) =>
    messagesIn(Buffer.concat(pieces)).map((message) => message.toString('base64')),
  );
}

import { EnvelopeCounter } from './envelopes.ts';
import { H2Connection } from './h2-connection.ts';
import { FAILED } from './hpack.ts';
import { type Span, type Throughput, throughput } from './throughput.ts';
import { headersOf, inTurns, type Target } from './unary.ts';

/** One stream in both directions, on which a message is sent for every one that comes back. */
export interface StreamLoad extends Target, Span {
  /** Messages that wait for their answer. */
  readonly inFlight: number;
}

/** A call is a message and its answer. Rejects if the stream ends. */
export async function streamLoad(load: StreamLoad): Promise<Throughput> {
  const next = inTurns(load.messages);
  const failed = Promise.withResolvers<never>();
  const count = { calls: 0, bytes: 0 };
  const envelopes = new EnvelopeCounter();
  let stream = 0;
  const connection = await H2Connection.open(load.port, headersOf(load), {
    onData: (_stream, bytes, start, end) => {
      const answered = envelopes.count(bytes, start, end);
      count.bytes += end - start;
      count.calls += answered;
      for (let left = answered; left > 0; left--) connection.send(stream, next(), false);
    },
    onHeaders: (_stream, means, isEnd) => {
      if (isEnd || (means & FAILED) !== 0) failed.reject(new Error('the stream ended'));
    },
    onTurn: () => undefined,
    onFailure: failed.reject,
  });
  stream = connection.call(next(), false);
  for (let sent = 1; sent < load.inFlight; sent++) connection.send(stream, next(), false);
  connection.flush();
  try {
    return await Promise.race([failed.promise, throughput(load.pid, load, count)]);
  } finally {
    connection.close();
  }
}

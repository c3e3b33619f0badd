import { within } from '../lib/within.ts';
import { toEnvelope } from '../load/envelopes.ts';
import { H2Connection } from '../load/h2-connection.ts';
import { FAILED, GRPC_OK } from '../load/hpack.ts';
import { headersOf } from '../load/unary.ts';
import { MessageReader } from './message-reader.ts';
import { sharedMs } from './shared-clock.ts';

/** An answer, and when the caller knew that the call had succeeded. */
export interface Answer {
  readonly message: Buffer;
  readonly atMs: number;
  readonly tookMs: number;
}

/** Makes gRPC calls of one method, one at a time. */
export interface Caller extends Disposable {
  /** Rejects unless the status is OK. */
  call(message: Uint8Array): Promise<Answer>;
}

const ANSWER_WITHIN_MS = 60_000;

export async function openCaller(port: number, path: string, token: string): Promise<Caller> {
  const reader = new MessageReader();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let message: Buffer = Buffer.alloc(0);
  let answered = (_isOk: boolean) => {};
  const connection = await H2Connection.open(port, headersOf({ port, path, token }), {
    onData: (_stream, bytes, start, end) =>
      reader.read(bytes, start, end, (found) => {
        message = Buffer.from(found);
      }),
    onHeaders: (_stream, means, isEnd) => {
      if (isEnd) answered((means & FAILED) === 0 && (means & GRPC_OK) !== 0);
    },
    onTurn: () => undefined,
    onFailure: failed.reject,
  });
  // A server does not wait long for the first bytes.
  connection.flush();
  return {
    async call(request) {
      const ended = Promise.withResolvers<number>();
      answered = (isOk) => {
        if (isOk) ended.resolve(sharedMs());
        else ended.reject(new Error(`${path} was refused on port ${port}`));
      };
      const fromMs = sharedMs();
      connection.call(toEnvelope(request), true);
      connection.flush();
      const atMs = await within(ANSWER_WITHIN_MS, path, Promise.race([ended.promise, failed.promise]));
      return { message, atMs, tookMs: atMs - fromMs };
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

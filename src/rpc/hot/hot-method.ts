import type { DescMethod } from '@bufbuild/protobuf';
import type { Principal } from '../../app/principal.ts';

/**
 * The RPCs that are called all the time, as bytes in and bytes out: no message objects, no promises, and answers that
 * are encoded once and copied. They say what the services of `evaluation-service.ts` say, bit for bit; whoever carries
 * the bytes (gRPC or Connect, over whatever framing) does the rest: limits, compression, deadlines, authentication.
 */

/** Bytes at the beginning of every answer: the envelope of gRPC, filled in. Connect sends what follows them. */
export const ENVELOPE_BYTES = 5;

export type Codec = 'proto' | 'json';

/** A unary method. */
export interface HotMethod {
  readonly method: DescMethod;
  /** `/vexil.v1.EvaluationService/Evaluate` */
  readonly path: string;
  /**
   * Reads one whole, plain message of a caller who was let in. Keeps nothing of the bytes. Throws `FlagError` or `ConnectError`, only for what is
   * foreseen: turn either into a status with `toConnectError`.
   */
  read(message: Uint8Array, codec: Codec): HotCall;
}

/** A call that was read and waits to be answered. */
export interface HotCall {
  /**
   * The answer with its envelope, in the codec of the request: a promise only if the caller asked for a revision that
   * is not here yet. Throws, or rejects with, `FlagError` for what is foreseen. The bytes may be shared with other
   * answers: nobody may ever write to them. Ends no sooner because of a deadline: race it.
   */
  answer(principal: Principal): Uint8Array | Promise<Uint8Array>;
}

import type { DescMethod } from '@bufbuild/protobuf';
import type { Principal } from '../../app/principal.ts';

/** Where the messages of an answer go. */
export interface Outlet {
  /**
   * Sends whole messages, each in its envelope. False: as much as should be waits to be sent, and the task is told when
   * it has been. Keeps the bytes until then: nobody may write to them.
   */
  write(envelopes: Uint8Array): boolean;
  /** Ends the call: well, or with what went wrong. Nothing is to be called after it. */
  end(error?: unknown): void;
  /** Cuts the call without a word: for a caller who does not read. */
  terminate(): void;
}

/** One call of a streaming method. What its functions throw ends the call. */
export interface StreamTask extends Disposable {
  /** How much it has to say that waits for `flush`. */
  readonly pendingBytes: number;
  /** The next message of the caller, plain. */
  message(bytes: Uint8Array): void;
  /** All that has arrived so far was handed over. */
  flush(): void;
  /** The caller has nothing more to say. */
  end(): void;
  /** What waited was sent. */
  drained(): void;
}

/** A streaming method, in gRPC and its binary codec: bytes in, bytes out. */
export interface StreamMethod {
  readonly method: DescMethod;
  /** `/vexil.v1.EvaluationService/WatchFlags` */
  readonly path: string;
  /**
   * Begins a call for a caller who was let in. Disposed of when the call is over, however it ended. Of several messages
   * each is a call: `count` is to be called for it once it was read, and throws if the key has had too many.
   */
  open(principal: Principal, outlet: Outlet, count: () => void): StreamTask;
}

import { fromBinary } from '@bufbuild/protobuf';
import { EvaluationService, WatchFlagsRequestSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Principal } from '../../app/principal.ts';
import type { WatchRequest } from '../../app/watch-request.ts';
import { WatchSession } from '../../app/watch-session.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import { malformedMessage } from '../request-guard.ts';
import { watchRequestFrom } from '../watch-call.ts';
import { writeWatchEvent } from '../wire/write-watch.ts';
import { wrongCount } from '../wrong-count.ts';
import type { Outlet, StreamMethod, StreamTask } from './stream-method.ts';

/** WatchFlags: the session pushes, and what many watchers are told alike is encoded once. */
export function watchFlagsMethod(parts: EvaluationParts): StreamMethod {
  const method = EvaluationService.method.watchFlags;
  return {
    method,
    path: `/${method.parent.typeName}/${method.name}`,
    open: (principal, outlet) => new WatchTask(parts, principal, outlet),
  };
}

class WatchTask implements StreamTask {
  /** What it says is sent at once. */
  readonly pendingBytes = 0;
  readonly #parts: EvaluationParts;
  readonly #principal: Principal;
  readonly #outlet: Outlet;
  #request: WatchRequest | undefined;
  #session: WatchSession | undefined;

  constructor(parts: EvaluationParts, principal: Principal, outlet: Outlet) {
    this.#parts = parts;
    this.#principal = principal;
    this.#outlet = outlet;
  }

  message(bytes: Uint8Array): void {
    if (this.#request !== undefined) throw wrongCount('received extra', 'server-streaming');
    this.#request = watchRequestFrom(this.#parts, this.#principal, requestIn(bytes), () =>
      this.#outlet.terminate(),
    );
  }

  flush(): void {
    // Whether there is a second message is known at the end only.
  }

  end(): void {
    const request = this.#request;
    if (request === undefined) throw wrongCount('missing', 'server-streaming');
    const outlet = this.#outlet;
    this.#session = new WatchSession(this.#parts.watch, request, {
      take: (event) => outlet.write(writeWatchEvent(request.place, event)),
      end: (error) => outlet.end(error),
    });
  }

  drained(): void {
    this.#session?.drained();
  }

  [Symbol.dispose](): void {
    this.#session?.[Symbol.dispose]();
  }
}

function requestIn(bytes: Uint8Array) {
  try {
    return fromBinary(WatchFlagsRequestSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw malformedMessage(WatchFlagsRequestSchema, cause);
  }
}

import { Code } from '@connectrpc/connect';
import type { Principal } from '../../app/principal.ts';
import { FlagError } from '../../core/errors.ts';
import { admit } from '../admit.ts';
import { timedOut } from '../call-timeout.ts';
import { reportedError } from '../errors.ts';
import { refusalFrom } from '../refusal.ts';
import { tooSlow } from '../request-guard.ts';
import { callRecord } from '../telemetry-interceptor.ts';
import type { CallHead } from './call-head.ts';
import type { HotParts } from './exchange.ts';
import { grpcTrailers, STREAM_HEADERS } from './http-answer.ts';
import { Inflow } from './inflow.ts';
import type { Outlet, StreamMethod, StreamTask } from './stream-method.ts';

/** So much of answers is put together before it is sent, and before anything else is read. */
const MOST_PENDING_BYTES = 64 * 1024;

/** What brought a streaming call and takes its answer. Nothing of it throws. */
export interface StreamCarrier {
  /** The other end of the connection. */
  address(): string;
  /** Sends the headers; with `isLast` nothing follows them. */
  respond(headers: Readonly<Record<string, string>>, isLast: boolean): void;
  /** False: as much as should be waits to be sent. */
  write(bytes: Uint8Array): boolean;
  /** Ends the answer after all that was written. */
  finish(trailers: Readonly<Record<string, string>>): void;
  /** Reads nothing more for the time being. */
  hold(): void;
  release(): void;
  /** Cuts the call. */
  terminate(): void;
}

/** One streaming call of gRPC, from its headers to its trailers. Its carrier tells it what arrives. */
export class StreamExchange implements Outlet {
  readonly #parts: HotParts;
  readonly #head: CallHead<StreamMethod>;
  readonly #carrier: StreamCarrier;
  readonly #startedAt: number;
  readonly #inflow: Inflow;
  #task: StreamTask | undefined;
  #seat: Disposable | undefined;
  #alarm: Disposable | undefined;
  #hasResponded = false;
  /** And the task was not told yet. */
  #hasRequestEnded = false;
  #isFlushDue = false;
  #isOver = false;

  constructor(parts: HotParts, head: CallHead<StreamMethod>, carrier: StreamCarrier) {
    this.#parts = parts;
    this.#head = head;
    this.#carrier = carrier;
    this.#startedAt = parts.deadlines.now();
    this.#inflow = new Inflow(parts.maxMessageBytes, (message) => this.#take(message));
  }

  /** To be called first. Refuses who must not call, whatever arrives. */
  start(): void {
    const { timeoutMs, method } = this.#head;
    const { receiveTimeoutMs } = this.#parts;
    const hasOneRequest = method.method.methodKind === 'server_streaming';
    try {
      if (timeoutMs === 0) throw timedOut();
      this.#task = this.#open();
      const patienceMs = hasOneRequest ? Math.min(timeoutMs, receiveTimeoutMs) : timeoutMs;
      if (patienceMs !== Number.POSITIVE_INFINITY) this.#wakeAfter(patienceMs);
    } catch (error) {
      this.end(error);
    }
  }

  take(chunk: Uint8Array): void {
    if (!this.#isOver) this.#goOn(() => this.#inflow.take(chunk));
  }

  /** Has what was made of all that arrived sent, in as few pieces as can be. */
  flush(): void {
    this.#isFlushDue = false;
    if (!this.#isOver) this.#task?.flush();
  }

  /** The caller has nothing more to say. */
  requestEnded(): void {
    this.#hasRequestEnded = true;
    this.#endRequest();
  }

  /** What waited was sent. */
  drained(): void {
    if (this.#isOver) return;
    this.#task?.drained();
    this.#release();
  }

  /** The caller is gone. To be called in any case; after the end it means nothing. */
  leave(): void {
    if (!this.#isOver) this.#finish(Code.Canceled);
  }

  write(envelopes: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#respond();
    const hasRoom = this.#carrier.write(envelopes);
    if (!hasRoom) this.#hold();
    return hasRoom;
  }

  end(error?: unknown): void {
    if (this.#isOver) return;
    this.flush();
    const { name, traceparent } = this.#head;
    const refusal =
      error === undefined ? undefined : reportedError(error, this.#parts.logUnexpected, name, traceparent);
    this.#finish(refusal?.code);
    const trailers = grpcTrailers(refusal);
    if (this.#hasResponded) this.#carrier.finish(trailers);
    else this.#carrier.respond({ ...STREAM_HEADERS, ...trailers }, true);
  }

  terminate(): void {
    this.leave();
    this.#carrier.terminate();
  }

  /** Undefined while the key is looked for. */
  #open(): StreamTask | undefined {
    const { access, admission } = this.#parts;
    const { token, origin } = this.#head;
    const address = () => this.#carrier.address();
    try {
      const principal = admit(access, admission, { token, origin, address });
      if (!(principal instanceof Promise)) return this.#enter(principal);
      this.#hold();
      principal.then((found) => this.#enterLate(found)).catch((error: unknown) => this.#turnAway(error));
      return undefined;
    } catch (error) {
      return this.#turnedAway(error);
    }
  }

  #enter(principal: Principal): StreamTask {
    const { admission } = this.#parts;
    this.#seat = admission.stream(principal.keyId, this.#carrier.address());
    const count = admission.callCounter(principal.keyId);
    return this.#head.method.open(principal, this, () => {
      try {
        count();
      } catch (error) {
        this.#turnedAway(error);
      }
    });
  }

  /** Goes on with what has arrived meanwhile. */
  #enterLate(principal: Principal): void {
    if (this.#isOver) return;
    this.#task = this.#enter(principal);
    this.#release();
  }

  /** Until there is a task, and room for what it says. */
  #hold(): void {
    this.#inflow.hold();
    this.#carrier.hold();
  }

  #release(): void {
    this.#goOn(() => this.#inflow.release());
    if (this.#isOver || this.#inflow.isPending) return;
    this.#carrier.release();
    this.#endRequest();
  }

  #goOn(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.end(error);
      return;
    }
    if (this.#isFlushDue || this.#isOver) return;
    this.#isFlushDue = true;
    flushSoon(this);
  }

  #take(message: Uint8Array): void {
    const task = this.#task;
    if (this.#isOver || task === undefined) return;
    task.message(message);
    if (task.pendingBytes >= MOST_PENDING_BYTES) this.flush();
  }

  #endRequest(): void {
    if (this.#isOver || !this.#hasRequestEnded || this.#inflow.isPending) return;
    // Told once, however often what is said waits afterwards.
    this.#hasRequestEnded = false;
    try {
      this.#inflow.end();
      this.#setDeadline();
      this.#task?.end();
    } catch (error) {
      this.end(error);
    }
  }

  #turnAway(error: unknown): void {
    try {
      this.#turnedAway(error);
    } catch (refusal) {
      this.end(refusal);
    }
  }

  #turnedAway(error: unknown): never {
    const { name, token, traceparent } = this.#head;
    const address = () => this.#carrier.address();
    if (error instanceof FlagError)
      this.#parts.refused(refusalFrom(name, error, { token, address }, traceparent));
    throw error;
  }

  #respond(): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.#carrier.respond(STREAM_HEADERS, false);
  }

  #finish(code: Code | undefined): void {
    this.#isOver = true;
    this.#alarm?.[Symbol.dispose]();
    this.#seat?.[Symbol.dispose]();
    this.#task?.[Symbol.dispose]();
    const { recordCall, deadlines } = this.#parts;
    const { name, traceparent } = this.#head;
    recordCall(callRecord('grpc', name, code, deadlines.now() - this.#startedAt, traceparent));
  }

  /** From now on only the caller's own deadline counts. */
  #setDeadline(): void {
    const { timeoutMs } = this.#head;
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = undefined;
    if (timeoutMs !== Number.POSITIVE_INFINITY)
      this.#wakeAfter(Math.max(0, this.#startedAt + timeoutMs - this.#parts.deadlines.now()));
  }

  #wakeAfter(delayMs: number): void {
    this.#alarm = this.#parts.deadlines.at(this.#parts.deadlines.now() + delayMs, () => this.#late());
  }

  #late(): void {
    const { timeoutMs } = this.#head;
    const isTimedOut = this.#startedAt + timeoutMs <= this.#parts.deadlines.now();
    this.end(isTimedOut ? timedOut() : tooSlow(this.#parts.receiveTimeoutMs, timeoutMs));
  }
}

let due: StreamExchange[] = [];

/** Once all is read that has arrived: several messages of one stream often come one by one. */
function flushSoon(exchange: StreamExchange): void {
  if (due.push(exchange) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const exchanges = due;
  due = [];
  for (const exchange of exchanges) exchange.flush();
}

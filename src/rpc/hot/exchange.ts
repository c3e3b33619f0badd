import { Code } from '@connectrpc/connect';
import type { Access } from '../../app/access.ts';
import type { Admission } from '../../app/admission.ts';
import type { Alarm } from '../../app/alarm.ts';
import type { Principal } from '../../app/principal.ts';
import { FlagError } from '../../core/errors.ts';
import { admit } from '../admit.ts';
import type { Refusal } from '../auth.ts';
import { timedOut } from '../call-timeout.ts';
import { messageTooLarge } from '../compression.ts';
import { type CorsPolicy, corsHeaders } from '../cors.ts';
import { type LogUnexpected, reportedError } from '../errors.ts';
import { tooSlow } from '../request-guard.ts';
import { callRecord, type RecordCall } from '../telemetry-interceptor.ts';
import type { CallHead } from './call-head.ts';
import type { HotCall } from './hot-method.ts';
import { answerOf, type HttpAnswer, refusalOf } from './http-answer.ts';
import { type Intake, intakeOf } from './intake.ts';

/** What every call of the fast path needs. */
export interface HotParts {
  readonly access: Access;
  readonly admission: Admission;
  readonly cors: CorsPolicy;
  /** By a clock that never jumps, in milliseconds. */
  readonly deadlines: Alarm;
  readonly now: () => number;
  /** Of one message, inflated. */
  readonly maxMessageBytes: number;
  /** A request must have arrived after this long. */
  readonly receiveTimeoutMs: number;
  readonly recordCall: RecordCall;
  readonly refused: (refusal: Refusal) => void;
  readonly logUnexpected: LogUnexpected;
}

/** What brought a call and takes its answer: a stream of HTTP/2, or HTTP/1.1. */
export interface Carrier {
  /** The other end of the connection. */
  address(): string;
  /** Called once, unless the caller left. Must not throw. */
  send(answer: HttpAnswer): void;
}

/** One call of the fast path, from its headers to its answer. Its carrier tells it what arrives. */
export class Exchange {
  readonly #parts: HotParts;
  readonly #head: CallHead;
  readonly #carrier: Carrier;
  readonly #intake: Intake;
  readonly #startedAt: number;
  #state: 'receiving' | 'answering' | 'ended' = 'receiving';
  #alarm: Disposable | undefined;

  constructor(parts: HotParts, head: CallHead, carrier: Carrier) {
    this.#parts = parts;
    this.#head = head;
    this.#carrier = carrier;
    this.#intake = intakeOf(head, parts.maxMessageBytes);
    this.#startedAt = parts.now();
  }

  /** To be called first. Refuses what cannot go well whatever arrives. */
  start(): void {
    const { timeoutMs, announcedBytes } = this.#head;
    const { maxMessageBytes, receiveTimeoutMs } = this.#parts;
    if (timeoutMs === 0) this.#refuse(timedOut());
    else if (announcedBytes > maxMessageBytes) this.#refuse(messageTooLarge(maxMessageBytes));
    else this.#wakeAfter(Math.min(timeoutMs, receiveTimeoutMs));
  }

  /** Whether more of the request is wanted. */
  get isReceiving(): boolean {
    return this.#state === 'receiving';
  }

  take(chunk: Uint8Array): void {
    if (this.#state === 'receiving' && this.#intake.take(chunk)) this.#answer();
  }

  /** The request is complete. */
  end(): void {
    if (this.#state !== 'receiving') return;
    this.#intake.end();
    this.#answer();
  }

  /** The caller is gone. To be called in any case; after the answer it means nothing. */
  leave(): void {
    if (this.#state !== 'ended') this.#finish(Code.Canceled);
  }

  #answer(): void {
    this.#state = 'answering';
    try {
      const call = this.#intake.read();
      const answer = call instanceof Promise ? call.then((read) => this.#ask(read)) : this.#ask(call);
      if (answer instanceof Promise) answer.then(this.#reply, this.#refuse);
      else this.#reply(answer);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #ask(call: HotCall): Uint8Array | Promise<Uint8Array> {
    return call.answer(this.#principal());
  }

  #principal(): Principal {
    const { access, admission, refused } = this.#parts;
    const { token, origin } = this.#head;
    try {
      return admit(access, admission, { token, origin, address: () => this.#carrier.address() });
    } catch (error) {
      if (error instanceof FlagError) refused({ method: this.#name, why: error.message });
      throw error;
    }
  }

  readonly #reply = (envelope: Uint8Array): void => {
    if (this.#state === 'ended') return;
    const { format, compression } = this.#head;
    this.#finish(undefined);
    this.#send(answerOf(format, envelope, compression, this.#corsHeaders()));
  };

  readonly #refuse = (error: unknown): void => {
    if (this.#state === 'ended') return;
    const { format, compression } = this.#head;
    const refusal = reportedError(error, this.#parts.logUnexpected, this.#name);
    this.#finish(refusal.code);
    this.#send(refusalOf(format, refusal, compression, this.#corsHeaders()));
  };

  #send(answer: HttpAnswer | Promise<HttpAnswer>): void {
    if (!(answer instanceof Promise)) this.#carrier.send(answer);
    else
      answer
        .then((packed) => this.#carrier.send(packed))
        .catch((error: unknown) => this.#parts.logUnexpected(error, this.#name));
  }

  #finish(code: Code | undefined): void {
    this.#state = 'ended';
    this.#alarm?.[Symbol.dispose]();
    const { recordCall, now } = this.#parts;
    recordCall(callRecord(this.#head.format.protocol, this.#name, code, now() - this.#startedAt));
  }

  #wakeAfter(delayMs: number): void {
    this.#alarm = this.#parts.deadlines.at(this.#parts.now() + delayMs, () => this.#late());
  }

  #late(): void {
    const { timeoutMs } = this.#head;
    const leftMs = this.#startedAt + timeoutMs - this.#parts.now();
    if (this.#state === 'receiving') this.#refuse(tooSlow(this.#parts.receiveTimeoutMs, timeoutMs));
    else if (leftMs > 0) this.#wakeAfter(leftMs);
    else this.#refuse(timedOut());
  }

  #corsHeaders(): [string, string][] {
    return corsHeaders(this.#parts.cors, this.#head.origin ?? null);
  }

  get #name(): string {
    const { method } = this.#head.method;
    return `${method.parent.typeName}/${method.name}`;
  }
}

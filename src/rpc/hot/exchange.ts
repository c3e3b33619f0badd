import { Code } from '@connectrpc/connect';
import type { Access } from '../../app/access.ts';
import type { Admission } from '../../app/admission.ts';
import type { Principal } from '../../app/principal.ts';
import { FlagError } from '../../core/errors.ts';
import { admit } from '../admit.ts';
import { timedOut } from '../call-timeout.ts';
import { messageTooLarge } from '../compression.ts';
import { type CorsPolicy, corsHeaders } from '../cors.ts';
import { type LogUnexpected, reportedError } from '../errors.ts';
import { type Refused, refusalFrom } from '../refusal.ts';
import { tooSlow } from '../request-guard.ts';
import { callRecord, type RecordCall } from '../telemetry-interceptor.ts';
import { traceIdIn } from '../trace-context.ts';
import type { CallHead } from './call-head.ts';
import type { Deadlines, Line, Waiting } from './deadlines.ts';
import { answerOf, type HttpAnswer, refusalOf } from './http-answer.ts';
import { type Intake, intakeOf } from './intake.ts';

/** What every call of the fast path needs. */
export interface HotParts {
  readonly access: Access;
  readonly admission: Admission;
  readonly cors: CorsPolicy;
  readonly deadlines: Deadlines;
  /** Of one message, inflated. */
  readonly maxMessageBytes: number;
  /** A request must have arrived after this long. */
  readonly receiveTimeoutMs: number;
  readonly recordCall: RecordCall;
  readonly refused: Refused;
  readonly logUnexpected: LogUnexpected;
}

/** What brought a call and takes its answer: a stream of HTTP/2, or HTTP/1.1. */
export interface Carrier {
  /** The other end of the connection. */
  address(): string;
  /** Called once at most; not if the caller left. Must not throw. */
  send(answer: HttpAnswer): void;
}

/** One call of the fast path, from its headers to its answer. Its carrier tells it what arrives. */
export class Exchange implements Waiting {
  readonly #parts: HotParts;
  readonly #head: CallHead;
  readonly #carrier: Carrier;
  readonly #intake: Intake;
  readonly #startedAt: number;
  #state: 'receiving' | 'answering' | 'ended' = 'receiving';
  #line: Line | undefined;
  #place = 0;
  #alarm: Disposable | undefined;
  /** Who calls: a promise while the key is looked for, undefined before anybody asked. */
  #caller: Principal | Promise<Principal> | undefined;

  constructor(parts: HotParts, head: CallHead, carrier: Carrier) {
    this.#parts = parts;
    this.#head = head;
    this.#carrier = carrier;
    this.#intake = intakeOf(head, parts.maxMessageBytes);
    this.#startedAt = parts.deadlines.now();
  }

  /** To be called first. Refuses what cannot go well whatever arrives. */
  start(): void {
    const { timeoutMs, announcedBytes } = this.#head;
    const { maxMessageBytes, deadlines } = this.#parts;
    if (timeoutMs === 0) this.#refuse(timedOut());
    else if (announcedBytes > maxMessageBytes) this.#refuse(messageTooLarge(maxMessageBytes));
    else if (this.#isLetIn()) this.#line = deadlines.watch(this, timeoutMs);
    this.#place = (this.#line?.length ?? 0) - 1;
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

  /** The caller is gone. After the answer it means nothing. */
  leave(): void {
    if (this.#state !== 'ended') this.#finish(Code.Canceled);
  }

  arm(): void {
    if (this.#state === 'ended') return;
    const { deadlines, receiveTimeoutMs } = this.#parts;
    const { timeoutMs } = this.#head;
    const afterMs = this.#state === 'receiving' ? Math.min(timeoutMs, receiveTimeoutMs) : timeoutMs;
    this.#alarm = deadlines.at(this.#startedAt + afterMs, () => this.#late());
  }

  #late(): void {
    const { timeoutMs } = this.#head;
    const isLate = this.#startedAt + timeoutMs <= this.#parts.deadlines.now();
    if (this.#state === 'receiving') this.#refuse(tooSlow(this.#parts.receiveTimeoutMs, timeoutMs));
    else if (isLate) this.#refuse(timedOut());
    else this.arm();
  }

  /** Who may not call is told so before anything is made of the message. */
  #isLetIn(): boolean {
    try {
      this.#caller = this.#principal();
      if (this.#caller instanceof Promise) this.#caller.catch((error: unknown) => this.#refuse(error));
      return true;
    } catch (error) {
      this.#refuse(error);
      return false;
    }
  }

  #answer(): void {
    this.#state = 'answering';
    try {
      const caller = this.#caller;
      if (caller === undefined) return;
      const answer = caller instanceof Promise ? caller.then((found) => this.#ask(found)) : this.#ask(caller);
      if (!(answer instanceof Promise)) this.#reply(answer);
      else
        answer.then(
          (envelope) => this.#reply(envelope),
          (error: unknown) => this.#refuse(error),
        );
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** What was good when the call came may not be when the message is there. */
  #ask(principal: Principal): Uint8Array | Promise<Uint8Array> {
    this.#check(principal);
    const call = this.#intake.read();
    return call instanceof Promise ? call.then((read) => read.answer(principal)) : call.answer(principal);
  }

  #check(principal: Principal): void {
    try {
      this.#parts.access.check(principal);
    } catch (error) {
      this.#turnedAway(error);
    }
  }

  #principal(): Principal | Promise<Principal> {
    const { access, admission } = this.#parts;
    const { token, origin } = this.#head;
    try {
      const address = () => this.#carrier.address();
      const principal = admit(access, admission, { token, origin, address });
      return principal instanceof Promise ? principal.catch((error) => this.#turnedAway(error)) : principal;
    } catch (error) {
      return this.#turnedAway(error);
    }
  }

  #turnedAway(error: unknown): never {
    const { name, token, traceparent } = this.#head;
    const address = () => this.#carrier.address();
    if (error instanceof FlagError)
      this.#parts.refused(refusalFrom(name, error, { token, address }, traceparent));
    throw error;
  }

  #reply(envelope: Uint8Array): void {
    if (this.#state === 'ended') return;
    const { format, compression } = this.#head;
    this.#finish(undefined);
    this.#send(answerOf(format, envelope, compression, this.#corsHeaders()));
  }

  #refuse(error: unknown): void {
    if (this.#state === 'ended') return;
    const { name, format, compression, traceparent } = this.#head;
    const refusal = reportedError(error, this.#parts.logUnexpected, name, traceparent);
    this.#finish(refusal.code);
    this.#send(refusalOf(format, refusal, compression, this.#corsHeaders()));
  }

  #send(answer: HttpAnswer | Promise<HttpAnswer>): void {
    const { logUnexpected } = this.#parts;
    const send = (packed: HttpAnswer) => this.#carrier.send(packed);
    if (!(answer instanceof Promise)) this.#carrier.send(answer);
    else
      answer.then(send).catch((error: unknown) => {
        const { name, traceparent } = this.#head;
        logUnexpected(error, name, traceIdIn(traceparent));
      });
  }

  #finish(code: Code | undefined): void {
    this.#state = 'ended';
    this.#alarm?.[Symbol.dispose]();
    if (this.#line !== undefined) this.#line[this.#place] = undefined;
    const { recordCall, deadlines } = this.#parts;
    const { name, format, traceparent } = this.#head;
    recordCall(callRecord(format.protocol, name, code, deadlines.now() - this.#startedAt, traceparent));
  }

  #corsHeaders(): [string, string][] {
    return corsHeaders(this.#parts.cors, this.#head.origin ?? null);
  }
}

import { expect } from 'vitest';
import { isMessage, type Message } from './stock-protos.ts';

/** Why a call failed, the same for every protocol. */
export interface Refusal {
  /** Such as `NOT_FOUND`. */
  readonly code: string;
  readonly message: string;
  /** By the name of the type, such as `ErrorInfo`. */
  readonly details: ReadonlyMap<string, Message>;
}

export type Answer =
  | { readonly response: Message; readonly refusal?: undefined }
  | { readonly response?: undefined; readonly refusal: Refusal };

/** Makes a unary call with some client. An empty token: without a key. */
export type Caller = (method: string, request: Message, token: string) => Promise<Answer>;

/** What a refusal has to say. */
export interface Expected {
  readonly code: string;
  /** Of the ErrorInfo. */
  readonly reason?: string;
  readonly metadata?: Message;
  /** The fields that the BadRequest names. */
  readonly fields?: readonly string[];
}

/** Calls in the name of one key. */
export interface Calls {
  /** The answer to a call that has to succeed. */
  ok(method: string, request?: Message): Promise<Message>;
  /** The refusal of a call that must not succeed. */
  refused(method: string, request: Message, expected: Expected): Promise<Refusal>;
  as(token: string): Calls;
}

export function callsOf(caller: Caller, token: string): Calls {
  return {
    async ok(method, request = {}) {
      const answer = await caller(method, request, token);
      if (answer.response !== undefined) return answer.response;
      const { code, message, details } = answer.refusal;
      throw new Error(
        `${method} ${JSON.stringify(request)} was refused: ${code} ${message} ${JSON.stringify([...details])}`,
      );
    },
    async refused(method, request, expected) {
      const { response, refusal } = await caller(method, request, token);
      if (refusal === undefined)
        throw new Error(`${method} ${JSON.stringify(request)} was not refused: ${JSON.stringify(response)}`);
      checkRefusal(refusal, expected);
      return refusal;
    },
    as: (other) => callsOf(caller, other),
  };
}

export function checkRefusal({ code, message, details }: Refusal, expected: Expected): void {
  const info = details.get('ErrorInfo');
  const seen = {
    code,
    message: message === '' ? '(none)' : '(some)',
    domain: info?.domain,
    ...(expected.reason !== undefined && { reason: info?.reason }),
    ...(expected.metadata !== undefined && { metadata: info?.metadata }),
    ...(expected.fields !== undefined && { fields: violatedFields(details) }),
  };
  expect(seen, message).toEqual({ ...expected, message: '(some)', domain: 'vexil' });
}

/** The text at a path of field names. */
export function text(message: Message, ...path: string[]): string {
  const found = path.reduce<unknown>((value, name) => (isMessage(value) ? value[name] : undefined), message);
  if (typeof found !== 'string')
    throw new Error(`no text at ${path.join('.')} of ${JSON.stringify(message)}`);
  return found;
}

/** The messages in a repeated field. */
export function list(message: Message, field: string): Message[] {
  const found = message[field] ?? [];
  return Array.isArray(found) ? found.filter(isMessage) : [];
}

function violatedFields(details: ReadonlyMap<string, Message>): unknown[] {
  return list(details.get('BadRequest') ?? {}, 'fieldViolations').map(({ field }) => field);
}

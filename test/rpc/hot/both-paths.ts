import { createConnectRouter, createContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { errorToJson } from '@connectrpc/connect/protocol-connect';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../../../src/app/decisions.ts';
import type { Place } from '../../../src/app/environment-access.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { errorInterceptor, toConnectError } from '../../../src/rpc/errors.ts';
import type { EvaluationParts } from '../../../src/rpc/evaluation-parts.ts';
import { evaluationService } from '../../../src/rpc/evaluation-service.ts';
import { placeOnStream } from '../../../src/rpc/hot/checked-query.ts';
import { evaluateStreamed } from '../../../src/rpc/hot/evaluate.ts';
import { type Codec, ENVELOPE_BYTES } from '../../../src/rpc/hot/hot-method.ts';
import { hotMethods } from '../../../src/rpc/hot/methods.ts';
import { DEFAULT_JSON_DEPTH } from '../../../src/rpc/json-guard.ts';
import { principalKey } from '../../../src/rpc/principal-key.ts';
import { guardBody } from '../../../src/rpc/request-guard.ts';
import { queryReaders, requestChecks } from '../../../src/rpc/wire/query-reader.ts';
import { StreamAnswers } from '../../../src/rpc/wire/stream-answers.ts';
import { wireFormatOf } from '../../../src/rpc/wire-format.ts';
import type { RequestKind } from '../../fuzz/random-request.ts';
import type { Instance } from '../../support/instance.ts';

/** An answer: its bytes, and the error that ended it as Connect words it. */
export interface Said {
  readonly bytes: Buffer;
  readonly error: string | undefined;
}

/** One way to have calls answered. A unary call has one message. Answers of streams have their envelopes. */
export type Path = (
  kind: RequestKind,
  codec: Codec,
  messages: readonly Uint8Array[],
  principal: Principal,
) => Promise<Said>;

const READER_LIMITS = {
  maxJsonDepth: DEFAULT_JSON_DEPTH,
  maxAttributes: DEFAULT_CONTEXT_LIMITS.attributes,
};

export function evaluationParts({ catalog, access, clock, watch }: Instance): EvaluationParts {
  const contextLimits = DEFAULT_CONTEXT_LIMITS;
  return { catalog, access, clock, watch, contextLimits, serverVersion: '1.2.3' };
}

/** By hand. */
export function hotPath(parts: EvaluationParts): Path {
  const methods = new Map(
    hotMethods(parts, DEFAULT_JSON_DEPTH).map((hot) => [hot.method.localName, hot] as const),
  );
  const read = queryReaders(READER_LIMITS).evaluateStream;
  return async (kind, codec, messages, principal) => {
    const answers = new StreamAnswers(codec);
    try {
      const [message = new Uint8Array()] = messages;
      const method = methods.get(kind);
      if (method !== undefined) {
        const answer = await method.read(message, codec).answer(principal);
        return { bytes: checkedMessage(answer), error: undefined };
      }
      let place: Place | undefined;
      for (const each of messages) {
        const query = read(each, codec);
        place = placeOnStream(principal, query.environment, place);
        const { outcome, revision } = evaluateStreamed(parts, principal, place, query);
        answers.add(query, outcome, revision);
      }
      return { bytes: answers.take(), error: undefined };
    } catch (error) {
      return { bytes: answers.take(), error: worded(error) };
    }
  };
}

function checkedMessage(answer: Uint8Array): Buffer {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  if (bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - ENVELOPE_BYTES)
    throw new Error('the envelope is wrong');
  return bytes.subarray(ENVELOPE_BYTES);
}

function worded(error: unknown): string {
  return JSON.stringify(errorToJson(toConnectError(error), undefined));
}

/** By the library, behind the guard. */
export function servicePath(parts: EvaluationParts): Path {
  const router = createConnectRouter({ interceptors: [errorInterceptor(() => undefined)] });
  router.service(EvaluationService, evaluationService(parts));
  const handlers = new Map(router.handlers.map((handler) => [handler.method.localName, handler] as const));
  return async (kind, codec, messages, principal) => {
    const handler = handlers.get(kind);
    if (handler === undefined) throw new Error(`there is no ${kind}`);
    const isStream = kind === 'evaluateStream';
    const response = await ask(handler, isStream ? 'connect+' : '', codec, messages, principal);
    const body = await bodyOf(response);
    if (isStream) return splitEnd(body);
    if (response.status === 200) return { bytes: body, error: undefined };
    return { bytes: Buffer.alloc(0), error: JSON.stringify(JSON.parse(body.toString())) };
  };
}

async function ask(
  handler: UniversalHandler,
  framing: string,
  codec: Codec,
  messages: readonly Uint8Array[],
  principal: Principal,
): Promise<UniversalServerResponse> {
  const header = new Headers({ 'content-type': `application/${framing}${codec}` });
  const format = wireFormatOf(header.get('content-type'));
  if (format === undefined) throw new Error('there is no such format');
  const limits = {
    maxMessageBytes: () => 2 ** 24,
    maxJsonDepth: DEFAULT_JSON_DEPTH,
    receiveTimeoutMs: 60_000,
    checks: requestChecks(READER_LIMITS),
  };
  const sent = messages.map((message) => (framing === '' ? message : inEnvelope(message, 0)));
  return handler({
    httpVersion: '2',
    method: 'POST',
    url: `http://localhost${handler.requestPath}`,
    header,
    body: guardBody({ method: handler.method, format, header, limits }, each(sent), () => undefined),
    signal: new AbortController().signal,
    contextValues: createContextValues().set(principalKey, principal),
  });
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function bodyOf({ body }: UniversalServerResponse): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The messages of a stream, and the error in the envelope that ends it. */
function splitEnd(body: Buffer): Said {
  let at = 0;
  while (at < body.length && body[at] === 0) at += ENVELOPE_BYTES + body.readUInt32BE(at + 1);
  const { error } = JSON.parse(body.subarray(at + ENVELOPE_BYTES).toString());
  return { bytes: body.subarray(0, at), error: error && JSON.stringify(error) };
}

function inEnvelope(message: Uint8Array, flags: number): Buffer {
  const head = Buffer.alloc(ENVELOPE_BYTES);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

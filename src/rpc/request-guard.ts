import { type DescMessage, type DescMethod, fromBinary, fromJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { FlagError } from '../core/errors.ts';
import { timedOut } from './call-timeout.ts';
import { type Decompress, decompressorOf, messageTooLarge } from './compression.ts';
import { type Envelope, readEnvelopes, toEnvelope } from './envelopes.ts';
import { toConnectError } from './errors.ts';
import { growingBuffer } from './growing-buffer.ts';
import { checkJson } from './json-guard.ts';
import type { WireFormat } from './wire-format.ts';
import { wrongCount } from './wrong-count.ts';

// The library parses what it is given, takes a malformed message for its own fault, and reserves memory on a peer's
// word. So each message is received, inflated and checked here first, and handed on plain. A refusal is thrown by the
// body that the library reads, which makes it an error of the call's own protocol.

export interface MessageLimits {
  /** Of one message, inflated. */
  maxMessageBytes(method: DescMethod): number;
  readonly maxJsonDepth: number;
  /** For messages in binary whose methods know a better way than to parse them. */
  readonly checks?: ReadonlyMap<DescMethod, (message: Uint8Array) => void>;
  /** A call with a single request message must have sent it after this long. */
  readonly receiveTimeoutMs: number;
}

export interface GuardedCall {
  readonly method: DescMethod;
  readonly format: WireFormat;
  readonly header: Headers;
  readonly limits: MessageLimits;
  /** From its headers to its answer; undefined if there is no end to it. */
  readonly timeoutMs?: number | undefined;
  /** Rejects for a caller of whom no message is to be read. */
  readonly enter?: () => Promise<unknown>;
}

/**
 * The body with every message checked. Takes the compression and the length out of `header`. `refused` is told of the
 * error that the body ends with.
 */
export function guardBody(
  call: GuardedCall,
  body: AsyncIterable<Uint8Array>,
  refused: (error: ConnectError) => void,
): AsyncIterable<Uint8Array> {
  const { method, format, header, limits } = call;
  const encoding = header.get(format.encodingHeader) ?? 'identity';
  const decompress = encoding === 'identity' ? undefined : decompressorOf(encoding);
  // The library refuses an encoding that it does not know before it reads, and says which ones it does.
  if (encoding !== 'identity' && decompress === undefined) return body;
  header.delete(format.encodingHeader);
  const announced = Number(header.get('content-length') ?? 0);
  if (!format.enveloped) header.delete('content-length');
  const timely = singleKind(method) ? withinTime(body, limits.receiveTimeoutMs, call.timeoutMs) : body;
  const plain = format.enveloped
    ? plainEnvelopes(call, timely, decompress)
    : plainBody(call, timely, decompress);
  return asConnectErrors(letIn(call, plain, format.enveloped ? 0 : announced), refused);
}

/** Refuses what cannot go well, whatever arrives, before anything is made of it. */
async function* letIn(
  { method, limits, timeoutMs, enter }: GuardedCall,
  body: AsyncIterable<Uint8Array>,
  announcedBytes: number,
): AsyncGenerator<Uint8Array> {
  if (timeoutMs === 0) throw timedOut();
  const maxBytes = limits.maxMessageBytes(method);
  if (announcedBytes > maxBytes) throw messageTooLarge(maxBytes);
  await enter?.();
  yield* body;
}

/** Throws a FlagError for a message that would not parse, or that parses to something that was not meant. */
export function checkMessage({ method, format, limits }: GuardedCall, message: Uint8Array): void {
  if (format.json) {
    checkJson(message, limits.maxJsonDepth);
    checkFields(method, message);
    return;
  }
  const check = limits.checks?.get(method);
  if (check !== undefined) {
    check(message);
    return;
  }
  try {
    fromBinary(method.input, message, { readUnknownFields: false });
  } catch (cause) {
    throw malformedMessage(method.input, cause);
  }
}

export function malformedMessage({ typeName }: DescMessage, cause: unknown): FlagError {
  return new FlagError('invalid', `the message is not a ${typeName}`, { reason: 'MESSAGE_MALFORMED', cause });
}

/** In the words of the library, which would say them too late for the call to be counted. */
function checkFields({ input }: DescMethod, message: Uint8Array): void {
  try {
    fromJsonString(input, new TextDecoder().decode(message), { ignoreUnknownFields: true });
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

async function* plainEnvelopes(
  call: GuardedCall,
  body: AsyncIterable<Uint8Array>,
  decompress: Decompress | undefined,
): AsyncGenerator<Uint8Array> {
  const maxBytes = call.limits.maxMessageBytes(call.method);
  const kind = singleKind(call.method);
  let count = 0;
  for await (const envelope of readEnvelopes(body, maxBytes)) {
    const plain = await plainMessage(envelope, decompress, maxBytes);
    checkMessage(call, plain);
    if (kind !== undefined && ++count > 1) throw wrongCount('received extra', kind);
    yield toEnvelope(plain);
  }
  if (kind !== undefined && count === 0) throw wrongCount('missing', kind);
}

/** How the library calls a method that takes a single message. */
function singleKind({ methodKind }: DescMethod): 'unary' | 'server-streaming' | undefined {
  if (methodKind === 'unary') return methodKind;
  return methodKind === 'server_streaming' ? 'server-streaming' : undefined;
}

/** The message in an envelope, inflated. Rejects with a FlagError for what is compressed, nobody says how, or badly. */
export async function plainMessage(
  { compressed, message }: Envelope,
  decompress: Decompress | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  if (!compressed) return message;
  if (decompress === undefined) throw unnamedCompression();
  return await decompress(message, maxBytes);
}

/** For a message that is compressed, and nobody says how. */
export function unnamedCompression(): FlagError {
  return new FlagError('invalid', 'a message is compressed, but no encoding is named', {
    reason: 'COMPRESSION_MALFORMED',
  });
}

async function* plainBody(
  call: GuardedCall,
  body: AsyncIterable<Uint8Array>,
  decompress: Decompress | undefined,
): AsyncGenerator<Uint8Array> {
  const maxBytes = call.limits.maxMessageBytes(call.method);
  const received = await readAll(body, maxBytes);
  const plain = decompress === undefined ? received : await decompress(received, maxBytes);
  checkMessage(call, plain);
  yield plain;
}

async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const held = growingBuffer(maxBytes);
  for await (const chunk of body) if (held.take(chunk).length > 0) throw messageTooLarge(maxBytes);
  return held.bytes();
}

/** What is wrong with a request that is not there in time: the time to send it, or that of the whole call. */
export function tooSlow(receiveTimeoutMs: number, timeoutMs: number | undefined): FlagError | ConnectError {
  if (timeoutMs !== undefined && timeoutMs < receiveTimeoutMs) return timedOut();
  return new FlagError('deadline', 'the request took too long to arrive', { reason: 'REQUEST_TOO_SLOW' });
}

async function* withinTime(
  body: AsyncIterable<Uint8Array>,
  receiveTimeoutMs: number,
  timeoutMs: number | undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const { promise: late, reject } = Promise.withResolvers<never>();
  late.catch(() => undefined);
  const onTimeout = (): void => reject(tooSlow(receiveTimeoutMs, timeoutMs));
  const timer = setTimeout(onTimeout, Math.min(receiveTimeoutMs, timeoutMs ?? receiveTimeoutMs));
  try {
    for (;;) {
      const chunk = await Promise.race([chunks.next(), late]);
      if (chunk.done === true) return;
      yield chunk.value;
    }
  } finally {
    clearTimeout(timer);
    chunks.return?.()?.catch(() => undefined);
  }
}

async function* asConnectErrors(
  body: AsyncIterable<Uint8Array>,
  refused: (error: ConnectError) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    const foreseen = cause instanceof FlagError || cause instanceof ConnectError;
    const error = toConnectError(
      foreseen ? cause : new FlagError('cancelled', 'the request was broken off', { cause }),
    );
    refused(error);
    throw error;
  }
}

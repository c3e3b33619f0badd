import { base64Decode } from '@bufbuild/protobuf/wire';
import { FlagError } from '../core/errors.ts';
import { decompressorOf, messageTooLarge } from './compression.ts';
import { checkMessage, type GuardedCall } from './request-guard.ts';
import type { WireFormat } from './wire-format.ts';

/** The format of a Connect GET, which its URL names. Undefined when it names none that is served. */
export function queryFormatOf(query: URLSearchParams): WireFormat | undefined {
  const encoding = query.get('encoding');
  if (encoding !== 'json' && encoding !== 'proto') return undefined;
  return {
    protocol: 'connect',
    json: encoding === 'json',
    enveloped: false,
    encodingHeader: 'content-encoding',
    timeoutHeader: 'connect-timeout-ms',
  };
}

/**
 * Resolves to the URL with its message checked and inflated. Rejects with a FlagError as a body would. An unknown
 * compression is left for the library to refuse.
 */
export async function guardQuery(call: GuardedCall, url: URL): Promise<URL> {
  const query = url.searchParams;
  const encoding = query.get('compression') ?? 'identity';
  const decompress = encoding === 'identity' ? undefined : decompressorOf(encoding);
  if (encoding !== 'identity' && decompress === undefined) return url;
  const maxBytes = call.limits.maxMessageBytes(call.method);
  const sent = messageOf(query);
  if (sent.length > maxBytes) throw messageTooLarge(maxBytes);
  await call.enter?.();
  const plain = decompress === undefined ? sent : await decompress(sent, maxBytes);
  checkMessage(call, plain);
  if (decompress === undefined) return url;
  const inflated = new URL(url);
  inflated.searchParams.delete('compression');
  inflated.searchParams.set('base64', '1');
  inflated.searchParams.set('message', Buffer.from(plain).toString('base64url'));
  return inflated;
}

function messageOf(query: URLSearchParams): Uint8Array {
  const message = query.get('message') ?? '';
  if (query.get('base64') !== '1') return new TextEncoder().encode(message);
  try {
    return base64Decode(message);
  } catch (cause) {
    throw new FlagError('invalid', 'the message is not base64', { reason: 'MESSAGE_MALFORMED', cause });
  }
}

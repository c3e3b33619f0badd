import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

const PRINTABLE = /%(2[0-46-9A-F]|[3-6][0-9A-F]|7[0-9A-E])/g;

/**
 * The same answer with a grpc-message that escapes what has to be escaped and nothing else. The library escapes all
 * that a URL would, which grpc-js shows to people as it is. Trailers are complete once the body is: they are
 * looked at no earlier.
 */
export function withReadableMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { trailer } = answer;
  if (trailer === undefined) return answer;
  return {
    ...answer,
    get trailer() {
      return makeMessageReadable(trailer);
    },
  };
}

/** The same trailers, with a grpc-message that people can read. */
export function makeMessageReadable(trailer: Headers): Headers {
  const message = trailer.get('grpc-message');
  if (message !== null) trailer.set('grpc-message', unescapePrintable(message));
  return trailer;
}

function unescapePrintable(message: string): string {
  return message.replace(PRINTABLE, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

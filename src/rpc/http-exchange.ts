import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

/** A request that is answered at leisure, whichever version of HTTP brought it. */
export interface HttpRequest {
  /** `1.1` or `2.0`. */
  readonly httpVersion: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The host that the caller believes to speak to, if it says so. */
  readonly authority: string | undefined;
  /** Path and query. */
  readonly target: string;
  /** Without an `authorization` that comes twice: whose key is meant is not to be guessed. */
  readonly header: Headers;
  /** Throws if the caller leaves in the middle. Need not be read to its end. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the caller leaves before the end of the answer. */
  readonly signal: AbortSignal;
  /** The other end of the connection. */
  readonly address: string;
  /** Cuts the call without a word: for a caller who does not read. */
  readonly terminate: () => void;
}

/** What throws in its body cuts the call: an answer that has begun cannot be taken back. */
export interface HttpResponse extends Omit<UniversalServerResponse, 'header'> {
  readonly header?: Iterable<[string, string]>;
}

/** Must not throw or reject. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** A whole answer, made without `Headers`: Node loads half a browser with them, and probes ask all day. */
export function page(status: number, fields: Readonly<Record<string, string>> = {}, text = ''): HttpResponse {
  const header = Object.entries(fields);
  if (text === '') return { status, header };
  const bytes = new TextEncoder().encode(text);
  return { status, header: [...header, ['content-length', String(bytes.length)]], body: once(bytes) };
}

/** The path of a request, as it was sent. */
export function pathOf({ target }: Pick<HttpRequest, 'target'>): string {
  return target.split('?', 1)[0] ?? '';
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

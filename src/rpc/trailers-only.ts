import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

/**
 * A gRPC answer that fails before its first message, with its trailers as headers, and nothing after them; any other
 * answer as it is. By the policy in their service config, gRPC clients try again only what no headers came before.
 */
export async function trailersOnly(answer: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { body, status, trailer } = answer;
  if (trailer === undefined || body === undefined || !(Symbol.asyncIterator in body)) return answer;
  const chunks = body[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done !== true) return { ...answer, body: startingWith(first, chunks) };
  const header = new Headers(answer.header);
  for (const [name, value] of answer.trailer ?? []) header.append(name, value);
  return { status, header };
}

/** What is left of an iterator of which the first result was taken. */
function startingWith<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncIterable<T> {
  let taken: IteratorResult<T> | undefined = first;
  const next = async (): Promise<IteratorResult<T>> => {
    const result = taken ?? (await rest.next());
    taken = undefined;
    return result;
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      ...(rest.throw && { throw: rest.throw.bind(rest) }),
      ...(rest.return && { return: rest.return.bind(rest) }),
    }),
  };
}

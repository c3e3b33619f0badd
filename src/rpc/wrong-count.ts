import { Code, ConnectError } from '@connectrpc/connect';

/** For a call with more or fewer messages than its method takes, in the words of the RPC library. */
export function wrongCount(
  what: 'missing' | 'received extra',
  kind: 'unary' | 'server-streaming',
): ConnectError {
  return new ConnectError(`protocol error: ${what} input message for ${kind} method`, Code.Unimplemented);
}

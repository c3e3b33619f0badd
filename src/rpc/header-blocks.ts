import { headerBlock, trailerBlock } from '../http2/header-block.ts';

type Fields = Readonly<Record<string, string>>;

/** By the object itself. Constants only: whoever says always the same should not have it encoded again. */
const kept = new WeakMap<Fields, Uint8Array>();

/** Has the headers of answers with status 200 encoded once. They must never change. */
export function keepBlock(fields: Fields): void {
  kept.set(fields, headerBlock(200, Object.entries(fields)));
}

/** The same for trailers. */
export function keepTrailers(fields: Fields): void {
  kept.set(fields, trailerBlock(Object.entries(fields)));
}

/** The header block of an answer. */
export function blockOf(status: number, fields: Fields): Uint8Array {
  const block = status === 200 ? kept.get(fields) : undefined;
  return block ?? encodeHead(status, Object.entries(fields));
}

/** The same for fields that are nobody's constants. What is not gRPC says when it was made, as web servers do. */
export function encodeHead(status: number, fields: Iterable<[string, string]>): Uint8Array {
  const all = [...fields];
  const isGrpc = all.some(([name, value]) => name === 'content-type' && value.startsWith('application/grpc'));
  if (!isGrpc) all.push(['date', new Date().toUTCString()]);
  return headerBlock(status, all);
}

export function trailersOf(fields: Fields): Uint8Array {
  return kept.get(fields) ?? trailerBlock(Object.entries(fields));
}

import { createHash } from 'node:crypto';
import { clone, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { invalid } from '../core/errors.ts';

const DEFAULT_SIZE = 50;
const MAX_SIZE = 1000;
const CHECKSUM_BYTES = 9;

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** Of all pages. */
  readonly total: number;
}

/**
 * One page of the items, in code point order of their keys, which are unique. A page goes on after a key rather
 * than at an offset, so nothing is skipped or doubled when items come and go between two calls. `binding` names the
 * call and everything that it filters by: a token is good for the same one only.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: PageRequest,
  binding: string,
): Page<T> {
  const size = pageSizeOf(request.pageSize);
  const last = request.pageToken === '' ? undefined : positionOf(request.pageToken, binding);
  const ordered = items
    .map((item) => ({ key: keyOf(item), item }))
    .filter(({ key }) => last === undefined || key > last)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = ordered.slice(0, size);
  const end = page.at(-1);
  const nextPageToken = end !== undefined && ordered.length > size ? pageTokenOf(end.key, binding) : '';
  return { items: page.map(({ item }) => item), nextPageToken, total: items.length };
}

/** A binding of everything in the request but the page itself. */
export function bindingOf<Desc extends DescMessage>(
  schema: Desc,
  request: MessageShape<Desc> & { pageSize: number; pageToken: string },
): string {
  const rest = clone<Desc>(schema, request) as typeof request;
  rest.pageSize = 0;
  rest.pageToken = '';
  return `${schema.typeName} ${Buffer.from(toBinary(schema, rest)).toString('base64')}`;
}

/** How many items a page has: 50 if the caller does not say, never more than 1000. Throws `invalid` if negative. */
export function pageSizeOf(pageSize: number): number {
  if (pageSize < 0) throw invalid([{ path: 'page_size', message: 'must not be negative' }]);
  return pageSize === 0 ? DEFAULT_SIZE : Math.min(pageSize, MAX_SIZE);
}

/** An opaque token that leads back to this position. */
export function pageTokenOf(position: string, binding: string): string {
  return Buffer.concat([checksumOf(position, binding), Buffer.from(position)]).toString('base64url');
}

/** The position that a token was made of. Throws `invalid` if it was not made with this binding. */
export function positionOf(token: string, binding: string): string {
  const bytes = Buffer.from(token, 'base64url');
  const position = bytes.subarray(CHECKSUM_BYTES).toString();
  if (pageTokenOf(position, binding) !== token)
    throw invalid([{ path: 'page_token', message: 'does not belong to this list' }]);
  return position;
}

function checksumOf(position: string, binding: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([binding, position]))
    .digest()
    .subarray(0, CHECKSUM_BYTES);
}

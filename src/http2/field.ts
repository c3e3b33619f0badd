/** Whether a field may stand in a request, as far as that can be told from itself alone. */
export type FieldKind = 'plain' | 'pseudo' | 'wrong';

/** A header field. Made once for each entry of a table, and shared by all requests that refer to it. */
export interface Field {
  readonly name: string;
  readonly value: string;
  readonly kind: FieldKind;
}

/** What a field counts for, beside its characters, in tables and lists. */
const OVERHEAD = 32;

const NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;
const PSEUDO_NAME = /^:[a-z]+$/;
/** Neither control characters, but for tabs inside, nor blanks at the ends. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** They are about one connection of HTTP/1.1. */
const OF_CONNECTIONS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A field as it was spelled; bytes beyond ASCII are characters of Latin-1. */
export function field(name: string, value: string): Field {
  return { name, value, kind: kindOf(name, value) };
}

export function sizeOf({ name, value }: Field): number {
  return name.length + value.length + OVERHEAD;
}

function kindOf(name: string, value: string): FieldKind {
  if (!VALUE.test(value)) return 'wrong';
  if (PSEUDO_NAME.test(name)) return 'pseudo';
  if (!NAME.test(name) || OF_CONNECTIONS.has(name)) return 'wrong';
  return name === 'te' && value !== 'trailers' ? 'wrong' : 'plain';
}

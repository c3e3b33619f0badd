import { isUtf8 } from 'node:buffer';
import { FlagError } from '../core/errors.ts';

export const DEFAULT_JSON_DEPTH = 64;
/** Of one object: more than any message has use for, few enough to be no stall. */
const MAX_KEYS = 10_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const LETTER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The keys seen in an open object, which are mostly few: none, one, several. */
type Keys = undefined | string | Set<string>;

/**
 * Refuses JSON that a parser would take in silence or choke on: deeper than `maxDepth`, two equal keys in one
 * object (also when one is written with escapes), very many keys, bytes that are not UTF-8, halves of surrogate pairs. One pass, no
 * recursion. Whether the text is JSON at all is the parser's business.
 */
export function checkJson(bytes: Uint8Array, maxDepth: number = DEFAULT_JSON_DEPTH): void {
  if (!isUtf8(bytes)) throw refused('the JSON text is not UTF-8', 'JSON_NOT_UTF8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isObject: boolean[] = [];
  const keys: Keys[] = [];
  let keyIsNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case QUOTE: {
        const end = endOfString(text, at);
        if (keyIsNext) keys.push(withKey(keys.pop(), decodeString(text, at, end)));
        keyIsNext = false;
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (keys.length === maxDepth)
          throw refused(`the JSON text nests deeper than ${maxDepth}`, 'JSON_TOO_DEEP');
        keyIsNext = text[at] === OPEN_OBJECT;
        isObject.push(keyIsNext);
        keys.push(undefined);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        isObject.pop();
        keys.pop();
        keyIsNext = false;
        break;
      case COMMA:
        keyIsNext = isObject.at(-1) === true;
        break;
      case COLON:
        keyIsNext = false;
        break;
    }
  }
}

function withKey(keys: Keys, key: string): Keys {
  if (keys === undefined) return key;
  const known = typeof keys === 'string' ? keys === key : keys.has(key);
  if (known) throw refused('the JSON text has an object with the same key twice', 'JSON_DUPLICATE_KEY');
  if (typeof keys === 'string') return new Set([keys, key]);
  if (keys.size === MAX_KEYS)
    throw new FlagError('exhausted', `an object may have ${MAX_KEYS} keys`, { reason: 'JSON_TOO_MANY_KEYS' });
  return keys.add(key);
}

/** The string between the quotes at `start` and `end`. */
function decodeString(text: Buffer, start: number, end: number): string {
  let ascii = true;
  for (let at = start + 1; at < end; at++) {
    const byte = text[at] ?? 0;
    if (byte === BACKSLASH) return unescapeString(text.toString('utf8', start, end + 1));
    if (byte > 127) ascii = false;
  }
  return text.toString(ascii ? 'latin1' : 'utf8', start + 1, end);
}

function unescapeString(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw malformed();
  }
}

/** The place of the closing quote of the string that opens at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte !== BACKSLASH) at++;
    else if (bytes[at + 1] === LETTER_U) at = endOfUnicodeEscape(bytes, at);
    else at += 2;
  }
  throw malformed();
}

function endOfUnicodeEscape(bytes: Uint8Array, start: number): number {
  const unit = unicodeEscape(bytes, start);
  if (unit < 0xd800 || unit > 0xdfff) return start + 6;
  const next = unit < 0xdc00 ? unicodeEscape(bytes, start + 6) : 0;
  if (next < 0xdc00 || next > 0xdfff)
    throw refused('the JSON text has half of a surrogate pair', 'JSON_NOT_UNICODE');
  return start + 12;
}

/** The code unit of the escape at `start`, or -1 when there is none. */
function unicodeEscape(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== BACKSLASH || bytes[start + 1] !== LETTER_U) return -1;
  let unit = 0;
  for (let at = start + 2; at < start + 6; at++) {
    const digit = hexDigit(bytes[at] ?? 0);
    if (digit < 0) throw malformed();
    unit = unit * 16 + digit;
  }
  return unit;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function malformed(): FlagError {
  return refused('the message is not JSON', 'JSON_MALFORMED');
}

function refused(message: string, reason: string): FlagError {
  return new FlagError('invalid', message, { reason });
}

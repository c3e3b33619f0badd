import { isUtf8 } from 'node:buffer';
import { FlagError } from '../core/errors.ts';

export const DEFAULT_JSON_DEPTH = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const LETTER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Refuses JSON that a parser would take in silence or choke on: deeper than `maxDepth`, two equal keys in one
 * object (also when one is written with escapes), bytes that are not UTF-8, halves of surrogate pairs. One pass, no
 * recursion. Whether the text is JSON at all is the parser's business.
 */
export function checkJson(bytes: Uint8Array, maxDepth: number = DEFAULT_JSON_DEPTH): void {
  if (!isUtf8(bytes)) throw refused('the JSON text is not UTF-8', 'JSON_NOT_UTF8');
  // The keys seen in each open object; undefined stands for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyIsNext = false;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = endOfString(bytes, at);
        if (keyIsNext) addKey(open.at(-1), bytes.subarray(at, end + 1));
        keyIsNext = false;
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (open.length === maxDepth)
          throw refused(`the JSON text nests deeper than ${maxDepth}`, 'JSON_TOO_DEEP');
        keyIsNext = bytes[at] === OPEN_OBJECT;
        open.push(keyIsNext ? new Set() : undefined);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        keyIsNext = false;
        break;
      case COMMA:
        keyIsNext = open.at(-1) !== undefined;
        break;
      case COLON:
        keyIsNext = false;
        break;
    }
  }
}

function addKey(keys: Set<string> | undefined, quoted: Uint8Array): void {
  if (keys === undefined) return;
  const key = decodeString(quoted);
  if (keys.has(key))
    throw refused('the JSON text has an object with the same key twice', 'JSON_DUPLICATE_KEY');
  keys.add(key);
}

function decodeString(quoted: Uint8Array): string {
  const text = Buffer.from(quoted.buffer, quoted.byteOffset, quoted.byteLength).toString();
  if (!quoted.includes(BACKSLASH)) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
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

/** Longer text is rarely the same twice. */
const LONGEST = 24;
/** A power of two. Each slot holds the last text that fell into it. */
const SLOTS = 2_048;

const texts: string[] = new Array<string>(SLOTS).fill('');
/** The bytes of all texts, each at its slot. */
const held = new Uint8Array(SLOTS * LONGEST);

/**
 * The text of these bytes, the same string as last time if it was said lately; undefined if it is long, empty or not
 * ASCII. Takes a fixed amount of memory, whatever is said: a newcomer replaces what was in its slot.
 */
export function internedText(bytes: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0 || length > LONGEST) return undefined;
  let hash = length;
  let all = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    hash = (Math.imul(hash, 31) + byte) | 0;
    all |= byte;
  }
  if (all > 0x7f) return undefined;
  const slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
  const text = texts[slot] ?? '';
  const first = slot * LONGEST;
  let same = text.length === length ? 0 : -1;
  while (same >= 0 && same < length) same = held[first + same] === bytes[start + same] ? same + 1 : -1;
  return same === length ? text : keep(bytes, start, end, slot);
}

function keep(bytes: Buffer, start: number, end: number, slot: number): string {
  const text = bytes.toString('latin1', start, end);
  for (let at = start; at < end; at++) held[slot * LONGEST + at - start] = bytes[at] ?? 0;
  texts[slot] = text;
  return text;
}

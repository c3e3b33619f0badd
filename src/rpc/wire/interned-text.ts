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
export function internedText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0 || length > LONGEST) return undefined;
  const slot = slotOf(bytes, start, end);
  const text = texts[slot] ?? '';
  if (text.length !== length) return keep(bytes, start, end, slot);
  const first = slot * LONGEST;
  for (let index = 0; index < length; index++)
    if (held[first + index] !== bytes[start + index]) return keep(bytes, start, end, slot);
  return text;
}

function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] ?? 0;
  const middle = bytes[(start + end) >> 1] ?? 0;
  const last = bytes[end - 1] ?? 0;
  return (((end - start) * 31 + first) * 961 + middle * 31 + last) & (SLOTS - 1);
}

function keep(bytes: Uint8Array, start: number, end: number, slot: number): string | undefined {
  let all = 0;
  for (let at = start; at < end; at++) all |= bytes[at] ?? 0;
  if (all > 0x7f) return undefined;
  const text = propertyName(String.fromCharCode(...bytes.subarray(start, end)));
  for (let at = start; at < end; at++) held[slot * LONGEST + at - start] = bytes[at] ?? 0;
  texts[slot] = text;
  return text;
}

/** The engine's own one string for a property of this name: objects find their properties faster by it. */
function propertyName(text: string): string {
  return Object.keys({ [text]: true })[0] ?? text;
}
